// The container image of deploy/container: built, and run as its own user, on a base of a few files of this machine, since
// tests reach no registry. buildah's chroot isolation needs neither a daemon nor a network of its own.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { $ } from "bun";
import { linesOf } from "../harness/process-lines.ts";

const root = resolve(import.meta.dir, "../..");
const USER = "65532";

function whyNot(): string | null {
  for (const name of ["buildah", "ldd", "unshare"]) {
    if (Bun.which(name) === null) return `${name} is not installed`;
  }
  const mounts = Bun.spawnSync(["unshare", "--mount", "true"]);
  return mounts.success ? null : "this user may not make a mount namespace";
}

const missing = whyNot();
if (missing !== null) console.warn(`SKIPPED: the container image: ${missing}`);

const folder = mkdtempSync(join(tmpdir(), "realmgate-image-"));
const context = join(folder, "context");
const binary = join(context, "dist/realmgate");
const store = ["--root", join(folder, "root"), "--runroot", join(folder, "run")];
const storage = [...store, "--storage-driver", "vfs"];
/** Free ports on loopback: the network is that of this machine. */
const settings = ["PROXY", "REST", "GRPC", "OPS"].flatMap((name) => [
  "--env",
  `REALMGATE_${name}_LISTEN=127.0.0.1:0`,
]);
const environment = { ...process.env, BUILDAH_ISOLATION: "chroot" };

async function buildah(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await $`buildah ${storage} ${args}`
    .env(environment)
    .quiet()
    .nothrow();
  if (exitCode !== 0) throw new Error(`buildah ${args.join(" ")}: ${stdout}${stderr}`);
  return `${stdout}${stderr}`.trim();
}

/** A shell, what the Dockerfile runs, and their libraries and those of the binary. Only root can write anywhere in it. */
async function base(): Promise<string> {
  const programs = ["/bin/sh", "/usr/bin/install"];
  const listed = await $`ldd ${programs} ${binary}`.quiet().text();
  const libraries = [...listed.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path]) => path);
  const made = join(folder, "base");
  for (const path of new Set([...programs, ...libraries])) {
    if (path === undefined) continue;
    mkdirSync(join(made, dirname(path)), { recursive: true });
    copyFileSync(path, join(made, path));
  }
  for (const name of ["tmp", "etc", "proc", "dev", "var/lib"]) {
    mkdirSync(join(made, name), { recursive: true });
  }
  return made;
}

describe.skipIf(missing !== null)("the container image", () => {
  beforeAll(async () => {
    await $`${process.execPath} packaging/build-binary.ts ${binary}`.cwd(root).quiet();
    const scratch = await buildah("from", "scratch");
    await buildah("add", "--quiet", scratch, await base(), "/");
    await buildah("commit", "--quiet", "--rm", scratch, "localhost/base");
    const file = join(root, "deploy/container/Dockerfile");
    const from = ["--build-arg", "BASE=localhost/base", "--file", file];
    await buildah("build", "--quiet", ...from, "--tag", "realmgate", context);
    await buildah("from", "--name", "gate", "realmgate");
  }, 240_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("has nothing that keeps the gate from starting", async () => {
    const said = await buildah("run", ...settings, "gate", "--", "realmgate", "serve", "--check");
    expect(said).toContain("nothing keeps the gate from starting");
  }, 60_000);

  test("serves as a user without rights, who can write to its volume only", async () => {
    const command = ["run", ...settings, "gate", "--", "realmgate", "serve"];
    const child = Bun.spawn(["buildah", ...storage, ...command], {
      env: environment,
      stdout: "pipe",
      stderr: Bun.file(join(folder, "gate.log")),
    });
    const log = () => readFileSync(join(folder, "gate.log"), "utf8");
    let pid: number | null = null;
    try {
      const { value = "", done } = await linesOf(child.stdout).next();
      if (done) throw new Error(log());
      const ready = JSON.parse(value);
      pid = ready.pid;
      expect(ready.event).toBe("ready");
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      expect(status).toMatch(new RegExp(`^Uid:(\\s+${USER}){4}$`, "m"));
      const health = await fetch(`${ready.ops}/healthz`);
      expect([health.status, await health.json()]).toMatchObject([200, { status: "ok" }]);
      // Its own process, not buildah's: what the engine does with STOPSIGNAL.
      process.kill(ready.pid, "SIGTERM");
      expect({ exitCode: await child.exited, log: log() }).toMatchObject({ exitCode: 0 });
      pid = null;
    } finally {
      if (pid !== null) process.kill(pid, "SIGKILL");
      child.kill("SIGKILL");
      await child.exited;
    }
  }, 60_000);
});
