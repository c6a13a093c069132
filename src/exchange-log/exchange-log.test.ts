import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../test/harness/until.ts";
import type { EntryKind } from "./entry-batch.ts";
import { ExchangeLog } from "./exchange-log.ts";
import { EDGE_SQL, LogDatabase, WITH_REQUEST_SQL } from "./log-database.ts";
import { type EntryFilter, EVERY_ENTRY, type LoggedExchange } from "./log-entry.ts";
import { BLOCKS_MAX, type LogPage, newestFirst, oldestFirst } from "./log-reading.ts";
import { LogUnavailable } from "./log-thread.ts";
import {
  WaitingEntries,
  waitingMax,
  waitingOfOneMax,
  waitingUnroutedMax,
} from "./waiting-entries.ts";

const MIB = 1024 * 1024;
const T0 = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "exchange-log-"));
  path = join(folder, "exchanges.sqlite");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const quiet = { error: () => {}, warn: () => {}, info: () => {} };
const limits = { ageMaxMs: 7 * DAY_MS, bytesMax: 64 * MIB };
const hex = (n: number) => n.toString(16).padStart(24, "0");

function exchange(n: number, more: Partial<LoggedExchange> = {}): LoggedExchange {
  return {
    requestId: hex(n),
    traceId: null,
    startedAtMs: T0 + n,
    durationMs: 1.25,
    method: "GET",
    path: `/${n}`,
    program: "terminal",
    instance: 1,
    alias: null,
    hook: null,
    status: 200,
    reason: "granted",
    groups: ["office"],
    subject: null,
    client: "203.0.113.7",
    bytes: 5,
    end: "complete",
    ...more,
  };
}

/** Stores exchanges from `first` on, in blocks of `rows`. */
function fill(
  db: LogDatabase,
  container: string,
  more: { first?: number; count: number; rows?: number; kind?: EntryKind; settled?: boolean },
): void {
  const { first = 0, count, rows = 100, kind = "passed", settled = false } = more;
  for (let n = first; n < first + count; n += rows) {
    const waiting = new WaitingEntries();
    for (let i = n; i < Math.min(n + rows, first + count); i++) {
      waiting.add(kind, "p", container, exchange(i));
    }
    db.append(waiting.take());
    if (settled) db.settle();
  }
}

const ask = (container: string, filter: Partial<EntryFilter> = {}, limit = 1_000) => ({
  container,
  account: "a",
  filter: { ...EVERY_ENTRY, ...filter },
  limit,
});

/** All that a reader gets who follows the cursors. */
function readAll(db: LogDatabase, container: string, filter: Partial<EntryFilter> = {}, limit = 7) {
  const ids: string[] = [];
  let page: LogPage = newestFirst(db, ask(container, filter, limit), null);
  for (;;) {
    ids.push(...page.entries.map(({ requestId }) => requestId));
    if (page.next === null) return ids;
    page = newestFirst(db, ask(container, filter, limit), page.next);
  }
}

