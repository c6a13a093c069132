// Backup, restore, doctor and rotate-key, as an operator runs them, beside a gate and without one.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loginAdmin } from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Upstream } from "../harness/program.ts";

const main = resolve(import.meta.dir, "../../src/main.ts");
const folder = mkdtempSync(join(tmpdir(), "realmgate-care-"));
const dataDir = join(folder, "data");
const saved = join(folder, "saved.sqlite");
let upstream: Upstream;
let host = "";

async function realmgate(...words: readonly string[]) {
  const child = Bun.spawn([process.execPath, main, ...words], {
    env: { PATH: process.env.PATH, HOME: folder },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit: await child.exited, out, err };
}

/** Statuses of the container: without a credential, with a wrong token, with the right one. */
async function decisions({ urls }: Program): Promise<readonly number[]> {
  const ask = async (token: string) =>
    (await fetch(urls.proxy, { headers: { Host: host, "X-Api-Token": token } })).status;
  return Promise.all([ask(""), ask("wrong"), ask("token-abc-123")]);
}

const expected = [401, 401, 200];

async function stop(program: Program): Promise<void> {
  program.signal("SIGTERM");
  expect(await program.exited).toBe(0);
}

async function served(dir: string): Promise<void> {
  const program = await startProgram({ dataDir: dir });
  expect([program.event, await decisions(program)]).toEqual(["ready", expected]);
  await stop(program);
}

beforeAll(async () => {
  upstream = await startUpstream();
  const program = await startProgram({ dataDir });
  const api = await loginAdmin(program.urls);
  const project = await api.data("POST", "/projects", { body: { alias: "care" } });
  const container = await api.data("POST", `/projects/${project.id}/containers`, {
    body: { name: "box", address: "127.0.0.1" },
  });
  await api.data("PUT", `/projects/${project.id}/proxy/permissions`, {
    headers: { "If-Match": "file:v0" },
    body: {
      groups: { partners: { type: "token", value: "token-abc-123", header: "X-Api-Token" } },
      permissions: { partners: { http: true } },
      default: "deny",
    },
  });
  host = `${project.id}-${container.id}-http-${upstream.port}.local.containers.localhost`;
  // Beside the running gate.
  expect(await realmgate("backup", saved, "--with-key", "--data-dir", dataDir)).toMatchObject({
    exit: 0,
    err: "",
  });
  const { exit, out } = await realmgate("doctor", "--data-dir", dataDir);
  expect([exit, out]).toEqual([0, expect.stringMatching(/gate: running[\s\S]*nothing is wrong/)]);
  await stop(program);
}, 120_000);

afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test("what was backed up beside a running gate decides the same elsewhere", async () => {
  const elsewhere = join(folder, "elsewhere");
  expect(await realmgate("restore", saved, "--data-dir", elsewhere)).toMatchObject({ exit: 0 });
  await served(elsewhere);
}, 120_000);

test("a backup never overwrites, and one without its key is not restored", async () => {
  const again = await realmgate("backup", saved, "--data-dir", dataDir);
  expect([again.exit, again.err]).toEqual([1, `realmgate: ${saved} exists already\n`]);
  const alone = join(folder, "alone.sqlite");
  expect((await realmgate("backup", alone, "--data-dir", dataDir)).out).toContain(
    "the key is not in it",
  );
  expect(existsSync(`${alone}.key`)).toBe(false);
  const other = join(folder, "other");
  const refused = await realmgate("restore", alone, "--data-dir", other);
  expect([refused.exit, existsSync(join(other, "realmgate.sqlite"))]).toEqual([1, false]);
  expect(refused.err).toContain("does not hold a key");
}, 120_000);

test("rotate-key: the old key opens nothing any more, and a run that was cut off goes on", async () => {
  const key = join(dataDir, "secret.key");
  const old = readFileSync(key, "utf8");
  expect((await realmgate("rotate-key", "--data-dir", dataDir)).exit).toBe(0);
  const now = readFileSync(key, "utf8");
  expect([now === old, existsSync(`${key}.new`)]).toEqual([false, false]);
  // As it lies there when the process ends between sealing and the new name of the key.
  renameSync(key, `${key}.new`);
  writeFileSync(key, old, { mode: 0o600 });
  const checked = await realmgate("doctor", "--data-dir", dataDir);
  expect([checked.exit, checked.out]).toEqual([1, expect.stringContaining("another key sealed")]);
  expect((await realmgate("rotate-key", "--data-dir", dataDir)).exit).toBe(0);
  expect(readFileSync(key, "utf8")).toBe(now);
  await served(dataDir);
}, 120_000);
