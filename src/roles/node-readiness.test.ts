import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificate } from "../../test/harness/certificate.ts";
import { parseConfig } from "../config/config.ts";
import { parseNodeConfig, type Role } from "../config/node-config.ts";
import { nodeFindings } from "./node-readiness.ts";
import { findings } from "./readiness.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-node-check-"));
let taken: Server;
let port = 0;

beforeAll(async () => {
  taken = createServer((socket) => void socket.destroy());
  await new Promise<void>((resolve) => {
    taken.listen(0, "127.0.0.1", resolve);
  });
  const address = taken.address();
  port = address !== null && typeof address === "object" ? address.port : 0;
});

afterAll(() => {
  taken.close();
  rmSync(folder, { recursive: true, force: true });
});

const database = "postgres://gate:hunter2@127.0.0.1:1/gate";
const noDatabase =
  /^error REALMGATE_DATABASE_URL: the database 127.0.0.1:1\/gate: no PostgreSQL server answers /;
const secretKey = Buffer.alloc(32, 1).toString("base64");

/** What `--check` of the role finds. */
async function found(role: Role, settings: Readonly<Record<string, string>>) {
  const environment: Record<string, string> = { REALMGATE_DATA_DIR: join(folder, "data") };
  for (const name of ["REST", "GRPC", "OPS", "PROXY", "FEED"]) {
    environment[`REALMGATE_${name}_LISTEN`] = "127.0.0.1:0";
  }
  const parsed = parseNodeConfig(role, { ...environment, ...settings }, []);
  if (!parsed.ok) throw new Error(parsed.problems.join());
  return (await nodeFindings(role, parsed.node)).map(({ level, text }) => `${level} ${text}`);
}

test("of a control plane: the database, the feed's address, and certificates that end", async () => {
  const ended = certificate({ notBeforeMs: 0, notAfterMs: Date.now() - 86_400_000 });
  const [cert, key] = [join(folder, "feed.crt"), join(folder, "feed.key")];
  writeFileSync(cert, ended.cert);
  writeFileSync(key, ended.key);
  const all = await found("control", {
    REALMGATE_DATABASE_URL: database,
    REALMGATE_SECRET_KEY: secretKey,
    REALMGATE_FEED_LISTEN: `127.0.0.1:${port}`,
    REALMGATE_FEED_TLS_CERT: cert,
    REALMGATE_FEED_TLS_KEY: key,
  });
  expect(all).toEqual([
    expect.stringMatching(noDatabase),
    expect.stringMatching(/^warning REALMGATE_FEED_TLS_CERT: ended on /),
    `error REALMGATE_FEED_LISTEN: cannot listen on 127.0.0.1:${port} (EADDRINUSE)`,
  ]);
  expect(all.join()).not.toContain("hunter2");
});

test("of a proxy: control planes that do not answer; not the addresses of other roles", async () => {
  const settings = {
    REALMGATE_NODE_TOKEN: `hdn_${"a".repeat(43)}`,
    REALMGATE_REST_LISTEN: `127.0.0.1:${port}`,
    REALMGATE_FEED_URLS: `http://127.0.0.1:1,http://127.0.0.1:${port}`,
  };
  expect(await found("proxy", settings)).toEqual([
    "warning REALMGATE_FEED_URLS: http://127.0.0.1:1 does not answer (ECONNREFUSED)",
  ]);
  expect(
    await found("proxy", { ...settings, REALMGATE_PROXY_LISTEN: `127.0.0.1:${port}` }),
  ).toEqual([
    expect.stringContaining("FEED_URLS"),
    expect.stringContaining("error REALMGATE_PROXY_LISTEN: cannot listen"),
  ]);
});

test("of a gateway: control planes, and its own address", async () => {
  const settings = {
    REALMGATE_NODE_TOKEN: `hdn_${"a".repeat(43)}`,
    REALMGATE_GRPC_LISTEN: `127.0.0.1:${port}`,
    REALMGATE_REST_LISTEN: `127.0.0.1:${port}`,
    REALMGATE_CONTROL_URLS: "http://127.0.0.1:1",
  };
  expect(await found("gateway", settings)).toEqual([
    expect.stringContaining("warning REALMGATE_CONTROL_URLS: http://127.0.0.1:1 does not answer"),
    expect.stringContaining("error REALMGATE_REST_LISTEN: cannot listen"),
  ]);
});

test("of serve on PostgreSQL: the database, too", async () => {
  const listens = ["rest", "grpc", "ops", "proxy"].map((name) => `--${name}-listen=127.0.0.1:0`);
  const { config } = parseConfig(
    { REALMGATE_DATABASE_URL: database, REALMGATE_SECRET_KEY: secretKey },
    ["--data-dir", join(folder, "serve"), ...listens],
  );
  expect((await findings(config)).map(({ level, text }) => `${level} ${text}`)).toEqual([
    expect.stringMatching(noDatabase),
  ]);
});