describe("what is logged", () => {
  test("is read back field by field, whatever texts it has", () => {
    const db = new LogDatabase(path, limits);
    const odd = exchange(1, {
      path: '/a"b\\c\n],["%00ü',
      groups: ['g"],["', "\u0000"],
      subject: "O'Neil \"],[ 💥",
      traceId: "4".repeat(32),
      alias: "short",
      hook: "01h",
      status: null,
      bytes: null,
      end: "client_gone",
    });
    const waiting = new WaitingEntries();
    waiting.add("passed", "p", "c", odd);
    waiting.add("passed", "p", "c", exchange(2));
    db.append(waiting.take());
    const { entries } = newestFirst(db, ask("c"), null);
    expect(entries.map(({ id: _, ...rest }) => rest)).toEqual([
      { ...exchange(2), project: "p", container: "c" },
      { ...odd, project: "p", container: "c" },
    ]);
    db.close();
  });

  test("is read in pages of any size without a gap or a repetition, also across kinds of blocks", () => {
    const db = new LogDatabase(path, limits);
    fill(db, "c", { count: 230, rows: 60 });
    fill(db, "c", { first: 230, count: 70, rows: 9, kind: "refused" });
    fill(db, "other", { count: 50 });
    const all = Array.from({ length: 300 }, (_, i) => hex(299 - i));
    for (const limit of [1, 7, 60, 299, 300, 301]) expect(readAll(db, "c", {}, limit)).toEqual(all);
    let after = 0;
    const followed: string[] = [];
    for (;;) {
      const { entries, next } = oldestFirst(db, ask("c", {}, 13), after);
      if (entries.length === 0) break;
      followed.push(...entries.map(({ requestId }) => requestId));
      after = next ?? after;
    }
    expect(followed).toEqual(all.toReversed());
    db.close();
  });

  test("a filter finds what it is for, and a request id only its own", () => {
    const db = new LogDatabase(path, limits);
    const waiting = new WaitingEntries();
    waiting.add("passed", "p", "c", exchange(1));
    waiting.add(
      "refused",
      "p",
      "c",
      exchange(2, { status: 401, reason: "denied", groups: null, bytes: null }),
    );
    waiting.add(
      "passed",
      "p",
      "c",
      exchange(3, { status: 502, client: "198.51.100.1", method: "PUT" }),
    );
    db.append(waiting.take());
    const found = (filter: Partial<EntryFilter>) => readAll(db, "c", filter).toSorted();
    expect(found({ requestId: hex(2) })).toEqual([hex(2)]);
    expect(found({ requestId: hex(9) })).toEqual([]);
    // Bytes that two ids have where they meet are no id.
    expect(found({ requestId: `${"0".repeat(22)}01` })).toEqual([hex(1)]);
    expect(found({ requestId: `${"0".repeat(21)}100` })).toEqual([]);
    expect(found({ reason: "denied" })).toEqual([hex(2)]);
    expect(found({ group: "office" })).toEqual([hex(1), hex(3)]);
    expect(found({ client: "198.51.100.1" })).toEqual([hex(3)]);
    expect(found({ statusMin: 400, statusMax: 499 })).toEqual([hex(2)]);
    expect(found({ level: "error" })).toEqual([hex(3)]);
    expect(found({ method: "PUT" })).toEqual([hex(3)]);
    expect(found({ fromProgram: false })).toEqual([hex(2)]);
    expect(found({ sinceMs: T0 + 2 })).toEqual([hex(2), hex(3)]);
    expect(found({ untilMs: T0 + 1 })).toEqual([hex(1)]);
    db.close();
  });

  test("ids, cursors and where a page ends say nothing about other containers, and ids are used once", () => {
    // What one container is told while `others` requests of others end with each of its own, much later or earlier than these.
    const told = (others: number, shift: number) => {
      const db = new LogDatabase(join(folder, `${others} ${shift}.sqlite`), limits);
      for (let batch = 0; batch < 40; batch++) {
        const waiting = new WaitingEntries();
        const foreign = (n: number) => {
          const more = { startedAtMs: T0 + shift + n, path: "/x".repeat(300) };
          waiting.add("passed", "q", "other", exchange(n, more));
        };
        for (let n = 0; n < others; n++) foreign(n);
        for (let n = 0; n < 3; n++) {
          waiting.add("passed", "p", "c", exchange(batch * 3 + n));
          waiting.add("refused", "p", "c", exchange(1_000 + batch * 3 + n));
        }
        for (let n = 0; n < others; n++) foreign(n);
        db.append(waiting.take(), T0 + batch * 1_000);
      }
      const pages = [EVERY_ENTRY, { ...EVERY_ENTRY, sinceMs: T0 + 50 }].flatMap((filter) => [
        newestFirst(db, ask("c", filter, 7), null),
        newestFirst(db, ask("c", { ...filter, client: "192.0.2.9" }), null),
        newestFirst(db, ask("c", { ...filter, requestId: hex(50) }), null),
        oldestFirst(db, ask("c", filter, 7), 0),
        oldestFirst(db, ask("c", { ...filter, client: "192.0.2.9" }), 0),
      ]);
      db.close();
      return pages;
    };
    const alone = told(0, 0);
    expect(told(1, 0)).toEqual(alone);
    expect(told(500, -DAY_MS)).toEqual(alone);
    expect(told(500, DAY_MS)).toEqual(alone);

    const db = new LogDatabase(path, limits);
    for (let n = 0; n < 50; n++) fill(db, "c", { first: n * 30, count: 30, rows: 10 });
    const { entries } = newestFirst(db, ask("c", {}, 2_000), null);
    expect(new Set(entries.map(({ id }) => id)).size).toBe(1_500);
    db.close();
  });
});

