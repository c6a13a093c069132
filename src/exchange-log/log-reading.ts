// Reading the log: entries of one container that pass a filter, in either direction. Each call does a bounded amount of work.
import { ENTRY_KINDS } from "./entry-batch.ts";
import { ID_BYTES, readEntries } from "./entry-columns.ts";
import { type EntryStats, statsOf } from "./entry-view.ts";
import { type LogDatabase, type StoredBatch, type Stream, textOf } from "./log-database.ts";
import { type EntryFilter, EVERY_ENTRY, type LogEntry, passes } from "./log-entry.ts";

export interface LogQuery {
  readonly container: string;
  /** The account that asks, or whose container it is: reads are shared fairly among accounts. */
  readonly account: string;
  readonly filter: EntryFilter;
  /** Entries at most. */
  readonly limit: number;
  /** Entries that are left out before the first, of those read backward; unset: none. */
  readonly skip?: number;
}

export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** How many were left out; unset: none. */
  readonly skipped?: number;
  /** Where the next page begins; null: this was the last. A page may be short, or empty, and not be the last. */
  readonly next: number | null;
  /** Of entries read forward: there were no more. */
  readonly isEnd?: boolean;
  /** Proxies that did not answer; unset: this process has all there is. */
  readonly missing?: readonly string[];
}

/** The newest entries that statistics and lists in pages look at. */
export const RECENT_MAX = 5_000;

/** Of the newest entries those that pass: how many, and some of them. */
export interface RecentQuery extends LogQuery {
  /** How many of them come before those, the newest first. */
  readonly offset: number;
}

export interface RecentPage {
  /** Newest first. */
  readonly entries: readonly LogEntry[];
  readonly total: number;
  /** Where the next page begins, as `LogPage` has it. */
  readonly next: number | null;
}

/** What one call looks at, at most: some 50 ms. So many bytes that are read, compressed, count as an entry. */
const ROWS_MAX = 20_000;
const BYTES_OF_ROW = 64;
export const BLOCKS_MAX = 5_000;
/** Batches that are read at a time. */
const BATCH = 64;

const NEWEST = Number.MAX_SAFE_INTEGER;
/** Batches of several processes are stored in an order that is off by less than this, in milliseconds. */
const DISORDER_MS = 60_000;

/** What one call has looked at. */
class Work {
  #rows = 0;
  #batches = 0;
  /** The greatest id that was looked at. */
  lastId = 0;

  get isSpent(): boolean {
    return this.#rows >= ROWS_MAX || this.#batches >= BLOCKS_MAX;
  }

  /** `entries`: the stream's own; null: the batch was passed over. Where a page ends depends on nothing else. */
  looked(batch: StoredBatch, entries: readonly LogEntry[] | null): void {
    this.#batches++;
    this.lastId = Math.max(this.lastId, entries?.at(-1)?.id ?? batch.lastId);
    if (entries === null) return;
    // The journal is bounded, and most of it is of others.
    const bytes = batch.isShared ? 0 : batch.data.byteLength;
    this.#rows += entries.length + bytes / BYTES_OF_ROW;
  }
}

/** Entries in the order of ids; returns the id at which it stopped because the work was spent, null at the end. */
type Entries = Generator<LogEntry, number | null, undefined>;

/** Entries before this id, newest first; null: the newest of all. */
export function newestFirst(db: LogDatabase, query: LogQuery, before: number | null): LogPage {
  const { container, filter, limit, skip = 0 } = query;
  if (filter.requestId !== null) return ofRequest(db, query, filter.requestId, before ?? NEWEST);
  const work = new Work();
  const merged = merge(
    ENTRY_KINDS.map((kind) => descending(db, { kind, container }, filter, before ?? NEWEST, work)),
    -1,
  );
  const found: LogEntry[] = [];
  let skipped = 0;
  let lastId: number | null = null;
  for (;;) {
    const head = merged.next();
    const isFull = skipped === skip && found.length === limit;
    if (head.done || isFull) {
      const next = head.done ? head.value : lastId;
      return { entries: found, next, ...(skip === 0 ? {} : { skipped }) };
    }
    if (skipped < skip) skipped++;
    else found.push(head.value);
    lastId = head.value.id;
  }
}

export function recent(db: LogDatabase, query: RecentQuery): RecentPage {
  const { filter, offset, limit } = query;
  const all = newestFirst(db, { ...query, filter: EVERY_ENTRY, limit: RECENT_MAX }, null);
  const kept = all.entries.filter((entry) => passes(entry, filter));
  const entries = kept.slice(offset, offset + limit);
  const isCut = kept.length > offset + limit;
  const next = isCut ? (entries.at(-1)?.id ?? all.next) : all.next;
  return { entries, total: kept.length, next };
}

/** Of the newest entries. */
export function recentStats(db: LogDatabase, container: string): EntryStats {
  const query = { container, account: "", filter: EVERY_ENTRY, limit: RECENT_MAX };
  return statsOf(newestFirst(db, query, null).entries);
}

