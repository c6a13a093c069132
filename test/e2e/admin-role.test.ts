// A lost password, and a first one that must not be lost: on the machine of the gate, with real processes.
import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startProgram } from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");
const anyPorts = ["ops", "rest", "grpc", "proxy"].flatMap((name) => [
  `--${name}-listen`,
  "127.0.0.1:0",
]);

async function run(...words: readonly string[]) {
  const child = Bun.spawn([process.execPath, "src/main.ts", ...words], {
    cwd: root,
    env: { PATH: process.env.PATH },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err };
}

test("a lost password is replaced while the gate is stopped, and not while it runs", async () => {
  const running = await startProgram();
  const { dataDir } = running;
  const inUse = await run("admin", "reset-password", "--data-dir", dataDir);
  expect(inUse).toMatchObject({ code: 1, out: "" });
  expect(inUse.err).toContain("in use by another realmgate: stop the gate first");
  await running.kill();
  const nobody = await run("admin", "reset-password", "--username", "eve", "--data-dir", dataDir);
  expect(nobody).toMatchObject({ code: 1, out: "" });
  const { code, out } = await run("admin", "reset-password", "--data-dir", dataDir);
  expect(code).toBe(0);
  const [, username, password] = /^user (\S+), password (\S+) /.exec(out) ?? [];
  await using again = await startProgram({ dataDir });
  const login = (body: object) =>
    fetch(`${again.urls.rest}/api/v1/users/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const answered = await login({ username, password });
  expect(answered.status).toBe(200);
  const { data } = (await answered.json()) as { data: { token: string } };
  const events = await fetch(`${again.urls.rest}/api/v1/events?kind=user.password_reset`, {
    headers: { authorization: `Bearer ${data.token}` },
  });
  expect(await events.json()).toMatchObject({ data: { events: [{ actor: null }] } });
}, 120_000);

test("nothing is made where there is no database", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "realmgate-"));
  const { code, err } = await run("admin", "reset-password", "--data-dir", dataDir);
  expect(code).toBe(1);
  expect(err).toContain("is not there");
  expect(await Array.fromAsync(new Bun.Glob("*").scan({ cwd: dataDir }))).toEqual([]);
});

test("a start that fails on a busy port prints no password", async () => {
  await using other = await startProgram();
  const dataDir = join(mkdtempSync(join(tmpdir(), "realmgate-")), "data");
  const { host } = new URL(other.urls.rest);
  const flags = ["serve", "--data-dir", dataDir, ...anyPorts];
  const failed = await run(...flags, "--ops-listen", host);
  expect(failed.code).toBe(1);
  expect(failed.err).not.toContain("password");
}, 120_000);
