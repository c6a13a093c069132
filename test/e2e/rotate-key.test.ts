// rotate-key is killed again and again: there is always a way on, and in the end everything is as before under another key.
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loginAdmin } from "../harness/client.ts";
import { startProgram, startUpstream } from "../harness/program.ts";

const main = resolve(import.meta.dir, "../../src/main.ts");
const folder = mkdtempSync(join(tmpdir(), "realmgate-rotate-"));
const dataDir = join(folder, "data");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rounds = 8;
const projects = 30;

function rotate() {
  return Bun.spawn([process.execPath, main, "rotate-key", "--data-dir", dataDir], {
    env: { PATH: process.env.PATH, HOME: folder },
    stdout: "pipe",
    stderr: "pipe",
  });
}

const key = () => readFileSync(join(dataDir, "secret.key"), "utf8");

test("a rotation that is killed at any time goes on, and every document opens with the new key", async () => {
  await using upstream = await startUpstream();
  const first = await startProgram({ dataDir });
  const api = await loginAdmin(first.urls);
  const hosts: string[] = [];
  for (let i = 0; i < projects; i++) {
    const project = await api.data("POST", "/projects", { body: { alias: `p${i}` } });
    const container = await api.data("POST", `/projects/${project.id}/containers`, {
      body: { name: "box", address: "127.0.0.1" },
    });
    await api.data("PUT", `/projects/${project.id}/proxy/permissions`, {
      headers: { "If-Match": "file:v0" },
      body: {
        groups: { partners: { type: "token", value: `token-${i}`, header: "X-Api-Token" } },
        permissions: { partners: { http: true } },
        default: "deny",
      },
    });
    hosts.push(`${project.id}-${container.id}-http-${upstream.port}.local.containers.localhost`);
  }
  first.signal("SIGTERM");
  expect(await first.exited).toBe(0);
  const old = key();

  // How long one takes, from its start to its end, is where the kills are spread.
  const beganMs = performance.now();
  expect(await rotate().exited).toBe(0);
  const wholeMs = performance.now() - beganMs;
  const before = key();
  expect(before).not.toBe(old);

  let killed = 0;
  for (let round = 1; round <= rounds; round++) {
    const child = rotate();
    await Bun.sleep((wholeMs * round) / rounds);
    child.kill("SIGKILL");
    await child.exited;
    if (child.signalCode === "SIGKILL") killed++;
    const file = new Database(join(dataDir, "realmgate.sqlite"), { readwrite: true });
    expect(file.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
    file.close();
  }
  expect(killed).toBeGreaterThan(2);
  expect(await rotate().exited).toBe(0);
  expect(key()).not.toBe(before);
  expect(existsSync(join(dataDir, "secret.key.new"))).toBe(false);

  await using second = await startProgram({ dataDir });
  expect(second.event).toBe("ready");
  const ask = async (host: string, token: string) =>
    (await fetch(second.urls.proxy, { headers: { Host: host, "X-Api-Token": token } })).status;
  for (const [i, host] of hosts.entries()) {
    expect([await ask(host, `token-${i}`), await ask(host, "token-x")]).toEqual([200, 401]);
  }
}, 180_000);