describe("the journal", () => {
  test("keeps who asked one container under two project ids apart, and every entry", () => {
    const db = new LogDatabase(path, limits);
    const waiting = new WaitingEntries();
    for (let n = 0; n < 20; n++) waiting.add("unrouted", n % 2 === 0 ? "p" : "q", "c", exchange(n));
    db.append(waiting.take());
    const read = () => readAll(db, "c", {}, 3).toSorted();
    const all = Array.from({ length: 20 }, (_, n) => hex(n));
    expect(read()).toEqual(all);
    db.settle();
    expect(read()).toEqual(all);
    const { entries } = newestFirst(db, ask("c"), null);
    for (const { path: text, project } of entries) {
      expect([text, project]).toEqual([text, Number(text?.slice(1)) % 2 === 0 ? "p" : "q"]);
    }
    db.close();
  });

  test("becomes blocks beside those that came when the newest were removed", () => {
    const db = new LogDatabase(path, { ...limits, ageMaxMs: 1_000 });
    fill(db, "old", { count: 300, rows: 300 });
    fill(db, "old", { first: 300, count: 10, rows: 10, settled: true });
    while (db.removeOld(T0 + 5_000));
    fill(db, "c", { first: 10_000, count: 10, rows: 10 });
    fill(db, "c", { first: 10_010, count: 300, rows: 300 });
    fill(db, "c", { first: 10_310, count: 10, rows: 10, settled: true });
    expect(readAll(db, "c", {}, 50)).toHaveLength(320);
    db.close();
  });

  test("of a hundred containers gives a whole page of one of them in a call", () => {
    const db = new LogDatabase(path, limits);
    for (let first = 0; first < 20_480; first += 1_024) {
      const waiting = new WaitingEntries();
      for (let n = first; n < first + 1_024; n++) {
        waiting.add("passed", "p", hex(n % 100), exchange(n));
      }
      db.append(waiting.take());
    }
    expect(newestFirst(db, ask(hex(7), {}, 100), null).entries).toHaveLength(100);
    db.close();
  });

  test("goes on behind a row that is damaged", () => {
    const db = new LogDatabase(path, limits);
    fill(db, "c", { count: 10, rows: 5 });
    using file = new Database(path);
    file.run(
      "UPDATE journal SET data = x'00' WHERE first_id = (SELECT min(first_id) FROM journal)",
    );
    db.settle();
    expect(readAll(db, "c")).toHaveLength(5);
    db.close();
  });

  test("is short where paths are long, and a call reads so many bytes at most", () => {
    const db = new LogDatabase(path, limits);
    const noise = () => Buffer.from(crypto.getRandomValues(new Uint8Array(500))).toString("hex");
    const rows = () =>
      new Database(path).query<{ n: number }, []>("SELECT count(*) AS n FROM journal").get()?.n;
    let longest = 0;
    for (let batch = 0; batch < 20; batch++) {
      const waiting = new WaitingEntries();
      for (let n = 0; n < 1_000; n++) {
        waiting.add("refused", "p", hex(n % 3), exchange(n, { path: `/${noise()}` }));
      }
      db.append(waiting.take());
      longest = Math.max(longest, rows() ?? 0);
    }
    expect(longest).toBeLessThan(20);
    const page = newestFirst(db, ask(hex(1), { reason: "nothing" }, 100), null);
    expect(page.entries).toEqual([]);
    expect(page.next).not.toBeNull();
    db.close();
  });
});

