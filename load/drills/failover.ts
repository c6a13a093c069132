// `bun load/drills/failover.ts [sync|async]` (both): the primary of PostgreSQL is killed with SIGKILL while clients write, and its
// standby is promoted. With a synchronous standby nothing that was acknowledged is lost; with one that lags behind, what is lost is
// known to be lost, and every proxy decides as the new primary says.
import { Forwarder } from "../../test/harness/forwarder.ts";
import { PostgresServer } from "../../test/harness/postgres-server.ts";
import { until } from "../../test/harness/until.ts";
import { type Drill, drill } from "./drill.ts";
import { differing, Writers } from "./writers.ts";

const WRITERS = 8;
const BEFORE = 100;
const LAG_MS = 1_500;
const AFTER_MS = 3_000;
/** Of each control plane; beside them one connection listens. */
const POOL = 10;
/** Of each control plane, for its feed. */
const FEED_POOL = 4;
/** Tokens that are asked for; each is asked of every process. */
const TOKENS = 40;

interface Pair {
  readonly primary: PostgresServer;
  readonly standby: PostgresServer;
  /** What the control planes use. */
  readonly database: Forwarder;
  /** What the standby follows the primary through. */
  readonly replication: Forwarder;
}

async function pairOf(drill: Drill): Promise<Pair> {
  const primary = await PostgresServer.start();
  const database = await Forwarder.start({ path: primary.socket });
  const replication = await Forwarder.start({ path: primary.socket });
  const standby = await PostgresServer.standbyOf(primary, replication.port);
  drill.use({
    async [Symbol.asyncDispose]() {
      await standby[Symbol.asyncDispose]();
      for (const forwarder of [database, replication]) await forwarder[Symbol.asyncDispose]();
    },
  });
  return { primary, standby, database, replication };
}

/** Versions of the documents of the containers, as a database has them. */
async function versionsIn(server: PostgresServer, url: string): Promise<Map<string, number>> {
  const text = "select owner_id, version from realmgate.documents where kind = 'container'";
  const rows = await server.query(url, text);
  return new Map(rows.map(({ owner_id: id, version }) => [id, version]));
}

async function failover(drill: Drill, isSynchronous: boolean): Promise<void> {
  const { primary, standby, database, replication } = await pairOf(drill);
  let name = "";
  const { cluster, places } = await drill.installation({
    servers: ["local", "local"],
    postgres: primary,
    databaseUrl: async (url) => {
      name = /@\/(\w+)/.exec(url)?.[1] ?? "";
      return `postgres://realmgate@127.0.0.1:${database.port}/${name}`;
    },
  });
  const what = (text: string) => `${isSynchronous ? "synchronous" : "lagging"} standby: ${text}`;
  const all = await places.makeMany("local", WRITERS);
  if (isSynchronous) await primary.waitForStandby();
  const writers = new Writers(all, await places.apis(), { pauseMs: 10 });
  writers.start();
  await until(() => writers.count >= BEFORE, "the first writes", 60_000);
  if (!isSynchronous) {
    replication.freeze();
    await Bun.sleep(LAG_MS);
  }
  await primary.kill("SIGKILL");
  const killedMs = performance.now();
  replication.cut();
  database.cut();
  await standby.promote();
  const versions = await versionsIn(standby, standby.url(name));
  const promotedMs = performance.now();
  database.lead({ path: standby.socket });
  const back = await until(
    () => writers.firstAfter(promotedMs),
    "a write is acknowledged again",
    30_000,
  );
  await Bun.sleep(AFTER_MS);
  await writers.stop();
  const stoppedMs = performance.now();

  const before = writers.written.flatMap(({ place, acknowledged }) =>
    acknowledged
      .filter(({ atMs }) => atMs < promotedMs)
      .map((each) => ({ ...each, isLost: each.version > (versions.get(place.container) ?? 0) })),
  );
  const lost = before.filter(({ isLost }) => isLost);
  drill.row(
    what("writes acknowledged before and after"),
    `${before.length}, ${writers.count - before.length}`,
  );
  drill.row(what("promotion"), `${Math.round(promotedMs - killedMs)} ms`);
  drill.atMost(what("writes are back after it in"), back - promotedMs, 5_000);
  const failures = writers.written.flatMap((each) => each.failures);
  const others = failures.filter(({ status }) => status !== 503 && status !== 412);
  drill.row(what("calls that failed with 503"), failures.length - others.length);
  drill.exactly(what("that failed with something else"), others.length, 0);
  const longest = Math.max(0, ...failures.map(({ tookMs }) => tookMs));
  drill.atMost(what("the longest of them"), longest, 6_000);

  const differ = () => differing(all, places.api, cluster.proxies);
  await until(async () => (await differ()) === 0, "equality", 10_000).catch(() => {});
  drill.atMost(what("proxies equal the new primary in"), performance.now() - stoppedMs, 10_000);
  drill.exactly(what("decisions that are not its"), await differ(), 0);

  if (isSynchronous) drill.exactly(what("acknowledged writes that are lost"), lost.length, 0);
  else drill.row(what("acknowledged writes that are lost"), lost.length, "> 0", lost.length > 0);
  const asked = async (tokens: typeof before): Promise<string> => {
    const statuses = new Set<number>();
    for (const { token } of tokens.slice(-TOKENS)) {
      const { status } = await places.api.call("GET", `/enforcement?revision=${token}`);
      statuses.add(status);
      for (const { said } of cluster.proxies) {
        statuses.add((await fetch(`${said.ops}/readyz?revision=${token}`)).status);
      }
    }
    return [...statuses].sort().join(" ");
  };
  if (!isSynchronous) {
    const answers = await asked(lost);
    drill.row(what("answers to tokens of lost writes"), answers, "never 200", !/200/.test(answers));
  }
  const answers = await asked(before.filter(({ isLost }) => !isLost));
  drill.row(what("answers to tokens of kept writes"), answers, "200", answers === "200");

  const [activity] = await standby.query(
    standby.url(name),
    `select count(*)::int as all, count(*) filter (where state like 'idle in%')::int as stuck
     from pg_stat_activity where application_name like 'realmgate%'`,
  );
  drill.atMost(
    what("connections at the end"),
    activity.all,
    cluster.controls.length * (POOL + FEED_POOL + 1),
    "",
  );
  drill.exactly(what("of them with an open transaction"), activity.stuck, 0);
}

const kinds = process.argv[2] === undefined ? ["sync", "async"] : [process.argv[2]];
await drill("failover of PostgreSQL", async (drill) => {
  for (const kind of kinds) await failover(drill, kind === "sync");
});
