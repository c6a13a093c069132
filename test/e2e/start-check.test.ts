// `serve --check` and starts that fail: everything that is wrong at once, and nothing in the data directory is another than before.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { certificate } from "../harness/certificate.ts";
import { loginAdmin } from "../harness/client.ts";
import { startProgram } from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "realmgate-check-"));
/** A file system that can be made read-only, also for root, who alone may mount it. */
const mount = mkdtempSync(join(tmpdir(), "realmgate-check-mount-"));
const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", mount]);
const isMounted = mounted.exitCode === 0;
if (!isMounted)
  console.warn(`SKIPPED read-only directory: cannot mount a tmpfs (${mounted.stderr})`);
afterAll(() => {
  if (isMounted) Bun.spawnSync(["umount", "-l", mount]);
  for (const each of [folder, mount]) rmSync(each, { recursive: true, force: true });
});

const listeners = ["ops", "rest", "grpc", "proxy"];

async function serve(dataDir: string, ...flags: readonly string[]) {
  const ports = listeners.flatMap((name) => [`--${name}-listen`, "127.0.0.1:0"]);
  const command = [process.execPath, join(root, "src/main.ts"), "serve", "--data-dir", dataDir];
  const child = Bun.spawn([...command, ...ports, ...flags], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, BUN_CONFIG_MAX_HTTP_REQUESTS: "9" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err: err.split("\n").filter((line) => line !== "") };
}

/** Names and contents of the files. */
function contents(path: string): Readonly<Record<string, string>> {
  const names = readdirSync(path).filter((name) => !/-(wal|shm)$|\.lock$/.test(name));
  return Object.fromEntries(
    names.sort().map((name) => [name, readFileSync(join(path, name)).toString("base64")]),
  );
}

/** The data of a gate that has a document and was stopped. */
const data = join(folder, "stopped");

beforeAll(async () => {
  await using program = await startProgram();
  const api = await loginAdmin(program.urls);
  const { id } = await api.data("POST", "/projects", { body: { alias: "p" } });
  await api.data("PUT", `/projects/${id}/proxy/permissions`, {
    body: { groups: {}, permissions: {}, default: "deny" },
    headers: { "If-Match": "file:v0" },
  });
  program.signal("SIGTERM");
  await program.exited;
  cpSync(program.dataDir, data, { recursive: true });
}, 60_000);

function copied(name: string): string {
  const dataDir = join(folder, name);
  cpSync(data, dataDir, { recursive: true });
  return dataDir;
}

describe("serve --check", () => {
  test("a machine that is ready: code 0, and nothing is made", async () => {
    const dataDir = join(folder, "new");
    const { code, out, err } = await serve(dataDir, "--check");
    expect([code, out, err]).toEqual([0, "realmgate: nothing keeps the gate from starting\n", []]);
    expect(readdirSync(folder)).not.toContain("new");
  });

  test("settings, key, database, ports and directory: each is told in one run", async () => {
    const dataDir = copied("broken");
    rmSync(join(dataDir, "secret.key"));
    writeFileSync(join(dataDir, "realmgate.sqlite"), "no database at all");
    await using program = await startProgram();
    const taken = new URL(program.urls.rest).host;
    const before = contents(dataDir);
    const flags = ["--check", "--rest-listen", taken, "--grpc-listen", taken, "--drain-s", "x"];
    const { code, err } = await serve(dataDir, ...flags);
    expect(code).toBe(2);
    expect(err.map((line) => line.replaceAll(dataDir, "DIR"))).toEqual([
      expect.stringContaining("realmgate: REALMGATE_DRAIN_S must be"),
      expect.stringContaining("error: REALMGATE_SECRET_KEY: DIR/secret.key is missing"),
      expect.stringContaining("error: REALMGATE_DATABASE_URL: DIR/realmgate.sqlite cannot be read"),
      expect.stringContaining(`error: REALMGATE_REST_LISTEN: cannot listen on ${taken}`),
      expect.stringContaining(`error: REALMGATE_GRPC_LISTEN: cannot listen on ${taken}`),
    ]);
    expect(contents(dataDir)).toEqual(before);
  });

  test("another key, and a database that is in use", async () => {
    const dataDir = copied("other-key");
    const other = Buffer.alloc(32, 1).toString("base64");
    const { code, err } = await serve(dataDir, "--check", "--secret-key", other);
    expect([code, err]).toEqual([
      1,
      [expect.stringContaining("error: REALMGATE_SECRET_KEY: another key sealed the documents")],
    ]);
    await using program = await startProgram({ dataDir });
    const used = await serve(program.dataDir, "--check");
    expect([used.code, used.err]).toEqual([
      1,
      [expect.stringContaining("realmgate.sqlite is in use by another realmgate")],
    ]);
  });
});

