// `bun load/drills/partition.ts`: for 20 s the network between control planes, database and proxies swallows everything. Each call is
// answered within its deadline, a proxy that may not be stale allows nothing any more, and all goes on when the network is back.
import { type ClusterPlace, open, statusAt } from "../../test/harness/cluster-places.ts";
import { Forwarder } from "../../test/harness/forwarder.ts";
import { PostgresServer } from "../../test/harness/postgres-server.ts";
import { until } from "../../test/harness/until.ts";
import { drill } from "./drill.ts";

const FROZEN_MS = 20_000;
const STALENESS_S = 5;
/** REALMGATE_DATABASE_TIMEOUT_MS is 5,000; it counts for a connection and for its statement. */
const CALL_MS_MAX = 6_000;
const BACK_MS_MAX = 40_000;

await drill("a network that swallows everything", async (drill) => {
  const postgres = await PostgresServer.start();
  const forwarders = [await Forwarder.start({ path: postgres.socket })];
  drill.use({
    async [Symbol.asyncDispose]() {
      for (const forwarder of forwarders) await forwarder[Symbol.asyncDispose]();
    },
  });
  const { cluster, places } = await drill.installation({
    postgres,
    servers: ["local", "local"],
    databaseUrl: async (url) =>
      `postgres://realmgate@127.0.0.1:${forwarders[0]?.port}/${/@\/(\w+)/.exec(url)?.[1]}`,
    feedUrl: async (url) => {
      const { hostname: host, port } = new URL(url);
      const forwarder = await Forwarder.start({ host, port: Number(port) });
      forwarders.push(forwarder);
      return `http://127.0.0.1:${forwarder.port}`;
    },
    proxyEnvironment: { REALMGATE_STALENESS_MAX_S: `${STALENESS_S}` },
  });
  const at = await places.make("local");
  await places.wait(await places.write(at, open));
  const isOpen = async (of: ClusterPlace) =>
    (await Promise.all(cluster.proxies.map((proxy) => statusAt(proxy, of)))).includes(200);
  if (!(await isOpen(at))) throw new Error("it is closed before");
  const apis = await places.apis();

  const frozenMs = performance.now();
  for (const forwarder of forwarders) forwarder.freeze();
  const isFrozen = () => performance.now() - frozenMs < FROZEN_MS;
  let lastOpenMs = 0;
  const looks = (async () => {
    while (isFrozen()) {
      if (await isOpen(at)) lastOpenMs = performance.now() - frozenMs;
      await Bun.sleep(50);
    }
  })();
  const took: number[] = [];
  const statuses = new Map<number, number>();
  const calls = apis.flatMap((api) =>
    ["GET", "POST"].map(async (method) => {
      while (isFrozen()) {
        const startedMs = performance.now();
        const body = method === "POST" ? { body: { alias: places.alias() } } : {};
        const { status } = await api.call(method, "/projects", body);
        took.push(performance.now() - startedMs);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        await Bun.sleep(200);
      }
    }),
  );
  await Promise.all([looks, ...calls]);
  drill.atMost(
    "the last request that was let in, after the beginning",
    lastOpenMs,
    (STALENESS_S + 1) * 1000,
  );
  drill.atMost(`the longest of ${took.length} calls of the API`, Math.max(...took), CALL_MS_MAX);
  const answers = [...statuses].map(([status, count]) => `${count} × ${status}`).join(", ");
  drill.row(
    "their answers",
    answers,
    "503",
    [...statuses.keys()].every((status) => status === 503),
  );

  const thawedMs = performance.now();
  for (const forwarder of forwarders) forwarder.thaw();
  await until(
    async () => (await apis[0]?.call("GET", "/projects"))?.status === 200,
    "the API",
    BACK_MS_MAX,
  );
  drill.row("the API is back after", `${Math.round(performance.now() - thawedMs)} ms`);
  const all = () => Promise.all(cluster.proxies.map((proxy) => statusAt(proxy, at)));
  await until(
    async () => (await all()).every((status) => status === 200),
    "all is open",
    BACK_MS_MAX,
  );
  drill.atMost("the proxies are open again after", performance.now() - thawedMs, BACK_MS_MAX);
});
