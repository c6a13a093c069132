// Metrics of several processes as those of one: counters and histograms added up, gauges as each says itself.
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from "prom-client";
import type { MetricValues } from "./messages.ts";

type MetricObject = MetricObjectWithValues<MetricValue<string>>;

/** In Prometheus' text format. What comes first decides where a gauge has only one value, such as a version. */
export function mergedText(all: readonly MetricValues[]): Promise<string> {
  return AggregatorRegistry.aggregate(all.map((values) => [...values])).metrics();
}

/**
 * What a process that is gone has counted, so that no sum goes back: its counters and histograms. Of what the same process says of
 * its present, such as its memory, nothing is left.
 */
export function countedOf(values: MetricValues): MetricObject[] {
  return values.filter(({ type }) => {
    // prom-client gives the type as the text of its exposition.
    const name = String(type);
    return name === "counter" || name === "histogram";
  });
}

/** Two of them as one. */
export function mergedCounts(one: MetricValues, other: MetricValues): Promise<MetricValues> {
  return AggregatorRegistry.aggregate([[...one], [...other]]).getMetricsAsJSON();
}
