// The database cannot be used any more: the data plane starts all the same, and the rest when it can be used again.
import { expect, test } from "bun:test";
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Api, loginAdmin, makePlace, statusThrough } from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Urls } from "../harness/program.ts";
import { parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";
import { until } from "../harness/until.ts";

const TOKEN = { "x-api-token": "token-abc-123" };
const startMsMax = 60_000;

const documentFor = (value: string) => ({
  groups: { partners: { type: "token", value, header: "X-Api-Token" } },
  permissions: { partners: { terminal: true } },
  default: "deny",
});

interface Healthz {
  readonly status: string;
  readonly problems: readonly string[];
  readonly snapshot: { readonly from: string; readonly closed: string | null };
}

async function healthz({ ops }: Urls): Promise<Healthz> {
  const response = await fetch(`${ops}/healthz`);
  expect(response.status).toBe(200);
  return (await response.json()) as Healthz;
}

async function metric({ ops }: Urls, name: string): Promise<number | undefined> {
  const families = parsePrometheusText(await (await fetch(`${ops}/metrics`)).text());
  return sampleValue(families, name);
}

const saved = (urls: Urls) =>
  until(
    async () =>
      (await metric(urls, "realmgate_snapshot_saved_revision")) ===
      (await metric(urls, "realmgate_snapshot_revision")),
    "the newest revision is saved",
  );

/** A program that was killed once its snapshot was saved: one place with a document, one without, one switched off. */
async function killed(upstreamPort: number) {
  const first = await startProgram();
  const api: Api = await loginAdmin(first.urls);
  const guarded = await makePlace(api, first.urls, upstreamPort);
  await guarded.container.replace(documentFor(TOKEN["x-api-token"]));
  const open = await makePlace(api, first.urls, upstreamPort);
  const off = await makePlace(api, first.urls, upstreamPort);
  await off.container.write("PATCH", "/state", { enable_proxy: false });
  const decisions = async (urls: Urls) => [
    await statusThrough(urls, guarded.host("terminal-1"), { headers: TOKEN }),
    await statusThrough(urls, guarded.host("terminal-1")),
    await statusThrough(urls, guarded.host("files-1"), { headers: TOKEN }),
    await statusThrough(urls, open.host("terminal-1")),
    await statusThrough(urls, off.host("terminal-1")),
  ];
  const before = await decisions(first.urls);
  await saved(first.urls);
  await first.kill();
  return { dataDir: first.dataDir, first, guarded, decisions, before };
}

const database = (dataDir: string) => join(dataDir, "realmgate.sqlite");

/** Puts noise over it, and keeps a copy. */
function damage(dataDir: string): void {
  const path = database(dataDir);
  for (const suffix of ["", "-wal"]) copyFileSync(`${path}${suffix}`, `${path}${suffix}.copy`);
  writeFileSync(path, Buffer.alloc(readFileSync(path).length, "noise"));
  rmSync(`${path}-wal`);
  rmSync(`${path}-shm`, { force: true });
}

function repair(dataDir: string): void {
  const path = database(dataDir);
  rmSync(`${path}-wal`, { force: true });
  rmSync(`${path}-shm`, { force: true });
  for (const suffix of ["-wal", ""]) copyFileSync(`${path}${suffix}.copy`, `${path}${suffix}`);
}

test(
  "a damaged database: decisions are as before, the API is away, and it comes back once it is mended",
  async () => {
    await using upstream = await startUpstream();
    const { dataDir, first, guarded, decisions, before } = await killed(upstream.port);
    expect(before).toEqual([200, 401, 403, 200, 503]);
    damage(dataDir);

    await using second: Program = await startProgram({ dataDir });
    expect(second.event).toBe("degraded");
    expect(Object.keys(second.urls).toSorted()).toEqual(["ops", "pid", "proxy", "reason"]);
    expect(await decisions(second.urls)).toEqual(before);
    expect(await healthz(second.urls)).toMatchObject({
      status: "degraded",
      problems: [expect.stringContaining("control plane is unavailable")],
      snapshot: { from: "file", closed: null },
    });
    const ready = await fetch(`${second.urls.ops}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: "ready", from: "file" }]);
    expect(await metric(second.urls, "realmgate_snapshot_from_file")).toBe(1);
    expect(second.log()).toContain("going on with what it said last");

    repair(dataDir);
    const urls = await second.ready();
    expect(await decisions(urls)).toEqual(before);
    const api = await loginAdmin(urls);
    const { etag } = await api.data("GET", guarded.container.path);
    const answer = await api.call("PATCH", guarded.container.path, {
      body: documentFor("another-token"),
      headers: { "if-match": etag },
    });
    expect(answer.status).toBe(200);
    const revision = answer.headers.get("x-realmgate-revision");
    await fetch(`${urls.ops}/readyz?revision=${revision}&wait_ms=5000`);
    expect((await decisions(urls)).slice(0, 2)).toEqual([401, 401]);
    await until(async () => (await healthz(urls)).status === "ok", "it is healthy");
    expect(await healthz(urls)).toMatchObject({ problems: [], snapshot: { from: "live" } });
    await first[Symbol.asyncDispose]();
  },
  startMsMax,
);

test(
  "a damaged database without a snapshot, or with one of another key, is no start",
  async () => {
    await using upstream = await startUpstream();
    const { dataDir } = await killed(upstream.port);
    damage(dataDir);
    const environment = { REALMGATE_SECRET_KEY: Buffer.alloc(32, 1).toString("base64") };
    await expect(startProgram({ dataDir, environment })).rejects.toThrow(/cannot be used/);
    // Which left it where it was.
    {
      await using again = await startProgram({ dataDir });
      expect(again.event).toBe("degraded");
    }
    const { dataDir: other } = await killed(upstream.port);
    damage(other);
    rmSync(join(other, "snapshot"));
    await expect(startProgram({ dataDir: other })).rejects.toThrow(/cannot be used/);
    for (const path of [dataDir, other]) rmSync(path, { recursive: true, force: true });
  },
  startMsMax,
);

test(
  "a database that is gone, or empty, is not made anew over a snapshot",
  async () => {
    await using upstream = await startUpstream();
    const { dataDir, decisions, before } = await killed(upstream.port);
    for (const [n, lose] of [
      (path: string) => rmSync(path),
      (path: string) => writeFileSync(path, ""),
    ].entries()) {
      const copy = `${dataDir}-${n}`;
      // The socket of the gate processes cannot be copied.
      const filter = (path: string) => !path.endsWith(".sock");
      cpSync(dataDir, copy, { recursive: true, filter });
      lose(database(copy));
      rmSync(`${database(copy)}-wal`);
      await using program = await startProgram({ dataDir: copy });
      expect(program.event).toBe("degraded");
      expect(await decisions(program.urls)).toEqual(before);
    }
    rmSync(database(dataDir));
    rmSync(join(dataDir, "snapshot"));
    await using anew = await startProgram({ dataDir });
    expect(anew.event).toBe("ready");
  },
  startMsMax,
);

test(
  "a snapshot that is too old allows nothing, and says so",
  async () => {
    await using upstream = await startUpstream();
    const { dataDir, decisions } = await killed(upstream.port);
    damage(dataDir);
    const environment = { REALMGATE_STALENESS_MAX_S: "5" };
    await using second = await startProgram({ dataDir, environment });
    await until(
      async () => (await healthz(second.urls)).snapshot.closed === "stale",
      "it is closed as stale",
    );
    expect(await decisions(second.urls)).toEqual([503, 503, 503, 503, 503]);
    expect((await fetch(`${second.urls.ops}/readyz`)).status).toBe(503);
  },
  startMsMax,
);