describe("a full log", () => {
  const small = { ...limits, bytesMax: MIB };
  /** Does not compress. */
  const noise = () => Buffer.from(crypto.getRandomValues(new Uint8Array(300))).toString("hex");
  /** How many entries were evicted. */
  const flood = (db: LogDatabase, kind: EntryKind, count: number, container = "flood") => {
    let evicted = 0;
    for (let n = 1_000; n < 1_000 + count; n += 100) {
      const waiting = new WaitingEntries();
      for (let i = n; i < n + 100; i++) {
        const reason = kind === "refused" ? "denied" : "granted";
        waiting.add(kind, "p", container, exchange(i, { path: `/${noise()}`, reason }));
      }
      evicted += db.append(waiting.take()).evicted;
    }
    return evicted;
  };

  test("keeps what is small: the container that has the most loses its oldest entries, and they are counted", () => {
    const db = new LogDatabase(path, small);
    fill(db, "quiet", { count: 200 });
    const evicted = flood(db, "passed", 6_000);
    expect(evicted).toBeGreaterThan(1_000);
    expect(db.bytes).toBeLessThan(small.bytesMax * 1.1);
    expect(readAll(db, "quiet", {}, 500)).toHaveLength(200);
    const left = readAll(db, "flood", {}, 5_000);
    expect(left[0]).toBe(hex(6_999));
    expect(left.length + evicted).toBe(6_000);
    db.close();
  });

  test("who is refused displaces no entry of those who were let through", () => {
    const db = new LogDatabase(path, small);
    fill(db, "c", { count: 200 });
    expect(flood(db, "refused", 6_000, "c")).toBeGreaterThan(1_000);
    expect(readAll(db, "c", { reason: "granted" }, 500)).toHaveLength(200);
    expect(db.bytes).toBeLessThan(small.bytesMax * 1.1);
    db.close();
  });

  test("what is too old goes, a part at a time", () => {
    const db = new LogDatabase(":memory:", { ...limits, ageMaxMs: 1_000 });
    fill(db, "c", { count: 2_500, rows: 1, settled: true });
    let turns = 1;
    while (db.removeOld(T0 + 3_000)) turns++;
    expect(turns).toBe(2);
    expect(readAll(db, "c", {}, 900)).toHaveLength(502);
    db.close();
  });
});

describe("what waits", () => {
  test("is bounded: in all, for one container, and for containers that are not there", () => {
    const waiting = new WaitingEntries();
    const add = (kind: EntryKind, container: string, n: number) =>
      waiting.add(kind, "p", container, exchange(n));
    let flood = 0;
    while (add("passed", "flood", flood)) flood++;
    expect(flood).toBe(waitingOfOneMax);
    expect(add("passed", "quiet", 1)).toBe(true);
    expect(add("refused", "flood", 1)).toBe(true);
    let unrouted = 0;
    while (add("unrouted", hex(unrouted), unrouted)) unrouted++;
    expect(unrouted).toBe(waitingUnroutedMax);
    for (let n = 0; waiting.size < waitingMax; n++) add("passed", `c${n % 40}`, n);
    expect(add("passed", "late", 1)).toBe(false);
    expect(waiting.take().reduce((sum, { rows }) => sum + rows, 0)).toBe(waitingMax);
    expect([waiting.size, waiting.take()]).toEqual([0, []]);
    expect(add("passed", "late", 1)).toBe(true);
  });
});

describe("looking for a request", () => {
  test("reads no block that has not its id, and of one call looks at a bounded number", () => {
    const db = new LogDatabase(":memory:", limits);
    fill(db, "c", { count: BLOCKS_MAX + 10, rows: 1, settled: true });
    const absent = { requestId: hex(0xffffff) };
    const first = newestFirst(db, ask("c", absent), null);
    expect(first.entries).toEqual([]);
    const { next } = first;
    if (next === null) throw new Error("it looked at everything in one call");
    expect(newestFirst(db, ask("c", absent), next)).toEqual({ entries: [], next: null });
    // The oldest of all is found by who looks on.
    const oldest = newestFirst(db, ask("c", { requestId: hex(0) }), next);
    expect(oldest.entries.map(({ requestId }) => requestId)).toEqual([hex(0)]);
    expect(
      newestFirst(db, ask("c", { requestId: hex(BLOCKS_MAX + 9) }), null).entries,
    ).toHaveLength(1);
    db.close();
    new LogDatabase(path, limits).close();
    using file = new Database(path);
    const plan = (sql: string) =>
      file
        .query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => detail)
        .join("; ");
    expect(plan(EDGE_SQL)).toContain(
      "SEARCH blocks USING COVERING INDEX blocks_of_stream (stream=? AND first_id<?)",
    );
    expect(plan(WITH_REQUEST_SQL)).toBe(
      "SEARCH blocks USING INDEX blocks_of_stream (stream=? AND first_id>? AND first_id<?)",
    );
  });
});

