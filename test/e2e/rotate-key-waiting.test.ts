// A new secret key that a gate cannot see the middle of: it waits for its database, or others seal the values of that anew.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textOf, writeSecretKeyFile } from "../../src/roles/secret-key-file.ts";
import { type Api, enforced, loginAdmin } from "../harness/client.ts";
import {
  PostgresServer,
  postgresBinaries,
  sayWithoutPostgres,
} from "../harness/postgres-server.ts";
import { type Program, startProgram, startUpstream, type Urls } from "../harness/program.ts";
import { until } from "../harness/until.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const folder = mkdtempSync(join(tmpdir(), "realmgate-waiting-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [old, next] = [1, 2].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer];
const LIMIT_MS = 90_000;

async function rotate(environment: Readonly<Record<string, string>>): Promise<number> {
  const child = Bun.spawn([process.execPath, "src/main.ts", "rotate-key"], {
    env: { PATH: process.env.PATH, HOME: folder, ...environment },
    stdout: "ignore",
    stderr: "inherit",
  });
  return child.exited;
}

/** Answers, once it is enforced, how it asks for what a token guards. */
async function protect(api: Api, urls: Urls, port: number) {
  const project = await api.data("POST", "/projects", { body: { alias: "guarded" } });
  const container = await api.data("POST", `/projects/${project.id}/containers`, {
    body: { name: "box", address: "127.0.0.1" },
  });
  const guarded = await api.call("PUT", `/projects/${project.id}/proxy/permissions`, {
    headers: { "If-Match": "file:v0" },
    body: {
      groups: { partners: { type: "token", value: "let-me-in", header: "X-Api-Token" } },
      permissions: { partners: { http: true } },
      default: "deny",
    },
  });
  await enforced(urls, guarded);
  const Host = `${project.id}-${container.id}-http-${port}.local.containers.localhost`;
  return async ({ urls }: Program) => {
    const headers = { Host, "X-Api-Token": "let-me-in" };
    return (await fetch(urls.proxy, { headers })).status;
  };
}

/** Whether it serves what it saved, with this environment, in which its database is out of reach. */
async function servesAlone(
  dataDir: string,
  environment: Readonly<Record<string, string>>,
  ask: (program: Program) => Promise<number>,
): Promise<void> {
  const program = await startProgram({ dataDir, environment });
  try {
    expect([program.event, await ask(program)]).toEqual(["degraded", 200]);
  } finally {
    await program.kill();
  }
}

test.each([0, 2])(
  "with %d gate processes a gate that waited through a whole rotation opens the database with the new key",
  async (workers) => {
    const environment = { REALMGATE_WORKERS: String(workers) };
    await using upstream = await startUpstream();
    const dataDir = mkdtempSync(join(folder, "data-"));
    const first = await startProgram({ dataDir, environment });
    const ask = await protect(await loginAdmin(first.urls), first.urls, upstream.port);
    expect(await ask(first)).toBe(200);
    first.signal("SIGTERM");
    expect(await first.exited).toBe(0);
    const rotated = mkdtempSync(join(folder, "rotated-"));
    cpSync(dataDir, rotated, { recursive: true });
    expect(await rotate({ REALMGATE_DATA_DIR: rotated })).toBe(0);

    for (const end of ["", "-wal", "-shm"]) {
      rmSync(join(dataDir, `realmgate.sqlite${end}`), { force: true });
    }
    const waiting = await startProgram({ dataDir, environment });
    try {
      expect([waiting.event, await ask(waiting)]).toEqual(["degraded", 200]);
      // Both at once: it never sees the two keys in one file.
      cpSync(join(rotated, "secret.key"), join(dataDir, "secret.key.placed"));
      renameSync(join(dataDir, "secret.key.placed"), join(dataDir, "secret.key"));
      cpSync(join(rotated, "realmgate.sqlite"), join(dataDir, "realmgate.sqlite"));
      const urls = await waiting.ready();
      expect(await ask(waiting)).toBe(200);
      await loginAdmin(urls);
      await until(() => waiting.log().includes("the old one is gone"), "the snapshot is sealed");
    } finally {
      await waiting.kill();
    }
    for (const end of ["", "-wal", "-shm"]) {
      rmSync(join(dataDir, `realmgate.sqlite${end}`), { force: true });
    }
    await servesAlone(dataDir, environment, ask);
  },
  LIMIT_MS,
);

describe.skipIf(postgresBinaries === null)("on PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, LIMIT_MS);
  afterAll(() => server?.[Symbol.asyncDispose]());

  test.each([0, 2])(
    "with %d gate processes a gate serves alone after its key was replaced, with the new one only",
    async (workers) => {
      const keys = join(mkdtempSync(join(folder, "keys-")), "keys");
      const url = await server.database();
      const given = {
        REALMGATE_WORKERS: String(workers),
        REALMGATE_SECRET_KEY_FILE: keys,
        REALMGATE_DATABASE_TIMEOUT_MS: "1000",
      };
      writeSecretKeyFile(keys, [old]);
      await using upstream = await startUpstream();
      const dataDir = mkdtempSync(join(folder, "data-"));
      const first = await startProgram({
        dataDir,
        environment: { ...given, REALMGATE_DATABASE_URL: url },
      });
      const ask = await protect(await loginAdmin(first.urls), first.urls, upstream.port);
      expect(await ask(first)).toBe(200);
      const taken = async (now: readonly Buffer[]) => {
        const count = () => first.log().split("the secret keys are others now").length;
        const before = count();
        writeSecretKeyFile(keys, now);
        await until(() => count() > before, `${now.length} keys are taken`);
      };
      await taken([old, next]);
      const both = textOf([next, old]).trim().replace("\n", ",");
      await until(
        async () =>
          (await rotate({ REALMGATE_DATABASE_URL: url, REALMGATE_SECRET_KEY: both })) === 0,
        "the values are sealed",
      );
      await taken([next, old]);
      await taken([next]);
      await first.kill();
      await servesAlone(
        dataDir,
        { ...given, REALMGATE_DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" },
        ask,
      );
    },
    LIMIT_MS,
  );
});
