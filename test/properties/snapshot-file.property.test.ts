// Whatever changes are kept, however they are written together: the file says what the snapshot says. Whoever has no key can at
// most bring back a state that once was: by cutting off its end.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { SecretBox } from "../../src/admin/store/sealed.ts";
import { SnapshotFile } from "../../src/proxy/snapshot/snapshot-file.ts";
import { loaded } from "../harness/saved-snapshot.ts";
import { SnapshotWorld, type StateChange, told } from "../harness/snapshot-world.ts";
import { until } from "../harness/until.ts";

const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
const folder = mkdtempSync(join(tmpdir(), "realmgate-snapshot-file-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = () => join(folder, String(++files));
const box = new SecretBox(Buffer.alloc(32, 7), "snapshot");
const log = { error() {}, warn() {}, info() {} };
const HEADER_BYTES = 24;

const stateChange: fc.Arbitrary<StateChange> = fc.record({
  kind: fc.constantFrom("project", "container"),
  index: fc.integer({ min: 0, max: 5 }),
  document: fc.integer({ min: 0, max: 3 }),
  deleted: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
});
const batch = fc.array(stateChange, { maxLength: 6 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("changes" as const), batch }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("whole" as const), batch }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

function opened(path: string, isNamed?: (digest: string) => boolean): SnapshotFile {
  const named = isNamed === undefined ? {} : { named: () => isNamed };
  return new SnapshotFile({
    path,
    box,
    log,
    flushMs: 0,
    server: "local",
    logBytes: 2_000,
    ...named,
  });
}

/** Bytes of each frame, in order. */
function framesIn(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

async function said(bytes: Buffer): Promise<string | null> {
  const path = newPath();
  writeFileSync(path, bytes);
  const file = opened(path);
  const saved = await loaded(file);
  await file.close();
  rmSync(path);
  return saved === null ? null : told(saved.changes);
}

test("random changes, flushes and restarts: the file reopened says what was heard", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
      const path = newPath();
      const world = new SnapshotWorld();
      const isNamed = (digest: string) =>
        world.whole().documents.some((document) => document.digest === digest);
      let file = opened(path, isNamed);
      let isHeard = true;
      file.keep({ ...world.change([]), all: true }, true, 1);
      for (const each of steps) {
        isHeard ||= each.kind === "changes" || each.kind === "whole";
        switch (each.kind) {
          case "changes":
            file.keep(world.change(each.batch), false, Number(world.revision) + 1);
            break;
          case "whole":
            world.change(each.batch);
            file.keep(world.whole(), true, Number(world.revision) + 1);
            break;
          case "flush":
            if (isHeard) await until(() => file.saved.revision === world.revision, "it is saved");
            break;
          case "restart":
            isHeard = false;
            await file.close();
            file = opened(path, isNamed);
            expect(told((await loaded(file))?.changes ?? world.change([]))).toBe(
              told(world.whole()),
            );
            break;
        }
      }
      await file.close();
      const again = opened(path);
      const saved = await loaded(again);
      await again.close();
      expect(saved === null ? null : told(saved.changes)).toBe(told(world.whole()));
    }),
    { seed, numRuns: 25 },
  );
});

/** A file that was written in many groups, what lay there after each, and what each said. */
async function history(batches: readonly (readonly StateChange[])[]) {
  const path = newPath();
  const world = new SnapshotWorld();
  // Not written anew: each stage is the beginning of the next one.
  const file = new SnapshotFile({ path, box, log, flushMs: 0, server: "local" });
  const stages: { readonly bytes: Buffer; readonly said: string }[] = [];
  for (const [index, each] of batches.entries()) {
    const changes = world.change(each);
    file.keep(index === 0 ? world.whole() : changes, index === 0, index + 1);
    await until(() => file.saved.revision === world.revision, "the revision is saved");
    stages.push({ bytes: readFileSync(path), said: told(world.whole()) });
  }
  await file.close();
  rmSync(path);
  return stages;
}

const histories = fc.array(batch, { minLength: 3, maxLength: 6 });

test("cut at any byte, a file says a state that once was, or nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      histories,
      fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
      async (batches, cuts) => {
        const stages = await history(batches);
        const whole = stages.at(-1)?.bytes ?? Buffer.alloc(0);
        for (const cut of [
          ...cuts.map((n) => n % (whole.length + 1)),
          ...stages.map((s) => s.bytes.length),
        ]) {
          const last = stages.findLast(({ bytes }) => bytes.length <= cut);
          expect(await said(whole.subarray(0, cut))).toBe(last?.said ?? null);
        }
      },
    ),
    { seed, numRuns: 8 },
  );
});

test("frames dropped, doubled, swapped, replayed from an earlier time or another file, or changed: never a state that was not", async () => {
  const frames = fc.array(fc.nat(), { minLength: 2, maxLength: 2 });
  const forgery = fc.record({
    kind: fc.constantFrom("drop", "double", "swap", "flip", "other file", "other branch"),
    frames,
    bit: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(
      histories,
      histories,
      fc.array(forgery, { minLength: 12, maxLength: 12 }),
      async (batches, others, forgeries) => {
        const [stages, foreign] = [await history(batches), await history(others)];
        const whole = stages.at(-1)?.bytes ?? Buffer.alloc(0);
        const own = framesIn(whole);
        const theirs = framesIn(foreign.at(-1)?.bytes ?? Buffer.alloc(0));
        const truths = new Set([null, ...stages.map((stage) => stage.said)]);
        for (const { kind, frames, bit } of forgeries) {
          const [a = 0, b = 0] = frames.map((n) => n % own.length);
          const forged = [...own];
          const [first, second] = [own[a], own[b]];
          if (first === undefined || second === undefined) throw new Error("no frames");
          if (kind === "drop") forged.splice(a, 1);
          if (kind === "double") forged.splice(a, 0, first);
          if (kind === "swap") [forged[a], forged[b]] = [second, first];
          if (kind === "flip") {
            const copy = Buffer.from(first);
            const at = 4 + (bit % (copy.length - 4));
            copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
            forged[a] = copy;
          }
          if (kind === "other file") forged[a] = theirs[b % theirs.length] ?? first;
          if (kind === "other branch") forged.splice(a, forged.length, ...theirs.slice(a));
          const answer = await said(Buffer.concat([whole.subarray(0, HEADER_BYTES), ...forged]));
          expect(truths.has(answer)).toBe(true);
          // What was changed is never believed: at most the end is missing.
          const isUnchanged = forged.every((frame, index) => own[index]?.equals(frame));
          if (!isUnchanged) expect(answer).toBeNull();
        }
      },
    ),
    { seed, numRuns: 8 },
  );
});
