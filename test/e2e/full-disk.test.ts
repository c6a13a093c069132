// The disk of the database is full: who may still do what, and who says so. On a file system of its own, which root may mount.
import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Api, enforced, loginAdmin, makePlace } from "../harness/client.ts";
import { adminPassword, startProgram, startUpstream } from "../harness/program.ts";
import { until } from "../harness/until.ts";

const mount = mkdtempSync(join(tmpdir(), "realmgate-disk-"));
const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", mount]);
const isMounted = mounted.exitCode === 0;
if (!isMounted) console.warn(`SKIPPED full disk: cannot mount a tmpfs (${mounted.stderr})`);
afterAll(() => {
  if (isMounted) Bun.spawnSync(["umount", "-l", mount]);
  rmSync(mount, { recursive: true, force: true });
});

const ballast = join(mount, "ballast");

/** Takes all the room there is, to the last byte. */
function fill(): void {
  const file = openSync(ballast, "a");
  try {
    for (const size of [65_536, 4_096, 64]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(size));
      } catch {
        // No room for a piece of this size.
      }
    }
  } finally {
    closeSync(file);
  }
}

test.skipIf(!isMounted)(
  "on a full disk logins and the kill switch work, other writes are 503 with the reason, and the data plane goes on",
  async () => {
    await using upstream = await startUpstream();
    const environment = { REALMGATE_LOG_MAX_MB: "0" };
    await using program = await startProgram({ dataDir: join(mount, "data"), environment });
    const { urls } = program;
    const api = await loginAdmin(urls);
    const place = await makePlace(api, urls, upstream.port);
    const ask = async () =>
      (await fetch(urls.proxy, { headers: { host: place.host("terminal-1") } })).status;
    const health = async () => (await fetch(`${urls.ops}/healthz`)).json();
    expect([await ask(), (await health()).status]).toEqual([200, "ok"]);

    fill();
    const alias = () => api.call("POST", "/projects", { body: { alias: "one" } });
    let refused = await alias();
    // What the log of the database has left is used up first.
    for (let i = 0; i < 400 && refused.status !== 503; i++) {
      refused = await api.call("POST", "/projects", { body: { alias: `more-${i}` } });
    }
    expect([refused.status, refused.body]).toMatchObject([
      503,
      { code: "STORAGE_FULL", message: "The disk of the database is full" },
    ]);
    expect(await health()).toMatchObject({
      status: "degraded",
      problems: [expect.stringContaining("is full")],
    });
    expect(await ask()).toBe(200);

    const again = await loginAdmin(urls);
    expect((await again.call("GET", "/users/me")).status).toBe(200);
    fill();
    const path = `/containers/${place.containerId}/proxy/permissions`;
    const { etag } = await api.data("GET", path);
    const locked = await again.call("PATCH", `${path}/state`, {
      body: { enable_proxy: false },
      headers: { "if-match": etag },
    });
    expect(locked.status).toBe(200);
    await enforced(urls, locked);
    expect(await ask()).toBe(503);
    expect((await alias()).body.code).toBe("STORAGE_FULL");
    const wrong = { username: "admin", password: `${adminPassword}!` };
    const answer = await new Api(urls.rest).call("POST", "/users/auth/login", { body: wrong });
    expect(answer.status).toBe(401);

    rmSync(ballast);
    await until(async () => (await alias()).status === 201, "writes are taken again");
    expect(await health()).toMatchObject({ status: "ok", problems: [] });

    // What was written in the room that was set aside is there after a crash.
    await program.kill();
    const dataDir = join(mount, "data");
    await using second = await startProgram({ dataDir, environment });
    expect(second.event).toBe("ready");
    const host = place.host("terminal-1");
    expect((await fetch(second.urls.proxy, { headers: { host } })).status).toBe(503);
  },
  120_000,
);

test.skipIf(!isMounted)(
  "a read-only data directory with a key and a snapshot serves what was in force last",
  async () => {
    await using upstream = await startUpstream();
    const dataDir = join(mount, "read-only");
    const first = await startProgram({ dataDir });
    const place = await makePlace(await loginAdmin(first.urls), first.urls, upstream.port);
    const host = place.host("terminal-1");
    first.signal("SIGTERM");
    expect(await first.exited).toBe(0);
    Bun.spawnSync(["mount", "-o", "remount,ro", mount]);
    try {
      const second = await startProgram({ dataDir });
      expect(second.event).toBe("degraded");
      expect((await fetch(second.urls.proxy, { headers: { host } })).status).toBe(200);
      const health = await (await fetch(`${second.urls.ops}/healthz`)).json();
      expect(health).toMatchObject({ status: "degraded", snapshot: { from: "file" } });
      await second.kill();
    } finally {
      Bun.spawnSync(["mount", "-o", "remount,rw", mount]);
    }
    const third = await startProgram({ dataDir });
    expect(third.event).toBe("ready");
    await third.kill();
  },
  120_000,
);