/** Entries after this id, oldest first. `next` is the id of the last that was looked at. */
export function oldestFirst(db: LogDatabase, query: LogQuery, after: number): LogPage {
  const { container, filter, limit } = query;
  const work = new Work();
  const merged = merge(
    ENTRY_KINDS.map((kind) => ascending(db, { kind, container }, filter, after, work)),
    1,
  );
  const found: LogEntry[] = [];
  for (;;) {
    const head = merged.next();
    if (head.done) {
      const next = head.value ?? Math.max(after, work.lastId);
      return { entries: found, next, isEnd: head.value === null };
    }
    found.push(head.value);
    if (found.length === limit) return { entries: found, next: head.value.id };
  }
}

/** `direction`: 1 when ids rise, -1 when they fall. Nothing comes that is beyond the id at which one of them stopped. */
function* merge(streams: readonly Entries[], direction: 1 | -1): Entries {
  const heads = streams.map((stream) => stream.next());
  for (;;) {
    let first = -1;
    let least = Number.POSITIVE_INFINITY;
    let end = Number.POSITIVE_INFINITY;
    for (const [index, head] of heads.entries()) {
      if (head.done) {
        if (head.value !== null) end = Math.min(end, head.value * direction);
      } else if (head.value.id * direction < least) {
        first = index;
        least = head.value.id * direction;
      }
    }
    const head = heads[first];
    const stream = streams[first];
    if (head === undefined || stream === undefined || head.done || least > end) {
      return end === Number.POSITIVE_INFINITY ? null : end * direction;
    }
    yield head.value;
    heads[first] = stream.next();
  }
}

/** Entries of one stream that pass. */
function* descending(
  db: LogDatabase,
  stream: Stream,
  filter: EntryFilter,
  before: number,
  work: Work,
): Entries {
  let at = before;
  for (;;) {
    const batches = db.before(stream, at, BATCH);
    for (const batch of batches) {
      if (isOf(batch, stream)) {
        const entries = mayHave(batch, filter) ? entriesOf(batch, stream) : null;
        work.looked(batch, entries);
        for (const entry of entries?.toReversed() ?? []) {
          if (entry.id < at && passes(entry, filter)) yield entry;
        }
      }
      at = batch.firstId;
      if (isBefore(batch, filter.sinceMs)) return null;
      if (work.isSpent) return at;
    }
    if (batches.length < BATCH) return null;
  }
}

/** Entries of one stream that pass. */
function* ascending(
  db: LogDatabase,
  stream: Stream,
  filter: EntryFilter,
  after: number,
  work: Work,
): Entries {
  let at = after;
  for (;;) {
    const batches = db.after(stream, at, BATCH);
    for (const batch of batches) {
      let last = batch.lastId;
      if (isOf(batch, stream)) {
        const entries = mayHave(batch, filter) ? entriesOf(batch, stream) : null;
        work.looked(batch, entries);
        for (const entry of entries ?? []) {
          if (entry.id > at && passes(entry, filter)) yield entry;
        }
        last = entries?.at(-1)?.id ?? last;
      }
      at = last;
      if (work.isSpent) return at;
    }
    if (batches.length < BATCH) return null;
  }
}

/** Of as many batches as one call may look at; only those with the id are read. */
function ofRequest(
  db: LogDatabase,
  { container, filter, limit }: LogQuery,
  requestId: string,
  before: number,
): LogPage {
  const looked = ENTRY_KINDS.map((kind) => {
    const stream = { kind, container };
    return { stream, ...db.withRequest(stream, before, bytesOf(requestId), BLOCKS_MAX) };
  });
  const next = looked.reduce<number | null>(
    (least, { next }) => (next === null ? least : Math.max(least ?? next, next)),
    null,
  );
  const found = looked
    .flatMap(({ stream, batches }) => batches.flatMap((batch) => entriesOf(batch, stream)))
    .filter((entry) => entry.id < before && entry.id >= (next ?? 0) && passes(entry, filter))
    .sort((a, b) => b.id - a.id);
  const entries = found.slice(0, limit);
  return { entries, next: found.length > limit ? (entries.at(-1)?.id ?? null) : next };
}

/** A row of the journal is found by the container alone. */
function isOf({ places }: StoredBatch, { kind, container }: Stream): boolean {
  const all: readonly Stream[] = JSON.parse(places);
  return all.some((each) => each.kind === kind && each.container === container);
}

/** When the entries of others were is not asked. */
function mayHave(
  { isShared, startedAtMs, endedAtMs }: StoredBatch,
  { sinceMs, untilMs }: EntryFilter,
): boolean {
  if (isShared) return true;
  return (sinceMs === null || endedAtMs >= sinceMs) && (untilMs === null || startedAtMs <= untilMs);
}

/** Neither it nor what was stored before it has entries since then. */
function isBefore({ isShared, endedAtMs }: StoredBatch, sinceMs: number | null): boolean {
  return !isShared && sinceMs !== null && endedAtMs < sinceMs - DISORDER_MS;
}

function entriesOf(batch: StoredBatch, { kind, container }: Stream): LogEntry[] {
  return readEntries(
    textOf(batch),
    (place) => place.kind === kind && place.container === container,
  ).map(({ entry }) => entry);
}

function bytesOf(requestId: string): Uint8Array {
  const bytes = Buffer.from(requestId, "hex");
  return bytes.byteLength === ID_BYTES ? bytes : new Uint8Array(ID_BYTES);
}
