// A new secret key while the gate serves and is written to: no request and no write is lost, and nothing is left under the old key.
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { KeyRing } from "../../src/admin/store/key-ring.ts";
import { deriveKey } from "../../src/admin/store/sealed.ts";
import { countUnreadable } from "../../src/admin/store/sqlite/sealed-values.ts";
import { secretKeysIn } from "../../src/config/secret-key.ts";
import { BYPASS_HEADER, BypassTokens } from "../../src/proxy/hooks/bypass-token.ts";
import { Api, enforced, loginAdmin } from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Urls } from "../harness/program.ts";
import { until } from "../harness/until.ts";

const main = resolve(import.meta.dir, "../../src/main.ts");
const folder = mkdtempSync(join(tmpdir(), "realmgate-rotate-serving-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PROJECTS = 6;

function rotate(dataDir: string) {
  return Bun.spawn([process.execPath, main, "rotate-key", "--data-dir", dataDir], {
    env: { PATH: process.env.PATH, HOME: folder },
    stdout: "pipe",
    stderr: "pipe",
  });
}

const keysOf = (dataDir: string) => secretKeysIn(join(dataDir, "secret.key")) ?? [];

/** Values that these keys do not open, in the file as it is. */
function unreadable(dataDir: string, keys: readonly Buffer[]): number {
  const file = new Database(join(dataDir, "realmgate.sqlite"), { readonly: true });
  try {
    return countUnreadable(file, new KeyRing(keys).valueBox());
  } finally {
    file.close();
  }
}

interface Protected {
  readonly path: string;
  readonly host: string;
  version: number;
}

function document(token: string) {
  return {
    groups: { partners: { type: "token", value: token, header: "X-Api-Token" } },
    permissions: { partners: { http: true } },
    default: "deny",
  };
}

/** As a caller whose credential is no session: those end with the old key. */
async function caller(program: Program): Promise<Api> {
  const { token } = await (await loginAdmin(program.urls)).data("POST", "/auth/tokens", {
    body: { alias: "rotation", permission_template: "full_access" },
  });
  return new Api(program.urls.rest, `Bearer ${token}`);
}

/** Resolves once all of it is enforced. */
async function protect(api: Api, urls: Urls, port: number): Promise<readonly Protected[]> {
  const made: Protected[] = [];
  for (let i = 0; i < PROJECTS; i++) {
    const project = await api.data("POST", "/projects", { body: { alias: `p${i}` } });
    const container = await api.data("POST", `/projects/${project.id}/containers`, {
      body: { name: "box", address: "127.0.0.1" },
    });
    const path = `/projects/${project.id}/proxy/permissions`;
    await api.data("PUT", path, {
      headers: { "If-Match": "file:v0" },
      body: document("token-0"),
    });
    const alias = await api.call("POST", "/proxy/aliases", {
      body: {
        alias: `to-${i}`,
        container_id: container.id,
        program: "http",
        target_path: "/hidden?secret=1",
      },
    });
    expect(alias.status).toBe(201);
    await enforced(urls, alias);
    const host = `${project.id}-${container.id}-http-${port}.local.containers.localhost`;
    made.push({ path, host, version: 1 });
  }
  return made;
}

/** Writes and requests without a pause, until told to stop; answers what went wrong. */
class Load {
  readonly failures: string[] = [];
  writes = 0;
  requests = 0;
  #isOver = false;
  readonly #running: Promise<unknown>;

  constructor(api: Api, program: Program, all: readonly Protected[]) {
    // The last is asked for all the time and never written.
    const asked = all.at(-1);
    const lanes = [0, 1, 2].map((lane) =>
      this.#loop(async () => {
        const one = all[(this.writes * 3 + lane) % (all.length - 1)];
        if (one === undefined || one.version < 0) return;
        const { version } = one;
        one.version = -1;
        const answer = await api.call("PUT", one.path, {
          headers: { "If-Match": `file:v${version}` },
          body: document(`token-${version}`),
        });
        if (answer.status === 200) this.writes++;
        else this.failures.push(`write: ${answer.status} ${JSON.stringify(answer.body)}`);
        one.version = answer.status === 200 ? version + 1 : version;
      }),
    );
    const ask = this.#loop(async () => {
      const statuses = await Promise.all(
        ["token-0", null].map(async (token) => {
          const headers = {
            Host: asked?.host ?? "",
            ...(token === null ? {} : { "X-Api-Token": token }),
          };
          return (await fetch(program.urls.proxy, { headers })).status;
        }),
      );
      this.requests++;
      if (statuses.join() !== "200,401") this.failures.push(`request: ${statuses}`);
    });
    this.#running = Promise.all([...lanes, ask]);
  }

  async #loop(step: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      await step().catch((error) => this.failures.push(String(error)));
      await Bun.sleep(1);
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }
}

/** Each document as it was written last. */
async function isWhole(api: Api, all: readonly Protected[]): Promise<void> {
  for (const { path, version } of all) {
    const { document: stored, etag } = await api.data("GET", path).then((data) => ({
      document: data.groups,
      etag: data.etag,
    }));
    expect([etag, stored.partners.header]).toEqual([`file:v${version}`, "X-Api-Token"]);
  }
}

