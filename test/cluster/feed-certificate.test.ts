// The certificate of the feed is renewed while followers stay where they are.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRole } from "../harness/cluster.ts";
import {
  PostgresServer,
  postgresBinaries,
  sayWithoutPostgres,
} from "../harness/postgres-server.ts";
import { handshake, PairFiles, pairFor } from "../harness/tls-bench.ts";
import { until } from "../harness/until.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const startMsMax = 120_000;

describe.skipIf(postgresBinaries === null)("a control plane", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, startMsMax);
  afterAll(() => server?.[Symbol.asyncDispose](), startMsMax);

  test(
    "serves the renewed certificate of its feed after SIGHUP",
    async () => {
      const dataDir = mkdtempSync(join(tmpdir(), "realmgate-"));
      const files = new PairFiles();
      const [first, second] = [pairFor("feed.test"), pairFor("feed.test")];
      files.write(first);
      const control = await startRole("control", {
        REALMGATE_DATA_DIR: dataDir,
        REALMGATE_DATABASE_URL: await server.database(),
        REALMGATE_SECRET_KEY: randomBytes(32).toString("base64"),
        REALMGATE_FEED_LISTEN: "127.0.0.1:0",
        REALMGATE_FEED_TLS_CERT: files.certPath,
        REALMGATE_FEED_TLS_KEY: files.keyPath,
      });
      try {
        const { feed } = control.said as { feed: string };
        const shown = async () => {
          const socket = await handshake({ port: Number(new URL(feed).port), alpn: ["h2"] });
          const { raw } = socket.getPeerCertificate();
          socket.on("error", () => {});
          socket.destroy();
          return raw.toString("base64");
        };
        const derOf = (pem: string) => pem.replace(/-----[^-]*-----|\s/g, "");
        expect(await shown()).toBe(derOf(first.cert));
        files.write(second);
        control.signal("SIGHUP");
        await until(
          async () => (await shown().catch(() => null)) === derOf(second.cert),
          "the second is shown",
        );
      } finally {
        await control.stop();
        rmSync(files.folder, { recursive: true, force: true });
        rmSync(dataDir, { recursive: true, force: true });
      }
    },
    startMsMax,
  );
});