test.skipIf(!isMounted)(
  "serve --check on a read-only data directory, with another key, an expired certificate and a busy port: each is told",
  async () => {
    await using program = await startProgram();
    const taken = new URL(program.urls.rest).host;
    const ended = certificate({ notBeforeMs: 0, notAfterMs: Date.now() - 86_400_000 });
    const [cert, key] = [join(folder, "ended.crt"), join(folder, "ended.key")];
    writeFileSync(cert, ended.cert);
    writeFileSync(key, ended.key);
    const dataDir = join(mount, "data");
    cpSync(data, dataDir, { recursive: true });
    Bun.spawnSync(["mount", "-o", "remount,ro", mount]);
    const flags = ["--check", "--rest-listen", taken, "--api-tls-cert", cert, "--api-tls-key", key];
    const own = await serve(dataDir, ...flags);
    const other = await serve(
      dataDir,
      ...flags,
      "--secret-key",
      Buffer.alloc(32, 1).toString("base64"),
    );
    const common = [
      expect.stringMatching(/warning: REALMGATE_API_TLS_CERT: ended on .*: it is refused/),
      expect.stringContaining(`error: REALMGATE_REST_LISTEN: cannot listen on ${taken}`),
    ];
    const folderFinding = expect.stringMatching(
      /warning: REALMGATE_DATA_DIR: .* cannot be written .* serves what was in force last/,
    );
    expect([own.code, own.err]).toEqual([1, [folderFinding, ...common]]);
    expect([other.code, other.err]).toEqual([
      1,
      [
        folderFinding,
        expect.stringContaining("error: REALMGATE_SECRET_KEY: another key sealed the documents"),
        ...common,
      ],
    ]);
  },
  60_000,
);

describe("a start that fails changes nothing", () => {
  test("on a new machine: no directory, no key", async () => {
    await using program = await startProgram();
    const dataDir = join(folder, "never");
    const { code } = await serve(dataDir, "--proxy-listen", new URL(program.urls.rest).host);
    expect(code).toBe(1);
    expect(readdirSync(folder)).not.toContain("never");
  });

  test("on a new machine, for a reason that shows late: the same", async () => {
    const dataDir = join(folder, "late");
    const { code, err } = await serve(dataDir, "--access-log", "/nowhere/access.log");
    expect(code).toBe(1);
    expect(err.join()).toContain("REALMGATE_ACCESS_LOG");
    expect(readdirSync(folder)).not.toContain("late");
  });

  test("a lost key is not made anew", async () => {
    const dataDir = copied("lost-key");
    rmSync(join(dataDir, "secret.key"));
    const before = contents(dataDir);
    const { code, err } = await serve(dataDir);
    expect(code).toBe(1);
    expect(err[0]).toContain("secret.key is missing");
    expect(contents(dataDir)).toEqual(before);
  });

  test("a key that is another's leaves the snapshot where it is", async () => {
    const dataDir = copied("wrong-key");
    const before = contents(dataDir);
    expect(Object.keys(before)).toContain("snapshot");
    const { code } = await serve(dataDir, "--secret-key", Buffer.alloc(32, 1).toString("base64"));
    expect(code).toBe(1);
    expect(contents(dataDir)).toEqual(before);
  });

  test("the main file of a running gate's database alone is not taken for an empty one", async () => {
    await using program = await startProgram();
    const dataDir = join(folder, "main-only");
    for (const name of ["secret.key", "realmgate.sqlite"]) {
      cpSync(join(program.dataDir, name), join(dataDir, name));
    }
    const before = contents(dataDir);
    const { code, err } = await serve(dataDir);
    expect(code).toBe(1);
    expect(err[0]).toContain("is a part of a database");
    expect(contents(dataDir)).toEqual(before);
  });
});