test("lists in pages and counts are of the newest 5,000 entries, and made where the log lies", async () => {
  const log = await ExchangeLog.open(":memory:", limits, quiet);
  for (let n = 0; n < 5_010; n++) {
    const status = n % 1_000 === 0 ? 500 : 200;
    log.ended("passed", "p", "c", exchange(n, { status, bytes: status }));
  }
  const errors = { ...ask("c", { level: "error" }, 2), offset: 1 };
  const page = await log.recent(errors);
  expect(page.entries.map(({ path: text }) => text)).toEqual(["/4000", "/3000"]);
  // The first of all errors is older.
  expect([page.total, page.next]).toEqual([5, page.entries[1]?.id ?? 0]);
  const [last] = (await log.recent({ ...errors, offset: 4 })).entries;
  const { next } = await log.recent({ ...errors, offset: 4 });
  expect(next).toBeLessThan(last?.id ?? 0);
  expect((await log.newest(ask("c", { level: "error" }), next)).entries).toHaveLength(1);
  expect((await log.stats("c", "a")).byLevel).toEqual({ error: 5, info: 4_995 });
  await log.close();
});

test("no account reads so much at a time that another one cannot", async () => {
  const log = await ExchangeLog.open(":memory:", limits, quiet);
  const reads = (account: string) =>
    Array.from({ length: 30 }, (_, n) => log.newest({ ...ask(`${account} ${n}`), account }, null));
  const greedy = [...reads("one"), ...reads("two"), ...reads("three")];
  const modest = log.newest({ ...ask("c"), account: "modest" }, null);
  const outcomes = await Promise.allSettled(greedy);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(48);
  expect((await modest).entries).toEqual([]);
  await log.close();
});

