// `bun load/drills/without-control-planes.ts`: all control planes are gone, and proxies are restarted meanwhile: they decide as before.
// What is revoked meanwhile, where they do not hear it, is revoked when they hear a control plane again.
import { closed, open, statusAt } from "../../test/harness/cluster-places.ts";
import { until } from "../../test/harness/until.ts";
import { drill, timed } from "./drill.ts";
import { savedAll } from "./saved.ts";
import { differing } from "./writers.ts";

const CONTAINERS = 60;
/** Proxies come back spread over up to half a minute. */
const RETURN_MS_MAX = 40_000;

await drill("without control planes", async (drill) => {
  const { cluster, places } = await drill.installation();
  const all = [
    ...(await places.makeMany("local", CONTAINERS)),
    ...(await places.makeMany("west", CONTAINERS)),
  ];
  const opened = all.filter((_, n) => n % 3 !== 0);
  for (const [n, at] of all.entries()) await places.write(at, n % 3 === 0 ? closed : open);
  await places.wait(await places.write(all[0] ?? (await places.make("local")), closed));
  drill.exactly(
    "decisions that differ at first",
    await differing(all, places.api, cluster.proxies),
    0,
  );
  await savedAll(cluster.proxies);
  const decisions = async () => {
    const statuses: number[] = [];
    for (const proxy of cluster.proxies) {
      for (const at of all)
        statuses.push(at.server === proxy.said.server ? await statusAt(proxy, at) : 0);
    }
    return statuses;
  };
  const before = await decisions();
  const feeds = await cluster.feedUrls();
  const listens = cluster.controls.map(({ said }) => ({
    REALMGATE_FEED_LISTEN: new URL(said.feed ?? "").host,
    REALMGATE_GRPC_LISTEN: new URL(said.grpc ?? "").host,
    REALMGATE_REST_LISTEN: new URL(said.rest ?? "").host,
  }));
  await Promise.all(cluster.controls.map((control) => control.kill()));
  const restarts: number[] = [];
  for (const [n, proxy] of cluster.proxies.entries()) {
    await proxy.kill();
    restarts.push(
      await timed(async () => {
        cluster.proxies[n] = await cluster.startProxy(proxy.said.server ?? "", `proxy-${n}`, feeds);
      }),
    );
  }
  const after = await decisions();
  drill.row("decisions of restarted proxies", after.length);
  drill.exactly(
    "of them that changed",
    after.filter((status, n) => status !== before[n]).length,
    0,
  );
  drill.row("a proxy starts in", `${Math.round(Math.max(...restarts))} ms`);
  // A control plane of which the proxies do not know.
  const elsewhere = await cluster.startControl();
  const hidden = await places.asAdmin(elsewhere.said.rest ?? "");
  const revoked = opened.filter((_, n) => n % 2 === 0);
  for (const at of revoked) await places.write(at, closed, hidden);
  await elsewhere.stop();
  const stillOpen = (await decisions()).filter((status) => status === 200).length;
  drill.row("open decisions while they hear nothing", stillOpen);
  const returnedMs = performance.now();
  for (const [n, listen] of listens.entries())
    cluster.controls[n] = await cluster.startControl(listen);
  await places.comeBack();
  await until(
    async () => (await differing(all, places.api, cluster.proxies)) === 0,
    "equality",
    RETURN_MS_MAX,
  ).catch(() => {});
  drill.atMost("all hear what was revoked after", performance.now() - returnedMs, RETURN_MS_MAX);
  drill.exactly("decisions that differ then", await differing(all, places.api, cluster.proxies), 0);
});