test.each([0, 2])(
  "with %d gate processes the key is replaced under load",
  async (workers) => {
    await using upstream = await startUpstream();
    await using program = await startProgram({
      environment: { REALMGATE_WORKERS: String(workers) },
    });
    const { dataDir } = program;
    const api = await caller(program);
    const all = await protect(await loginAdmin(program.urls), program.urls, upstream.port);
    const old = keysOf(dataDir);
    const load = new Load(api, program, all);
    await until(() => load.writes > 10 && load.requests > 10, "the load runs");
    const child = rotate(dataDir);
    const [code, out, err] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    expect([code, out, err]).toEqual([0, expect.stringContaining("sealed everything"), ""]);
    const after = load.writes;
    await until(() => load.writes > after + 10, "writes go on");
    await load.stop();
    expect(load.failures).toEqual([]);

    // Nothing is left that only the old key opens, and the new one opens it all.
    const now = keysOf(dataDir);
    expect([now.length, now[0]?.equals(old[0] ?? Buffer.alloc(0))]).toEqual([1, false]);
    expect([unreadable(dataDir, now), unreadable(dataDir, old)]).toEqual([0, PROJECTS * 2]);
    await isWhole(api, all);

    // The snapshot lies under the new key, too: with it alone the gate serves without its database.
    await program.kill();
    writeFileSync(join(dataDir, "realmgate.sqlite"), "no database");
    rmSync(join(dataDir, "realmgate.sqlite-wal"), { force: true });
    const degraded = await startProgram({
      dataDir,
      environment: { REALMGATE_WORKERS: String(workers) },
    });
    try {
      const headers = { Host: all.at(-1)?.host ?? "", "X-Api-Token": "token-0" };
      const { status } = await fetch(degraded.urls.proxy, { headers });
      expect([degraded.event, status]).toEqual(["degraded", 200]);
    } finally {
      await degraded.kill();
    }
  },
  120_000,
);

test.each([0, 2])(
  "with %d gate processes a stolen key passes no hook once it is gone",
  async (workers) => {
    await using upstream = await startUpstream();
    await using program = await startProgram({
      environment: { REALMGATE_WORKERS: String(workers) },
    });
    const api = await loginAdmin(program.urls);
    const project = await api.data("POST", "/projects", { body: { alias: "guarded" } });
    const { id } = await api.data("POST", `/projects/${project.id}/containers`, {
      body: { name: "box", address: "127.0.0.1" },
    });
    // Nobody answers for its script, so that whoever meets the hook is refused.
    await api.data("POST", `/containers/${id}/proxy/hooks/http`, {
      headers: { "If-Match": "file:v0" },
      body: { match: { path: "/guarded" }, script: { path: "/guard" } },
    });
    const host = `${project.id}-${id}-http-${upstream.port}.local.containers.localhost`;
    const passes = async (key: Buffer | undefined) => {
      if (key === undefined) throw new Error("there is no key");
      const token = new BypassTokens(() => [deriveKey(key, "hops")]).make(id, Date.now());
      const headers = { Host: host, [BYPASS_HEADER]: token };
      const tries = Array.from({ length: 8 }, async () => {
        const answer = await fetch(`${program.urls.proxy}/guarded`, { headers, keepalive: false });
        return answer.status === 200;
      });
      return new Set(await Promise.all(tries));
    };
    const [old] = keysOf(program.dataDir);
    await until(async () => (await passes(old)).has(true), "the container is known");
    expect(await passes(Buffer.alloc(32, 1))).toEqual(new Set([false]));
    expect(await rotate(program.dataDir).exited).toBe(0);
    const [next] = keysOf(program.dataDir);
    await until(async () => !(await passes(old)).has(true), "the old key passes no hook");
    expect(await passes(next)).toEqual(new Set([true]));
  },
  60_000,
);

test("a gate that is killed midway goes on, and so does rotate-key without it", async () => {
  await using upstream = await startUpstream();
  const dataDir = mkdtempSync(join(folder, "killed-"));
  const first = await startProgram({ dataDir });
  const api = await caller(first);
  const all = await protect(await loginAdmin(first.urls), first.urls, upstream.port);
  const [old] = keysOf(dataDir);
  if (old === undefined) throw new Error("there is no key");
  first.signal("SIGTERM");
  await first.exited;

  // As rotate-key leaves the file for the gate; some values come under the new key, and then nothing runs any more.
  const next = Buffer.alloc(32, 7);
  const both = `${next.toString("base64")}\n${old.toString("base64")}\n`;
  const ring = new KeyRing([next, old]);
  const file = new Database(join(dataDir, "realmgate.sqlite"));
  const row = file.query<{ kind: string; owner_id: string; version: number; body: Uint8Array }, []>(
    "SELECT kind, owner_id, version, body FROM documents LIMIT 1",
  );
  const one = row.get();
  if (one === null) throw new Error("there is no document");
  const context = `document/${one.kind}/${one.owner_id}/${one.version}`;
  const plain = ring.valueBox().open(Buffer.from(one.body), context);
  if (plain === null) throw new Error("the document does not open");
  file
    .query("UPDATE documents SET body = ? WHERE owner_id = ?")
    .run(ring.valueBox().seal(plain, context), one.owner_id);
  file.close();
  writeFileSync(join(dataDir, "secret.key"), both);
  const copied = mkdtempSync(join(folder, "offline-"));
  for (const name of ["realmgate.sqlite", "secret.key"]) {
    copyFileSync(join(dataDir, name), join(copied, name));
  }

  const second = await startProgram({ dataDir });
  try {
    await until(() => keysOf(dataDir).length === 1, "the gate has gone on");
    expect(keysOf(dataDir)[0]).toEqual(next);
    expect(unreadable(dataDir, [next])).toBe(0);
    await isWhole(new Api(second.urls.rest, api.authorization), all);
  } finally {
    await second.kill();
  }

  expect(await rotate(copied).exited).toBe(0);
  expect(keysOf(copied)).toEqual([next]);
  expect(unreadable(copied, [next])).toBe(0);
}, 120_000);
