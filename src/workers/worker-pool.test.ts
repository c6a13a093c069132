import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../test/harness/until.ts";
import type { WorkerStart } from "./messages.ts";
import { WorkerPool } from "./worker-pool.ts";

const START_MS = 5_000;
const fake = join(import.meta.dir, "../../test/harness/fake-worker.ts");

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface Line {
  readonly text: string;
  readonly pid?: unknown;
}

/** Two processes, each of which does at its starts what the lines of its slot say. */
function poolOf(plans: readonly (readonly string[])[]) {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-workers-"));
  for (const [slot, lines] of plans.entries()) {
    writeFileSync(join(folder, String(slot)), lines.join("\n"));
  }
  const said: Line[] = [];
  const note = (fields: object, text: string) => void said.push({ ...fields, text });
  const pool = new WorkerPool({
    workers: plans.length,
    command: [process.execPath, fake, folder],
    sockets: [],
    log: { error: note, warn: note, info: note },
    startMs: START_MS,
  });
  ends.push(async () => {
    await pool.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const start = () => pool.start((slot) => ({ slot }) as WorkerStart);
  return { pool, start, said };
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("a process that hangs while it replaces another is ended, and the next one is tried", async () => {
  const { pool, start, said } = poolOf([["serve", "hang", "serve"], []]);
  await start();
  process.kill(pool.pids[0] ?? 0, "SIGKILL");
  await until(() => said.some(({ text }) => text.endsWith("took over")), "another serves");
  expect([pool.serving, pool.replaced, pool.failedStarts]).toEqual([2, 1, 1]);
  const hung = said.find(({ text }) => text === "a gate process does not start; it is ended");
  expect(hung).toMatchObject({ worker: 0, allowedMs: START_MS });
  await until(() => !isAlive(Number(hung?.pid)), "it is gone");
});

test("one that hangs at the first start is ended, and another tried; one that cannot start ends the start", async () => {
  const { pool, start, said } = poolOf([["hang", "serve"], []]);
  await start();
  expect([pool.serving, pool.replaced, pool.failedStarts]).toEqual([2, 0, 1]);
  expect(said.map(({ text }) => text)).toEqual(["a gate process does not start; it is ended"]);
  await expect(poolOf([["fail"], []]).start()).rejects.toThrow("no");
});

test("one that hangs while it serves is named, and what is asked of all has the others' answers", async () => {
  const { pool, start } = poolOf([["serve-then-hang"], []]);
  await start();
  await until(() => pool.silent.length > 0, "it is noticed");
  expect(pool.silent).toEqual(["gate process 0"]);
  const [lost, ended, sealed] = await Promise.all([
    pool.hasLost(1, "b"),
    pool.connections.end("c", "id"),
    pool.snapshotKeys([]),
    pool.reload(),
  ]);
  expect([lost, sealed]).toEqual([true, false]);
  expect(ended).toEqual({ ended: 0, missing: ["gate process 0"] });
}, 30_000);

test("scrapes that come while all are asked for their metrics share that round", async () => {
  const { pool, start } = poolOf([[], []]);
  await start();
  const rounds = async () =>
    /^rounds.* (\d+)$/m.exec(await (await pool.metrics([])).metrics())?.[1];
  const first = rounds();
  await Bun.sleep(20);
  // One of each process.
  expect(await Promise.all([first, rounds(), rounds()])).toEqual(["2", "2", "2"]);
  expect(await rounds()).toBe("4");
});