describe("the thread of the log", () => {
  test("is started again when it ends by itself, which is counted and logged; entries go on", async () => {
    const workers: Worker[] = [];
    const Original = globalThis.Worker;
    globalThis.Worker = class extends Original {
      constructor(...args: ConstructorParameters<typeof Original>) {
        super(...args);
        workers.push(this);
      }
    };
    const errors: string[] = [];
    const log = { ...quiet, error: (_: object, message: string) => void errors.push(message) };
    const opened = await ExchangeLog.open(path, limits, log).finally(() => {
      globalThis.Worker = Original;
    });
    opened.ended("passed", "p", "c", exchange(1, { startedAtMs: Date.now() }));
    expect((await opened.newest(ask("c"), null)).entries).toHaveLength(1);
    workers[0]?.terminate();
    await until(() => errors.length > 0, "an error in the log");
    expect(errors[0]).toContain("started again");
    expect(opened.newest(ask("c"), null)).rejects.toThrow();
    await until(() => opened.counts.restarts === 1, "a restart");
    opened.ended("passed", "p", "c", exchange(2, { startedAtMs: Date.now() }));
    await until(async () => {
      const page = await opened.newest(ask("c"), null).catch(() => null);
      return page?.entries.length === 2;
    }, "both entries");
    await opened.close();
    expect(opened.counts.restarts).toBe(1);
  });

  test("stores what ended, is read at once, and finds it again in another process", async () => {
    const log = await ExchangeLog.open(path, limits, quiet);
    for (let n = 0; n < 3; n++) log.ended("passed", "p", "c", exchange(n));
    expect((await log.newest(ask("c"), null)).entries.map(({ path }) => path)).toEqual([
      "/2",
      "/1",
      "/0",
    ]);
    log.ended("passed", "p", "c", exchange(3));
    await log.close();
    expect(log.counts).toMatchObject({ written: 4, dropped: 0, failed: 0, evicted: 0 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await ExchangeLog.open(path, { ...limits, ageMaxMs: 10_000 * DAY_MS }, quiet);
    expect((await again.newest(ask("c"), null)).entries).toHaveLength(4);
    await again.close();
  });

  test("what finds no room to wait is counted, and nothing else is lost", async () => {
    const log = await ExchangeLog.open(path, limits, quiet);
    const startedAtMs = Date.now();
    const sent = 2 * waitingOfOneMax;
    // All in one turn: nothing is stored meanwhile.
    for (let n = 0; n < sent; n++) log.ended("passed", "p", "c", exchange(n, { startedAtMs }));
    expect(log.counts.dropped).toBeGreaterThan(0);
    await log.close();
    const { written, dropped, failed, evicted } = log.counts;
    expect([written + dropped, failed, evicted]).toEqual([sent, 0, 0]);
  });

  test("two that write to one file at a time lose nothing", async () => {
    const logs = [
      await ExchangeLog.open(path, limits, quiet),
      await ExchangeLog.open(path, limits, quiet),
    ];
    const now = Date.now();
    for (let n = 0; n < 600; n++) {
      logs[n % 2]?.ended("passed", "p", "c", exchange(n, { startedAtMs: now }));
      if (n % 50 === 0) await logs[n % 2]?.newest(ask("c", {}, 1), null);
    }
    await Promise.all(logs.map((log) => log.close()));
    expect(logs.map(({ counts }) => counts.written)).toEqual([300, 300]);
    const db = new LogDatabase(path, limits);
    expect(new Set(readAll(db, "c", {}, 100)).size).toBe(600);
    db.close();
  });

  test("a damaged file is set aside, and the log goes on", async () => {
    writeFileSync(path, "this is no database, though it is quite long".repeat(100));
    const log = await ExchangeLog.open(path, limits, quiet);
    log.ended("passed", "p", "c", exchange(1));
    expect((await log.newest(ask("c"), null)).entries).toHaveLength(1);
    await log.close();
    expect(existsSync(`${path}.damaged`)).toBe(true);
  });

  test("a file of an earlier format is set aside, and one of a later format is not opened", async () => {
    for (const [format, aside] of [
      [1, true],
      [3, false],
    ] as const) {
      rmSync(path, { force: true });
      const file = new Database(path);
      file.run(`PRAGMA user_version = ${format}`);
      file.close();
      const opened = await ExchangeLog.open(path, limits, quiet);
      expect(existsSync(`${path}.format-${format}`)).toBe(aside);
      if (aside) expect(opened.problem).toBe(null);
      else expect(opened.problem).toContain("format is 3");
      await opened.close();
    }
  });

  test("a file that cannot be opened is told of and tried again, and what came meanwhile is in it", async () => {
    const told: string[] = [];
    const note = (_fields: object, text: string) => void told.push(text);
    const later = join(folder, "later");
    const log = await ExchangeLog.open(join(later, "log"), limits, { ...quiet, error: note });
    expect(log.problem).toMatch(/unable to open/);
    expect(told.join()).toContain("it is tried again");
    log.ended("passed", "p", "c", exchange(1, { startedAtMs: Date.now() }));
    expect(await log.newest(ask("c"), null).catch((error: Error) => error)).toBeInstanceOf(
      LogUnavailable,
    );
    mkdirSync(later);
    await until(() => log.problem === null, "it is open");
    expect((await log.newest(ask("c"), null)).entries).toHaveLength(1);
    await log.close();
    expect(log.counts).toMatchObject({ written: 1, dropped: 0, failed: 0 });
  });

  test("what cannot be written is counted, and reads say so", async () => {
    const told: string[] = [];
    const log = await ExchangeLog.open(path, limits, {
      ...quiet,
      error: (_fields: object, text: string) => void told.push(text),
    });
    const other = new (await import("bun:sqlite")).Database(path);
    other.run("DROP TABLE journal");
    other.close();
    log.ended("passed", "p", "c", exchange(1));
    expect(await log.newest(ask("c"), null).catch((error: Error) => error.constructor.name)).toBe(
      "LogUnavailable",
    );
    expect(log.problem).toMatch(/no such table/);
    log.ended("passed", "p", "c", exchange(2));
    await log.close();
    expect(log.counts).toMatchObject({ written: 0, failed: 2 });
    expect(told).toHaveLength(1);
  });
});
