// The control plane away: the proxy goes on with what it said last, also after a restart, for as long as it may.
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Changes } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import type { ProxyOptions } from "../../src/proxy/options.ts";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import type { ChangeSource } from "../../src/proxy/snapshot/feed.ts";
import type { Box } from "../../src/proxy/snapshot/snapshot-codec.ts";
import { code, LOCAL, testBench } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";

const bench = await testBench();
const folder = mkdtempSync(join(tmpdir(), "realmgate-static-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const started: ProxyServer[] = [];
afterEach(async () => {
  for (const proxy of started.splice(0)) await proxy.stop(true);
});

/** The bench's registry behind a line that can be cut. */
class Line implements ChangeSource {
  up = true;
  #listeners = new Set<(revision: bigint) => void>();

  async changesAfter(revision: bigint): Promise<Changes> {
    if (!this.up) throw new Error("the control plane is away");
    return bench.registry.changesAfter(revision);
  }

  onCommit(listener: (revision: bigint) => void): () => void {
    const stop = bench.registry.onCommit((revision) => {
      if (this.up) listener(revision);
    });
    this.#listeners.add(listener);
    return () => {
      stop();
      this.#listeners.delete(listener);
    };
  }

  mend(): void {
    this.up = true;
    for (const listener of this.#listeners) listener(0n);
  }
}

const plainBox: Box = { seal: (plain) => plain, open: (sealed) => sealed };
let files = 0;
const newPlace = () => ({ path: join(folder, `snapshot-${++files}`), box: plainBox, flushMs: 1 });

async function start(line: Line, extra: Partial<ProxyOptions>): Promise<ProxyServer> {
  const proxy = await startProxy(bench.options(extra), line);
  started.push(proxy);
  return proxy;
}

/** A place whose file holds what the registry says now. */
async function savedPlace() {
  const snapshotPlace = newPlace();
  const proxy = await startProxy(bench.options({ snapshotPlace }), bench.registry);
  await proxy.stop();
  return snapshotPlace;
}

const OPEN = { own: { groups: { all: LOCAL }, permissions: { all: { terminal: true } } } };
const DENY = { own: { groups: {}, permissions: {}, default: "deny" } };

/** A container whose terminal begins an answer and never ends it. */
async function endless() {
  const port = await bench.listen((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nbegun\n");
    });
  });
  const programs = { terminal: port };
  return { placed: await bench.place({ ...OPEN, programs }), programs };
}

async function begun(response: Response) {
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error("no body");
  await reader.read();
  return reader.read().then(
    () => "ended well",
    () => "broken off",
  );
}

describe("a start without the control plane", () => {
  test("decides as it was decided before, and says so", async () => {
    const [allowed, refused] = [await bench.place(OPEN), await bench.place(DENY)];
    const snapshotPlace = await savedPlace();
    const line = new Line();
    line.up = false;
    const proxy = await start(line, { snapshotPlace });
    const status = async (host: string) => (await bench.ask(host, { via: proxy })).status;
    expect(await status(allowed.host("terminal"))).toBe(200);
    expect(await status(refused.host("terminal"))).toBe(403);
    expect(await status(allowed.host("files"))).toBe(403);
    expect(proxy.enforcement()).toMatchObject({
      from: "file",
      revision: bench.registry.revision,
      failing: true,
      closed: null,
    });
    expect(await proxy.reached(bench.registry.revision, 0)).toBe(true);
    expect(await proxy.metrics.text()).toContain("realmgate_snapshot_from_file 1");
    expect(bench.logged.map(({ message }) => message)).toContain(
      "the control plane cannot be heard: going on with what it said last",
    );
  });

  test("and without a file knows nobody, and enforces nothing", async () => {
    const { host } = await bench.place(OPEN);
    const line = new Line();
    line.up = false;
    const proxy = await start(line, { snapshotPlace: newPlace() });
    const answer = await bench.ask(host("terminal"), { via: proxy });
    expect(await code(answer)).toEqual([503, "no_container"]);
    expect(await proxy.reached(0n, 0)).toBe(false);
    expect(proxy.enforcement()).toMatchObject({ from: "none", heardAtMs: null });
  });

  test("never brings back what was taken away since, once the control plane is heard", async () => {
    const { placed: revoked, programs } = await endless();
    const deleted = await bench.place(OPEN);
    const kept = await bench.place(OPEN);
    const snapshotPlace = await savedPlace();
    const line = new Line();
    line.up = false;
    const proxy = await start(line, { snapshotPlace });
    const status = async (host: string) => (await bench.ask(host, { via: proxy })).status;
    const stream = begun(await bench.ask(revoked.host("terminal"), { via: proxy }));

    await revoked.change({ ...DENY, programs });
    await deleted.change({ ...OPEN, state: { deleted: true } });
    const fresh = await bench.place(OPEN);
    expect(await status(deleted.host("terminal"))).toBe(200);

    line.mend();
    expect(await proxy.reached(bench.registry.revision, 2_000)).toBe(true);
    expect(await stream).toBe("broken off");
    expect(await status(revoked.host("terminal"))).toBe(403);
    expect(await status(deleted.host("terminal"))).toBe(503);
    expect(await status(fresh.host("terminal"))).toBe(200);
    expect(await status(kept.host("terminal"))).toBe(200);
    expect(proxy.enforcement()).toMatchObject({ from: "live", failing: false });
  });

  test("takes the control plane's word though it knows less than the file", async () => {
    const { host } = (await endless()).placed;
    const snapshotPlace = await savedPlace();
    const line = new Line();
    line.up = false;
    const proxy = await start(line, { snapshotPlace });
    const stream = begun(await bench.ask(host("terminal"), { via: proxy }));
    // As after a backup was restored: an older revision, and nothing in it.
    line.changesAfter = async () => ({
      ...(await bench.registry.changesAfter(bench.registry.revision)),
      revision: 1n,
    });
    line.mend();
    await until(() => proxy.enforcement().from === "live", "the source was heard");
    expect(await stream).toBe("broken off");
    expect((await bench.ask(host("terminal"), { via: proxy })).status).toBe(503);
    expect(bench.logged.map(({ message }) => message)).toContain(
      "the control plane knows less than was enforced before: restored?",
    );
  });
});

describe("the control plane gone while we run", () => {
  test("changes nothing, and what it says later is enforced", async () => {
    const placed = await bench.place(OPEN);
    const line = new Line();
    const proxy = await start(line, { snapshotPlace: newPlace() });
    const status = async () => (await bench.ask(placed.host("terminal"), { via: proxy })).status;
    line.up = false;
    await placed.change(DENY);
    expect(await status()).toBe(200);
    line.mend();
    expect(await proxy.reached(bench.registry.revision, 2_000)).toBe(true);
    expect(await status()).toBe(403);
  });
});

describe("with a limit on how long ago it was heard", () => {
  test("everything is refused after it, what goes on is ended, and it is as before when it is heard again", async () => {
    const { placed } = await endless();
    const other = await bench.place(OPEN);
    const line = new Line();
    const proxy = await start(line, { stalenessMaxMs: 1_500 });
    const stream = begun(await bench.ask(placed.host("terminal"), { via: proxy }));
    line.up = false;
    await until(() => proxy.enforcement().closed === "stale", "it is closed");
    expect(await stream).toBe("broken off");
    const answer = await bench.ask(other.host("terminal"), { via: proxy });
    expect(await code(answer)).toEqual([503, "stale"]);
    expect(await proxy.metrics.text()).toContain("realmgate_snapshot_closed 1");
    line.mend();
    await until(() => proxy.enforcement().closed === null, "it is open again");
    expect((await bench.ask(other.host("terminal"), { via: proxy })).status).toBe(200);
  });

  test("a silent control plane that is there is no reason", async () => {
    const { host } = await bench.place(OPEN);
    const proxy = await start(new Line(), { stalenessMaxMs: 1_200 });
    const heardAtMs = proxy.enforcement().heardAtMs ?? 0;
    await until(
      () => (proxy.enforcement().heardAtMs ?? 0) > heardAtMs + 2_500,
      "the source was heard again",
    );
    expect((await bench.ask(host("terminal"), { via: proxy })).status).toBe(200);
  });

  test("a file that is older is not gone on with", async () => {
    const { host } = await bench.place(OPEN);
    const snapshotPlace = await savedPlace();
    const line = new Line();
    line.up = false;
    const proxy = await start(line, { snapshotPlace, stalenessMaxMs: 1 });
    const answer = await bench.ask(host("terminal"), { via: proxy });
    expect(await code(answer)).toEqual([503, "stale"]);
  });
});
