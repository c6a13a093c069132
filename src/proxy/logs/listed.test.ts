import { expect, test } from "bun:test";
import type { ExchangeLogReader, RecentReader } from "../../exchange-log/exchange-log.ts";
import { EVERY_ENTRY, type LogEntry, passes } from "../../exchange-log/log-entry.ts";
import type { LogQuery } from "../../exchange-log/log-reading.ts";
import { listed } from "./listed.ts";
import { parametersOf } from "./log-request.ts";

/** Ids that one read looks at, as the log's own bound. */
const LOOKED_AT = 10;

/** Entries that each read backward hands over. */
const shipped: number[] = [];

/** Ids count from 1. */
function logOf(statuses: readonly (number | null)[]): ExchangeLogReader & RecentReader {
  const entries = statuses.map(
    (status, index) => ({ id: index + 1, startedAtMs: index, status, bytes: null }) as LogEntry,
  );
  const found = (looked: readonly LogEntry[], { filter, limit, skip = 0 }: LogQuery) => {
    const passed = looked.filter((entry) => passes(entry, filter));
    const skipped = Math.min(skip, passed.length);
    const end = skipped + limit;
    return { entries: passed.slice(skipped, end), skipped, isCut: passed.length > end };
  };
  return {
    async recent({ filter, offset, limit, ...query }) {
      const newest = { ...query, filter: EVERY_ENTRY, limit: LOOKED_AT };
      const { entries: looked, next } = await this.newest(newest, null);
      const kept = looked.filter((entry) => passes(entry, filter));
      return { entries: kept.slice(offset, offset + limit), total: kept.length, next };
    },
    stats: () => Promise.reject(new Error("a list does not ask that")),
    async newest(query, before) {
      const older = entries.filter(({ id }) => before === null || id < before).toReversed();
      const looked = older.slice(0, LOOKED_AT);
      const { entries: some, skipped, isCut } = found(looked, query);
      const isEnd = !isCut && looked.length === older.length;
      const next = (isCut ? some.at(-1)?.id : looked.at(-1)?.id) ?? null;
      shipped.push(some.length);
      return { entries: some, skipped, next: isEnd ? null : next };
    },
    async oldest(query, after) {
      const newer = entries.filter(({ id }) => id > after);
      const looked = newer.slice(0, LOOKED_AT);
      const { entries: some, isCut } = found(looked, query);
      const isFull = isCut || some.length === query.limit;
      const next = (isFull ? some.at(-1)?.id : looked.at(-1)?.id) ?? after;
      return { entries: some, next, isEnd: !isFull && looked.length === newer.length };
    },
  };
}

function listing(statuses: readonly (number | null)[], mayRead = () => true) {
  const log = logOf(statuses);
  return (query: string) =>
    listed({ log, container: "c", account: "a", mayRead }, parametersOf(query));
}

/** The first is the oldest. */
const errorsLongAgo = [500, 500, ...Array.from({ length: 38 }, () => 200)];
const errorsNow = errorsLongAgo.toReversed();

const idsOf = (entries: unknown) => (entries as { id: number }[]).map(({ id }) => id);

test("a list read forward goes on over entries that do not pass", async () => {
  const { body, nextId } = await listing(errorsNow)("afterId=0&level=error");
  expect([idsOf(body), nextId]).toEqual([[39, 40], 40]);
});

test("where it is too far it says where to go on", async () => {
  const list = listing([...Array.from({ length: 80 }, () => 200), 500]);
  const first = await list("afterId=0&level=error");
  expect([first.body, first.nextId]).toEqual([[], 50]);
  const second = await list(`afterId=${first.nextId}&level=error`);
  expect([idsOf(second.body), second.nextId]).toEqual([[81], 81]);
});

test("each further read counts: where no more may be made, the list ends there", async () => {
  let reads = 1;
  const list = listing(errorsNow, () => reads-- > 0);
  expect(await list("afterId=0&level=error")).toEqual({ body: [], nextId: 20 });
});

test("pages before a cursor go on over entries that do not pass, and to the end", async () => {
  const list = listing(errorsLongAgo);
  const { body } = await list("cursor=41&level=error&limit=1");
  expect(body).toMatchObject({ entries: [{ id: 2 }], total: 1, cursor: 2 });
  const rest = await list("cursor=2&level=error&limit=1");
  expect(rest.body).toMatchObject({ entries: [{ id: 1 }], total: 1, cursor: null });
});

test("entries that a page leaves out are not handed over", async () => {
  const list = listing(Array.from({ length: 60 }, () => 200));
  shipped.length = 0;
  const { body } = await list("cursor=61&offset=25&limit=2");
  expect(body).toMatchObject({ entries: [{ id: 35 }, { id: 34 }], total: 27, cursor: 34 });
  expect(shipped).toEqual([0, 0, 2]);
  const { body: rest } = await list("cursor=21&offset=18&limit=5");
  expect(rest).toMatchObject({ entries: [{ id: 2 }, { id: 1 }], total: 20, cursor: null });
});

test("the first page, of the newest, leads to older ones where none of those passes", async () => {
  const list = listing(errorsLongAgo);
  const { body } = await list("level=error");
  expect(body).toMatchObject({ entries: [], total: 0, cursor: 31 });
  const { body: older } = await list("level=error&cursor=31");
  expect(older).toMatchObject({ entries: [{ id: 2 }, { id: 1 }], cursor: null });
});

test("kinds are looked for like other filters", async () => {
  const list = listing([null, ...Array.from({ length: 30 }, () => 200)]);
  const { body } = await list("cursor=32&kind=request&limit=1");
  expect(body).toMatchObject({ entries: [{ id: 1, kind: "request" }], total: 1 });
  expect(idsOf((await listing([200, 200, null])("afterId=0&kind=request&limit=1")).body)).toEqual([
    3,
  ]);
});

test.each(["level=debug", "level=warn,error", "kind=event", "kind=nothing", "source=client"])(
  "%s lets nothing through",
  async (filter) => {
    const list = listing([200, 404, 500]);
    const { body } = await list(filter);
    expect(body).toMatchObject({ entries: [], total: 0, cursor: null });
    expect((await list(`${filter}&afterId=0`)).body).toEqual([]);
    expect((await list(`${filter}&last=2`)).body).toEqual([]);
    expect(((await list("level=&kind=&source=")).body as { total: number }).total).toBe(3);
  },
);
