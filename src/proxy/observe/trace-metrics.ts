// Metrics of the traces that are sent to a collector.
import type { Instruments } from "./instruments.ts";
import type { TraceExport } from "./trace-export.ts";

export function traceSeries(instruments: Instruments, traces: TraceExport): void {
  instruments.counters(
    "realmgate_trace_spans_total",
    "Spans of sampled traces: sent to the collector, or dropped because it was away or too many waited.",
    ["result"],
    () => [
      [["sent"], traces.counts.sent],
      [["dropped"], traces.counts.dropped],
    ],
  );
}
