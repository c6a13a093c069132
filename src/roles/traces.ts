import type { Log } from "../log.ts";
import { TraceExport } from "../proxy/observe/trace-export.ts";
import { readTraceCollector } from "../proxy/observe/trace-settings.ts";

/** By OpenTelemetry's own variables, which other programs of the machine may have set: a wrong one turns traces off. */
export function openTraces(serverName: string, log: Log): TraceExport | null {
  const collector = readTraceCollector(process.env, (variable, problem) =>
    log.warn({ variable, problem }, "traces are off"),
  );
  return collector === null ? null : new TraceExport(collector, serverName, log);
}
