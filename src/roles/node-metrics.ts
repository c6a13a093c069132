// The metrics of a process that has no data plane.
import { Registry } from "@prometheus-io/client";
import { version } from "../../package.json";
import { escapedErrors } from "../guard/escaped-errors.ts";
import type { MetricsFormat } from "../ops.ts";
import { Instruments } from "../proxy/observe/instruments.ts";
import { collectProcessMetrics } from "../proxy/observe/process-metrics.ts";

export interface NodeMetrics {
  format(): MetricsFormat;
}

/** `add`: adds what is measured. */
export function nodeMetrics(add: (instruments: Instruments) => void): NodeMetrics {
  const registry = new Registry();
  const instruments = new Instruments(registry);
  instruments.info("realmgate_build_info", "The version that runs.", { version });
  collectProcessMetrics(registry);
  instruments.counter(
    "realmgate_escaped_errors_total",
    "Faults of the process itself that no call could be blamed for: the log has each.",
    escapedErrors,
  );
  add(instruments);
  const { contentType } = registry;
  return { format: () => ({ contentType, text: () => registry.metrics() }) };
}
