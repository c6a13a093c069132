// The exchange log keeps each entry once, in one order for all who read, whatever of it is journal and whatever is blocks.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EntryKind } from "../../src/exchange-log/entry-batch.ts";
import { LogDatabase } from "../../src/exchange-log/log-database.ts";
import { EVERY_ENTRY, type LoggedExchange } from "../../src/exchange-log/log-entry.ts";
import { newestFirst, oldestFirst } from "../../src/exchange-log/log-reading.ts";
import { WaitingEntries } from "../../src/exchange-log/waiting-entries.ts";
import { randomFrom } from "../arbitrary/random.ts";

const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
const ROUNDS = 5;
const STEPS = 25;
const containers = ["a".repeat(24), "b".repeat(24), "c".repeat(24)];
const kinds: readonly EntryKind[] = ["passed", "refused", "unrouted"];
const limits = { ageMaxMs: 1e15, bytesMax: 64 * 1024 * 1024 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exchange-log-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function exchange(n: number, startedAtMs: number): LoggedExchange {
  return {
    requestId: n.toString(16).padStart(24, "0"),
    traceId: null,
    startedAtMs,
    durationMs: n % 7,
    method: "GET",
    path: `/${n}`,
    program: "files",
    instance: 1,
    alias: null,
    hook: null,
    status: 200,
    reason: "granted",
    groups: null,
    subject: null,
    client: "192.0.2.1",
    bytes: null,
    end: "complete",
  };
}

/** All pages: each entry's id and path. */
function newest(db: LogDatabase, container: string, limit: number): [number, string | null][] {
  const found: [number, string | null][] = [];
  let before: number | null = null;
  for (;;) {
    const page = newestFirst(db, { container, account: "a", filter: EVERY_ENTRY, limit }, before);
    found.push(...page.entries.map(({ id, path }): [number, string | null] => [id, path]));
    if (page.next === null) return found;
    before = page.next;
  }
}

test(`the exchange log reads the same in every way (seed ${seed})`, () => {
  const random = randomFrom(seed);
  for (let round = 0; round < ROUNDS; round++) {
    const path = join(folder, `${round}.sqlite`);
    const writers = [new LogDatabase(path, limits), new LogDatabase(path, limits)];
    const expected = new Map(containers.map((container) => [container, new Set<string>()]));
    /** What a reader who follows has seen. */
    const followed = new Map(containers.map((container) => [container, { after: 0, seen: 0 }]));
    /** Ids never change. */
    const ids = new Map<string, number>();
    let n = 0;
    for (let step = 0; step < STEPS; step++) {
      const db = random.pick(writers);
      const waiting = new WaitingEntries();
      const busy = random.pick(containers);
      const isBusy = random.chance(0.3);
      const rows = random.chance(0.2) ? random.between(200, 1_200) : random.between(1, 20);
      for (let row = 0; row < rows; row++) {
        const container = isBusy ? busy : random.pick(containers);
        const kind = isBusy && random.chance(0.9) ? "passed" : random.pick(kinds);
        const logged = exchange(n++, 1_800_000_000_000 + step);
        if (waiting.add(kind, "p", container, logged)) {
          expected.get(container)?.add(logged.path ?? "");
        }
      }
      db.append(waiting.take());
      if (random.chance(0.1)) random.pick(writers).settle();
      const container = random.pick(containers);
      const place = followed.get(container);
      if (place === undefined) throw new Error("unknown container");
      const page = oldestFirst(
        random.pick(writers),
        { container, account: "a", filter: EVERY_ENTRY, limit: random.between(1, 900) },
        place.after,
      );
      for (const { id, path: text } of page.entries) ids.set(text ?? "", id);
      place.after = page.next ?? place.after;
      place.seen += page.entries.length;
    }
    for (const [container, texts] of expected) {
      const place = followed.get(container);
      for (;;) {
        if (place === undefined) throw new Error("unknown container");
        const query = { container, account: "a", filter: EVERY_ENTRY, limit: 500 };
        const page = oldestFirst(random.pick(writers), query, place.after);
        if (page.entries.length === 0) break;
        place.seen += page.entries.length;
        place.after = page.next ?? place.after;
      }
      const before = newest(random.pick(writers), container, random.between(1, 700));
      random.pick(writers).settle();
      const after = newest(random.pick(writers), container, random.between(1, 700));
      const where = { seed, round, container };
      expect({ ...where, seen: place?.seen }).toEqual({ ...where, seen: texts.size });
      expect({ ...where, read: before.length }).toEqual({ ...where, read: texts.size });
      expect(new Set(before.map(([, text]) => text))).toEqual(texts);
      expect(after).toEqual(before);
      expect(before).toEqual(before.toSorted(([one], [other]) => other - one));
      const changed = before.filter(([id, text]) => (ids.get(text ?? "") ?? id) !== id);
      expect({ ...where, changed }).toEqual({ ...where, changed: [] });
    }
    for (const db of writers) db.close();
  }
});
