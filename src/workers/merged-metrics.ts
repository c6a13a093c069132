// Metrics of several processes as those of one: counters and histograms added up, gauges as each says itself.
import { Registry } from "@prometheus-io/client";
import type { MetricValues } from "./messages.ts";

type MetricObject = MetricValues[number];
type Value = MetricObject["values"][number] & {
  readonly metricName?: string;
  exemplar?: { readonly timestamp: number };
};

/** What comes first decides where a gauge has only one value, such as a version. */
export async function merged(all: readonly MetricValues[]): Promise<Registry> {
  const registry = Registry.aggregate(all.map((values) => [...values]));
  const exemplars = newestExemplars(all.flat());
  for (const { values } of await registry.getMetricsAsJSON()) {
    for (const value of values as Value[]) {
      const exemplar = exemplars.get(seriesOf(value));
      if (exemplar !== undefined) value.exemplar = exemplar;
    }
  }
  return registry;
}

/**
 * What a process that is gone has counted, so that no sum goes back: its counters and histograms. Of what it said of its present,
 * such as its memory, nothing is left.
 */
export function countedOf(values: MetricValues): MetricObject[] {
  return values.filter(({ type }) => String(type) === "counter" || String(type) === "histogram");
}

/** Adding up leaves them out. */
function newestExemplars(metrics: MetricValues): Map<string, NonNullable<Value["exemplar"]>> {
  const newest = new Map<string, NonNullable<Value["exemplar"]>>();
  for (const value of metrics.flatMap(({ values }) => values as Value[])) {
    const { exemplar } = value;
    if (exemplar === undefined) continue;
    const series = seriesOf(value);
    if (exemplar.timestamp > (newest.get(series)?.timestamp ?? 0)) newest.set(series, exemplar);
  }
  return newest;
}

function seriesOf({ metricName, labels }: Value): string {
  return `${metricName} ${JSON.stringify(labels)}`;
}
