// What drills share: a bounded time, a table of what was measured beside what must hold, and nothing left behind.
import { Cluster, type ClusterOptions } from "../../test/harness/cluster.ts";
import { ClusterPlaces } from "../../test/harness/cluster-places.ts";
import { startScript } from "../../test/harness/process-lines.ts";

export interface Installation {
  readonly cluster: Cluster;
  readonly places: ClusterPlaces;
}

const LOG_END = 1_500;

const LIMIT_MS = 170_000;

export class Drill {
  /** Disposed when the drill is over, the last one first. */
  readonly #used = new AsyncDisposableStack();
  readonly #clusters: Cluster[] = [];
  hasFailed = false;

  /** Disposes of it at the end. */
  use<Used extends AsyncDisposable>(used: Used): Used {
    return this.#used.use(used);
  }

  /** A line of the table. */
  row(what: string, measured: string | number, wanted = "", holds = true): void {
    if (!holds) this.hasFailed = true;
    console.log(`| ${what} | ${measured} | ${wanted} | ${holds ? "" : "FAILED"} |`);
  }

  /** A line of a number that may be so great. */
  atMost(what: string, measured: number, max: number, unit = "ms"): void {
    this.row(what, `${round(measured)} ${unit}`, `≤ ${max} ${unit}`, measured <= max);
  }

  exactly(what: string, measured: number, wanted: number): void {
    this.row(what, measured, `${wanted}`, measured === wanted);
  }

  /** An installation with containers on an upstream. */
  async installation(options: ClusterOptions = {}): Promise<Installation> {
    const upstream = this.use(startScript(`${import.meta.dir}/../websocket-ends.ts`, "upstream"));
    const port = Number(await upstream.line());
    const cluster = this.use(await Cluster.start({ gateway: false, ...options }));
    this.#clusters.push(cluster);
    return { cluster, places: await ClusterPlaces.of(cluster, port) };
  }

  /** The ends of what its processes logged. */
  logs(): string {
    const members = this.#clusters.flatMap(({ controls, proxies }) => [...controls, ...proxies]);
    return members.map(({ pid, log }) => `${pid}: …${log().slice(-LOG_END)}`).join("\n");
  }

  dispose(): Promise<void> {
    return this.#used.disposeAsync();
  }
}

const round = (value: number) => (value < 100 ? Math.round(value * 10) / 10 : Math.round(value));

/** Runs it. The exit code is 1 when a line of it does not hold, or it takes too long. */
export async function drill(name: string, body: (drill: Drill) => Promise<void>): Promise<never> {
  const drill = new Drill();
  const ended = Promise.withResolvers<never>();
  const end = (why: string) => ended.reject(new Error(why));
  const late = setTimeout(() => end(`not done after ${LIMIT_MS / 1000} s`), LIMIT_MS);
  process.once("SIGINT", () => end("interrupted"));
  process.once("SIGTERM", () => end("interrupted"));
  console.log(`| ${name} | measured | must be | |\n| --- | --- | --- | --- |`);
  try {
    await Promise.race([body(drill), ended.promise]);
  } catch (error) {
    console.error(error, drill.logs());
    drill.hasFailed = true;
  }
  clearTimeout(late);
  await drill.dispose();
  process.exit(drill.hasFailed ? 1 : 0);
}

/** How long something took, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** The value below which so large a share of them lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
