// A whole installation on this machine, until SIGTERM: a private PostgreSQL, two control planes, a gateway, three proxies on two
// servers. Prints one line of JSON when everything is up; the first user's password is on stderr.
import { randomBytes } from "node:crypto";
import { Cluster } from "../test/harness/cluster.ts";
import { postgresBinaries } from "../test/harness/postgres-server.ts";

if (postgresBinaries === null) {
  console.error(
    "realmgate: there is no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql, or name the folder of its programs in REALMGATE_TEST_POSTGRES_BIN",
  );
  process.exit(1);
}

const stopped = new Promise<void>((resolve) => {
  process.once("SIGINT", () => resolve());
  process.once("SIGTERM", () => resolve());
});
const adminPassword = process.env.REALMGATE_ADMIN_PASSWORD ?? randomBytes(18).toString("base64url");
const environment = { REALMGATE_SIGNUP: process.env.REALMGATE_SIGNUP ?? "off" };
let isStopping = false;
try {
  const cluster = await Cluster.start({ adminPassword, environment });
  for (const member of [...cluster.controls, ...cluster.proxies, cluster.gateway]) {
    void member?.exited.then((code) => {
      if (!isStopping)
        console.error(`realmgate: process ${member.pid} ended (${code}):\n${member.log()}`);
    });
  }
  console.error(`realmgate: first user admin, password ${adminPassword}`);
  console.log(
    JSON.stringify({
      event: "ready",
      rest: cluster.rest,
      grpc: cluster.controls.map(({ said }) => said.grpc),
      controls: cluster.controls.map(({ pid, said }) => ({ pid, rest: said.rest, ops: said.ops })),
      proxies: cluster.proxies.map(({ pid, said }) => ({
        pid,
        server: said.server,
        proxy: said.proxy,
        ops: said.ops,
      })),
      postgres: { pid: cluster.postgres.pid, url: cluster.databaseUrl },
    }),
  );
  await stopped;
  isStopping = true;
  await cluster[Symbol.asyncDispose]();
  process.exit(0);
} catch (error) {
  console.error(`realmgate: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
