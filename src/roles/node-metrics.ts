// The metrics of a process that has no data plane.
import { Registry } from "@prometheus-io/client";
import { version } from "../../package.json";
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
  add(instruments);
  const { contentType } = registry;
  return { format: () => ({ contentType, text: () => registry.metrics() }) };
}
