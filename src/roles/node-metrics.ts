// The metrics of a process that has no data plane.
import { Registry } from "prom-client";
import { version } from "../../package.json";
import { Instruments } from "../proxy/observe/instruments.ts";
import { collectProcessMetrics } from "../proxy/observe/process-metrics.ts";

export interface NodeMetrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** `add`: adds what is measured. */
export function nodeMetrics(add: (instruments: Instruments) => void): NodeMetrics {
  const registry = new Registry();
  const instruments = new Instruments(registry);
  instruments.info("realmgate_build_info", "The version that runs.", { version });
  collectProcessMetrics(registry);
  add(instruments);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}
