// Numbers that the request path counts in plain arrays, and how the registry reads them when it is asked.
import { Counter, Gauge, type Metric, type Registry } from "@prometheus-io/client";

/** Values of labels, in the order of their names, and what was counted under them. */
type Counted = readonly [labels: readonly string[], count: number];

/** Counts by one or two closed lists of label values; one addition a count. */
export class CountTable {
  readonly #rows: readonly string[];
  readonly #columns: readonly string[] | null;
  readonly #width: number;
  readonly #counts: Float64Array;

  constructor(rows: readonly string[], columns: readonly string[] | null = null) {
    this.#rows = rows;
    this.#columns = columns;
    this.#width = columns === null ? 1 : columns.length;
    this.#counts = new Float64Array(rows.length * this.#width);
  }

  /** By places in the lists. */
  add(row: number, column = 0): void {
    const at = row * this.#width + column;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** What was counted at all. */
  *entries(): Generator<Counted> {
    for (const [at, count] of this.#counts.entries()) {
      if (count > 0) {
        const column = at % this.#width;
        const row = this.#rows[(at - column) / this.#width] ?? "";
        yield [this.#columns === null ? [row] : [row, this.#columns[column] ?? ""], count];
      }
    }
  }
}

/** Upper bounds in seconds, from a fast refusal to the longest wait for an upstream. */
const BOUNDS_S = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** How long something took, in buckets, by one closed list of label values. */
export class Durations {
  readonly #rows: readonly string[];
  readonly #counts: Float64Array;
  readonly #sumsS: Float64Array;
  /** The last of each bucket that has one. */
  readonly #exemplars: Exemplar[] = [];

  constructor(rows: readonly string[]) {
    this.#rows = rows;
    this.#counts = new Float64Array(rows.length * (BOUNDS_S.length + 1));
    this.#sumsS = new Float64Array(rows.length);
  }

  /** `traceId`: an example for the bucket; null: it is none. */
  add(row: number, ms: number, traceId: string | null = null): void {
    const seconds = ms / 1000;
    let bucket = 0;
    while (bucket < BOUNDS_S.length && seconds > (BOUNDS_S[bucket] ?? 0)) {
      bucket++;
    }
    const at = row * (BOUNDS_S.length + 1) + bucket;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sumsS[row] = (this.#sumsS[row] ?? 0) + seconds;
    if (traceId !== null) {
      const timestamp = Date.now() / 1000;
      this.#exemplars[at] = { labelSet: { trace_id: traceId }, value: seconds, timestamp };
    }
  }

  /** The series of the rows that counted anything. */
  *series(name: string, label: string): Generator<Series> {
    const buckets = BOUNDS_S.length + 1;
    for (const [row, value] of this.#rows.entries()) {
      let count = 0;
      const cumulative = Array.from({ length: buckets }, (_, bucket) => {
        count += this.#counts[row * buckets + bucket] ?? 0;
        return count;
      });
      if (count === 0) {
        continue;
      }
      for (const [bucket, upTo] of cumulative.entries()) {
        const labels = { [label]: value, le: String(BOUNDS_S[bucket] ?? "+Inf") };
        const exemplar = this.#exemplars[row * buckets + bucket];
        const series = { metricName: `${name}_bucket`, labels, value: upTo };
        yield exemplar === undefined ? series : { ...series, exemplar };
      }
      const labels = { [label]: value };
      yield { metricName: `${name}_sum`, labels, value: this.#sumsS[row] ?? 0 };
      yield { metricName: `${name}_count`, labels, value: count };
    }
  }
}

/** Of values of the same series in several processes. */
type MergedGauge = "sum" | "min" | "max";

/** One observation of a bucket, by its trace. */
interface Exemplar {
  readonly labelSet: { readonly trace_id: string };
  readonly value: number;
  /** Unix seconds. */
  readonly timestamp: number;
}

interface Series {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: Exemplar;
}

/** Named numbers of one registry, each read when it is asked. */
export class Instruments {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** `merged`: what it is of several processes that serve the same addresses. */
  gauge(name: string, help: string, read: () => number, merged: MergedGauge = "sum"): void {
    new Gauge({
      name,
      help,
      aggregator: merged,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** One series for each list of label values that is read. */
  gauges(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<Counted>,
    merged: MergedGauge = "sum",
  ): void {
    new Gauge({
      name,
      help,
      aggregator: merged,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [values, value] of read()) {
          this.set(Object.fromEntries(labelNames.map((label, i) => [label, values[i]])), value);
        }
      },
    });
  }

  counter(name: string, help: string, read: () => number): void {
    this.counters(name, help, [], () => [[[], read()]]);
  }

  /** One series for each list of label values that is read. */
  counters(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<Counted>,
  ): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [values, count] of read()) {
          this.inc(Object.fromEntries(labelNames.map((label, i) => [label, values[i]])), count);
        }
      },
    });
  }

  /** What is known from the start, as the labels of a series that is always 1. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    new Gauge({
      name,
      help,
      aggregator: "first",
      labelNames: Object.keys(labels),
      registers: [this.#registry],
    }).set(labels, 1);
  }

  /** The registry asks a metric for nothing but this; its own histogram would take some 0.3 µs an observation. */
  durations(name: string, help: string, label: string, durations: Pick<Durations, "series">): void {
    const get = async () => ({
      name,
      help,
      type: "histogram",
      aggregator: "sum",
      values: [...durations.series(name, label)],
    });
    this.#registry.registerMetric({ name, get } as unknown as Metric);
  }
}
