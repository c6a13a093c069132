// `bun load/drills/write-to-enforced.ts [WRITES]` (100): how long after its answer a write is enforced by each of four proxies of two
// control planes: alone, then while others write as fast as they can, then with one proxy stopped (SIGSTOP), too.
import type { Member } from "../../test/harness/cluster.ts";
import { type ClusterPlace, closed, open, statusAt } from "../../test/harness/cluster-places.ts";
import { rssBytes } from "../process-memory.ts";
import { drill, quantile } from "./drill.ts";
import { Writers } from "./writers.ts";

const writes = Number(process.argv[2] ?? 100);
const ENFORCED_MS_MAX = 50;
const GROWTH_MIB_MAX = 32;
const WRITERS = 8;
const mib = (bytes: number) => bytes / 1024 / 1024;

await drill("from the answer of a write until it is enforced", async (drill) => {
  const { cluster, places } = await drill.installation({ servers: Array(4).fill("local") });
  const at = await places.make("local");
  const others = await places.makeMany("local", WRITERS);
  const apis = await places.apis();
  const flipped = async (proxy: Member, place: ClusterPlace, wanted: number, sinceMs: number) => {
    while ((await statusAt(proxy, place)) !== wanted);
    return performance.now() - sinceMs;
  };
  const measured = async (proxies: readonly Member[]): Promise<number[]> => {
    const times: number[] = [];
    for (let n = 0; n < writes; n++) {
      await places.write(at, n % 2 === 0 ? open : closed, apis[n % apis.length]);
      const answeredMs = performance.now();
      const wanted = n % 2 === 0 ? 200 : 403;
      times.push(
        ...(await Promise.all(proxies.map((each) => flipped(each, at, wanted, answeredMs)))),
      );
    }
    return times;
  };
  const row = (what: string, times: readonly number[], isJudged: boolean) => {
    const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
    drill.row(`${what}: p50`, `${p50.toFixed(1)} ms`);
    if (isJudged) drill.atMost(`${what}: p99`, p99, ENFORCED_MS_MAX);
    else drill.row(`${what}: p99`, `${p99.toFixed(1)} ms`);
  };
  row("alone", await measured(cluster.proxies), true);

  const writers = new Writers(others, apis);
  writers.start();
  const startedMs = performance.now();
  row("while others write", await measured(cluster.proxies), false);
  const [frozen, ...running] = cluster.proxies;
  const before = cluster.controls.map(({ pid }) => rssBytes(pid));
  frozen?.signal("SIGSTOP");
  row("and one proxy is stopped", await measured(running), false);
  await writers.stop();
  const perS = writers.count / ((performance.now() - startedMs) / 1000);
  drill.row("writes of others", `${Math.round(perS)}/s`);
  const grown = cluster.controls.map(({ pid }, n) => mib(rssBytes(pid) - (before[n] ?? 0)));
  drill.atMost("a control plane grew by", Math.max(...grown), GROWTH_MIB_MAX, "MiB");
  const { data } = (await places.wait(await places.write(at, open), apis[0], 500)).body;
  drill.row(
    "with it stopped, enforced by",
    `${data.enforced} of ${data.of}`,
    "3 of 4",
    data.enforced === 3,
  );
  frozen?.signal("SIGCONT");
  const after = (await places.wait(await places.write(at, closed), apis[0], 10_000)).body.data;
  drill.row("when it goes on", `${after.enforced} of ${after.of}`, "4 of 4", after.complete);
});
