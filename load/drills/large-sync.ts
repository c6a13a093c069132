// `bun load/drills/large-sync.ts [CONTAINERS]` (100000): a proxy hears of many containers while it serves one: how late its event loop
// is, what memory it takes beside what it keeps, and what clients wait.
//   DOCUMENTS=1000 bun load/drills/large-sync.ts     containers share so many documents
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Member } from "../../test/harness/cluster.ts";
import { type ClusterPlace, metricOf, open } from "../../test/harness/cluster-places.ts";
import { rssBytes } from "../process-memory.ts";
import type { FixedRateOrder, FixedRateResult } from "../side-by-side/fixed-rate-client.ts";
import { type Drill, drill, timed } from "./drill.ts";
import { populate } from "./population.ts";

const containers = Number(process.argv[2] ?? 100_000);
const documents = Number(process.env.DOCUMENTS ?? containers);
const PER_S = 300;
const LATE_MS_MAX = 20;
const GROWTH_MAX = 1.3;
const SYNC_MS_MAX = 60_000;
const SETTLE_MS = 5_000;
const LOOK_MS = 250;

const mib = (bytes: number) => Math.round(bytes / 1024 / 1024);

/** The most that was resident since the last call. */
function peakBytes(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  return Number(kib) * 1024;
}

interface Lateness {
  readonly lateMs: number;
  /** Of that at most what the process itself computed while nobody kept it from its core. */
  readonly ownMs: number;
}

/** What the probe saw since then. */
function latenessIn(path: string, sinceMs: number): Lateness[] {
  return readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map(Number))
    .filter(([atMs = 0]) => atMs >= sinceMs)
    .map(([, lateMs = 0, ownMs = 0]) => ({ lateMs, ownMs }));
}

/** Seldom: each look is a scrape of all metrics, which holds up the event loop that is measured. */
async function known(member: Member, revision: number | null): Promise<void> {
  const endMs = performance.now() + SYNC_MS_MAX;
  while ((await metricOf(member, "realmgate_snapshot_revision")) !== revision) {
    if (performance.now() > endMs) throw new Error(`not known within ${SYNC_MS_MAX} ms`);
    await Bun.sleep(LOOK_MS);
  }
}

/** Clients of the container for so long. */
async function clients(
  proxy: Member,
  { host }: ClusterPlace,
  seconds: number,
): Promise<FixedRateResult> {
  const order: FixedRateOrder = {
    load: {
      name: "large sync",
      protocol: "h1",
      port: Number(new URL(proxy.said.proxy ?? "").port),
      hosts: [host],
      path: "/",
      fields: {},
      postBytes: 0,
      connections: 16,
      folder: "",
    },
    perS: PER_S,
    seconds,
    isRefusedOnLoss: false,
  };
  const script = `${import.meta.dir}/../side-by-side/fixed-rate-client.ts`;
  const child = Bun.spawn([process.execPath, script, JSON.stringify(order)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  return JSON.parse(await new Response(child.stdout).text());
}

await drill(`${containers} containers, ${documents} documents`, async (drill) => {
  const { cluster, places } = await drill.installation({ controls: 1, servers: [] });
  cluster.tokens.set("local", await cluster.node("proxy", "local"));
  const feeds = await cluster.feedUrls();
  const probed = async (name: string) => {
    const path = join(cluster.folder, `${name}.late`);
    writeFileSync(path, "");
    const member = await cluster.startProxy("local", name, feeds, {
      BUN_OPTIONS: `--preload=${import.meta.dir}/lateness-probe.ts`,
      REALMGATE_DRILL_LATENESS: path,
    });
    cluster.proxies.push(member);
    return { member, path };
  };
  const { member, path } = await probed("serving");
  await places.comeBack();
  const { servers } = await places.api.data("GET", "/servers");
  for (const { name, id } of servers) places.servers.set(name, id);
  const at = await places.make("local");
  await places.wait(await places.write(at, open));
  const installation = { cluster, places };

  const follow = async (drill: Drill, what: string, begin: () => Promise<number>) => {
    const asked = clients(member, at, 20);
    // The first requests of a process take longer, without any sync.
    await Bun.sleep(1000);
    peakBytes(member.pid);
    const beginMs = Date.now();
    const revision = await begin();
    const tookMs = await timed(() => known(member, revision));
    const { p50Ms, p99Ms, maxMs, dropped, requests } = await asked;
    await Bun.sleep(SETTLE_MS);
    const peak = peakBytes(member.pid);
    const steady = rssBytes(member.pid);
    const late = latenessIn(path, beginMs);
    drill.row(`${what}: known after its commit`, `${Math.round(tookMs)} ms`);
    drill.atMost(
      `${what}: event loop held up`,
      Math.max(0, ...late.map(({ ownMs }) => ownMs)),
      LATE_MS_MAX,
    );
    drill.row(
      `${what}: a timer was late, with what others did`,
      `${Math.max(0, ...late.map(({ lateMs }) => lateMs))} ms`,
    );
    const over = [4, 10, 20].map((ms) => late.filter(({ ownMs }) => ownMs > ms).length);
    drill.row(`${what}: held up for more than 4, 10, 20 ms`, `${over.join(", ")} times`);
    drill.row(
      `${what}: resident at most, then`,
      `${mib(peak)} MiB, ${mib(steady)} MiB`,
      `≤ ${GROWTH_MAX} ×`,
      peak <= GROWTH_MAX * steady,
    );
    drill.row(
      `${what}: ${requests} requests waited p50, p99, longest`,
      [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)).join(", "),
    );
    drill.exactly(`${what}: requests without a 200`, dropped, 0);
  };
  drill.row("resident before", `${mib(rssBytes(member.pid))} MiB`);
  await follow(drill, "many come", () =>
    populate(installation, { server: "local", count: containers, documents }),
  );
  await follow(drill, "all anew", async () => {
    // As if the database had lost what the proxy knows.
    await cluster.postgres.query(
      cluster.databaseUrl,
      "update realmgate.lineages set tag = left(md5(tag), 16)",
    );
    await places.write(at, open);
    const [row] = await cluster.postgres.query(
      cluster.databaseUrl,
      "select value from realmgate.revisions",
    );
    return Number(row.value);
  });
  const startMs = await timed(async () => {
    const { member: fresh } = await probed("fresh");
    const revision = await metricOf(member, "realmgate_snapshot_revision");
    await known(fresh, revision);
  });
  drill.row("a new proxy knows all after its start", `${Math.round(startMs)} ms`);
});
