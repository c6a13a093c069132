// `bun load/drills/lost-notifications.ts [SECONDS]` (60): 12 writers over two control planes, while the connections on which they hear
// of each other's commits are cut every second. Each proxy must end equal to the database.
import { until } from "../../test/harness/until.ts";
import { drill } from "./drill.ts";
import { differing, Writers } from "./writers.ts";

const WRITERS = 12;
const CONTAINERS = 240;
const seconds = Number(process.argv[2] ?? 60);

/** The backends that listen: that is the last thing that they were asked. */
const CUT = `select pg_terminate_backend(pid) from pg_stat_activity
  where application_name like 'realmgate %' and pid <> pg_backend_pid()`;

await drill("writes while LISTEN is cut", async (drill) => {
  const { cluster, places } = await drill.installation({ servers: ["local", "local"] });
  const all = await places.makeMany("local", CONTAINERS);
  const writers = new Writers(all, await places.apis(), { writers: WRITERS });
  writers.start();
  let cuts = 0;
  for (let second = 0; second < seconds; second++) {
    await Bun.sleep(1000);
    cuts += (await cluster.postgres.query(cluster.databaseUrl, CUT)).length;
  }
  await writers.stop();
  const failures = writers.written.flatMap((each) => each.failures);
  drill.row("writes acknowledged", `${writers.count} (${Math.round(writers.count / seconds)}/s)`);
  drill.row("connections cut", cuts, `≥ ${seconds}`, cuts >= seconds);
  drill.exactly("calls that failed", failures.length, 0);
  const stoppedMs = performance.now();
  await until(
    async () => (await differing(all, places.api, cluster.proxies)) === 0,
    "equality",
    5_000,
  ).catch(() => {});
  const took = performance.now() - stoppedMs;
  drill.exactly(
    "decisions that differ from the database",
    await differing(all, places.api, cluster.proxies),
    0,
  );
  drill.row("equal, at the latest, after the last write", `${Math.round(took)} ms`);
  drill.exactly("acknowledged writes that are lost", (await writers.lost(places.api)).length, 0);
});
