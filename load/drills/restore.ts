// `bun load/drills/restore.ts`: the database is dumped, written on, and put back from the dump under running control planes. Every
// proxy takes back what came after the dump; traffic of containers that did not change is not disturbed, nor are their connections.
import type { Member } from "../../test/harness/cluster.ts";
import { type ClusterPlace, closed, open, statusAt } from "../../test/harness/cluster-places.ts";
import { until } from "../../test/harness/until.ts";
import { type Drill, drill } from "./drill.ts";
import { openSocket } from "./open-socket.ts";
import { differing, Writers } from "./writers.ts";

const UNCHANGED = 40;
const CHANGED = 20;
const WRITE_MS = 3_000;
const EQUAL_MS_MAX = 10_000;
const AFTER_MS = 2_000;
const PAUSE_MS = 5;
/** Tokens that are asked for. */
const TOKENS = 20;

/** Requests to places that are open throughout, through each proxy in turn. */
class Traffic {
  readonly statuses: number[] = [];
  slowestMs = 0;
  #isOver = false;
  readonly #running: Promise<void>;

  constructor(proxies: readonly Member[], places: readonly ClusterPlace[]) {
    this.#running = this.#run(proxies, places);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(proxies: readonly Member[], places: readonly ClusterPlace[]): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const at = places[n % places.length];
      if (at === undefined) return;
      const startedMs = performance.now();
      this.statuses.push(await statusAt(proxies[n % proxies.length], at).catch(() => 0));
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedMs);
      await Bun.sleep(PAUSE_MS);
    }
  }
}

/** What processes answer to these tokens. */
async function answersTo(
  tokens: readonly string[],
  { cluster, places }: Awaited<ReturnType<Drill["installation"]>>,
): Promise<string> {
  const statuses = new Set<number>();
  for (const token of tokens.slice(-TOKENS)) {
    statuses.add((await places.api.call("GET", `/enforcement?revision=${token}`)).status);
    for (const { said } of cluster.proxies) {
      statuses.add((await fetch(`${said.ops}/readyz?revision=${token}`)).status);
    }
  }
  return [...statuses].sort().join(" ");
}

await drill("a database that is restored", async (drill) => {
  const installation = await drill.installation({ servers: ["local", "local"] });
  const { cluster, places } = installation;
  const { postgres, databaseUrl } = cluster;
  const name = /\/(\w+)\?/.exec(databaseUrl)?.[1] ?? "";
  const unchanged = await places.makeMany("local", UNCHANGED);
  const changed = await places.makeMany("local", CHANGED);
  const all = [...unchanged, ...changed];
  for (const at of all) await places.write(at, open);
  const kept = await places.write(changed[0] ?? (await places.make("local")), closed);
  await places.wait(kept);

  const traffic = new Traffic(cluster.proxies, unchanged);
  const ends: number[] = [];
  for (const [n, at] of unchanged.entries()) {
    const proxy = cluster.proxies[n];
    if (proxy === undefined) break;
    const { ended } = await openSocket(proxy, at);
    void ended.then(({ code }) => ends.push(code));
  }

  const dump = await postgres.dump(databaseUrl);
  const writers = new Writers(changed, await places.apis(), { pauseMs: 5 });
  writers.start();
  const later = await places.make("local");
  await until(async () => (await statusAt(cluster.proxies[0], later)) === 200, "the later one");
  await Bun.sleep(WRITE_MS);
  await writers.stop();
  drill.row("writes after the dump", writers.count, "> 0", writers.count > 0);

  await postgres.restore(name, dump);
  const restoredMs = performance.now();
  await places.comeBack();
  // As many writes as before: revisions of the lost ones are given again.
  const again = new Writers(changed, await places.apis(), { pauseMs: 5 });
  again.start();
  await Bun.sleep(AFTER_MS);
  await again.stop();
  const stoppedMs = performance.now();
  drill.row("writes after the restore", again.count, "> 0", again.count > 0);
  drill.row("the first of them after", `${Math.round((again.firstAfter(0) ?? 0) - restoredMs)} ms`);
  const equal = async () =>
    (await differing(all, places.api, cluster.proxies)) === 0 &&
    (await statusAt(cluster.proxies[0], later)) !== 200 &&
    (await statusAt(cluster.proxies[1], later)) !== 200;
  await until(equal, "equality", EQUAL_MS_MAX).catch(() => {});
  drill.atMost("proxies equal the database in", performance.now() - stoppedMs, EQUAL_MS_MAX);
  drill.exactly("decisions that differ", await differing(all, places.api, cluster.proxies), 0);
  const served = await statusAt(cluster.proxies[0], later);
  drill.row("answer for a container that is not there any more", served, "not 200", served !== 200);

  await traffic.stop();
  drill.row("requests to unchanged containers", traffic.statuses.length);
  const disturbed = traffic.statuses.filter((status) => status !== 200);
  drill.exactly("of them not answered by the program", disturbed.length, 0);
  drill.row("the slowest", `${Math.round(traffic.slowestMs)} ms`);
  drill.exactly("WebSockets of unchanged containers that ended", ends.length, 0);

  const lost = writers.written.flatMap(({ acknowledged }) =>
    acknowledged.map(({ token }) => token),
  );
  const toLost = await answersTo(lost, installation);
  drill.row("answers to tokens of lost writes", toLost, "never 200", !/200/.test(toLost));
  const toKept = await answersTo([kept.headers.get("x-realmgate-revision") ?? ""], installation);
  drill.row("answers to a token from before the dump", toKept, "200", toKept === "200");
});
