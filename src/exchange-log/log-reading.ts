// Reading the log: entries of one container that pass a filter, in either direction. Each call does a bounded amount of work.
import { ID_BYTES, readEntries } from "./entry-values.ts";
import type { LogDatabase, StoredBlock } from "./log-database.ts";
import { type EntryFilter, type LogEntry, passes } from "./log-entry.ts";

export interface LogQuery {
  readonly container: string;
  readonly filter: EntryFilter;
  /** Entries at most. */
  readonly limit: number;
}

export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** Where the next page begins; null: this was the last. A page may be short, or empty, and not be the last. */
  readonly next: number | null;
  /** Of entries read forward: there were no more. */
  readonly isEnd?: boolean;
  /** Proxies that did not answer; unset: this process has all there is. */
  readonly missing?: readonly string[];
}

/** What one call looks at, at most: some 50 ms. */
const ROWS_MAX = 20_000;
export const BLOCKS_MAX = 5_000;
/** Blocks that are read at a time. */
const BATCH = 64;

const NEWEST = Number.MAX_SAFE_INTEGER;
/** Blocks of several processes are stored in an order that is off by less than this, in milliseconds. */
const DISORDER_MS = 60_000;

/** Entries before this id, newest first; null: the newest of all. */
export function newestFirst(db: LogDatabase, query: LogQuery, before: number | null): LogPage {
  const { container, filter, limit } = query;
  if (filter.requestId !== null) return ofRequest(db, query, filter.requestId, before ?? NEWEST);
  const found: LogEntry[] = [];
  let at = before ?? NEWEST;
  let rows = 0;
  let blocks = 0;
  for (;;) {
    const batch = db.before(container, at, BATCH);
    for (const block of batch) {
      blocks++;
      if (mayHave(block, filter)) {
        rows += block.rows;
        for (const entry of entriesOf(block).reverse()) {
          if (entry.id >= at || !passes(entry, filter)) continue;
          if (found.length === limit) return { entries: found, next: found.at(-1)?.id ?? null };
          found.push(entry);
        }
      }
      at = block.firstId;
      if (filter.sinceMs !== null && block.endedAtMs < filter.sinceMs - DISORDER_MS) {
        return { entries: found, next: null };
      }
      if (rows >= ROWS_MAX || blocks >= BLOCKS_MAX) return { entries: found, next: at };
    }
    if (batch.length < BATCH) return { entries: found, next: null };
  }
}

/** Entries of one request, of as many blocks as one call may look at; only those with the id are read. */
function ofRequest(
  db: LogDatabase,
  { container, filter, limit }: LogQuery,
  requestId: string,
  at: number,
): LogPage {
  const { blocks, next } = db.withRequest(container, at, bytesOf(requestId), BLOCKS_MAX);
  const found: LogEntry[] = [];
  for (const block of blocks) {
    for (const entry of entriesOf(block).reverse()) {
      if (entry.id >= at || !passes(entry, filter)) continue;
      if (found.length === limit) return { entries: found, next: found.at(-1)?.id ?? null };
      found.push(entry);
    }
  }
  return { entries: found, next };
}

/** Entries after this id, oldest first. `next` is the id of the last that was looked at. */
export function oldestFirst(db: LogDatabase, query: LogQuery, after: number): LogPage {
  const { container, filter, limit } = query;
  const found: LogEntry[] = [];
  let at = after;
  let rows = 0;
  let blocks = 0;
  for (;;) {
    const batch = db.after(container, at, BATCH);
    for (const block of batch) {
      blocks++;
      const last = block.firstId + block.rows - 1;
      if (mayHave(block, filter)) {
        rows += block.rows;
        for (const entry of entriesOf(block)) {
          if (entry.id <= at || !passes(entry, filter)) continue;
          found.push(entry);
          if (found.length === limit) return { entries: found, next: entry.id };
        }
      }
      at = last;
      if (rows >= ROWS_MAX || blocks >= BLOCKS_MAX) return { entries: found, next: at };
    }
    if (batch.length < BATCH) return { entries: found, next: at, isEnd: true };
  }
}

function mayHave(
  { startedAtMs, endedAtMs }: StoredBlock,
  { sinceMs, untilMs }: EntryFilter,
): boolean {
  return (sinceMs === null || endedAtMs >= sinceMs) && (untilMs === null || startedAtMs <= untilMs);
}

function entriesOf(block: StoredBlock): LogEntry[] {
  const text = Bun.zstdDecompressSync(block.data).toString();
  return readEntries(text, block.ids, block);
}

function bytesOf(requestId: string): Uint8Array {
  const bytes = Buffer.from(requestId, "hex");
  return bytes.byteLength === ID_BYTES ? bytes : new Uint8Array(ID_BYTES);
}
