// What is stored of the exchange log: entries in blocks of one container, bounded by age and size, and a journal of what came last,
// for blocks of the many containers of one moment would be small and many. Several processes may have the file open.
import type { Database, Statement } from "bun:sqlite";
import { bucketOf, type EntryBatch, type EntryPlace, streamOf } from "./entry-batch.ts";
import { EntryColumns, type PlacedEntry, type ReadBatch, readEntries } from "./entry-columns.ts";
import { LogBuckets, REMOVED_MAX } from "./log-buckets.ts";
import { openLogFile, pragma } from "./log-schema.ts";

export interface LogLimits {
  /** Entries that ended before are removed. */
  readonly ageMaxMs: number;
  readonly bytesMax: number;
}

/** Entries that are stored together: a block, or a row of the journal, where those of other containers are among them. */
export interface StoredBatch {
  /** JSON of EntryPlace[]: whose entries are in it. */
  readonly places: string;
  /** Of the journal, which all containers have in common. */
  readonly isShared: boolean;
  /** No id of a container's entries in it is less, and none is more. */
  readonly firstId: number;
  readonly lastId: number;
  readonly rows: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly ids: Uint8Array;
  /** Compressed. */
  readonly data: Uint8Array;
}

export interface Appended {
  /** Entries that were removed because the file was full. */
  readonly evicted: number;
  /** Bytes in use. */
  readonly bytes: number;
}

/** A batch of one place with so many entries becomes a block at once. */
const BLOCK_ROWS_MIN = 256;
/** A block of entries from the journal has no more. */
const BLOCK_ROWS_MAX = 1_024;
/** What the journal may have, which every read looks at: rows with the request ids of so many entries, and for how long. */
const JOURNAL_ROWS_MAX = 128;
const JOURNAL_ENTRIES_MAX = 65_536;
const JOURNAL_BYTES_MAX = 8 * 1024 * 1024;
const JOURNAL_AGE_MS = 60_000;
/** Of a block, besides its entries: its row and its places in indexes. */
const BLOCK_BYTES = 300;
/** When the file is full, it is emptied to this part of it. */
const EMPTIED_TO = 0.95;
/** Ids are microseconds: never used twice, though nothing is kept of what was removed. */
const IDS_PER_MS = 1_000;
/** Each batch has so many, however few of them its containers need: ids say when entries were stored, not beside how many others. */
const IDS_OF_BATCH = 2 * IDS_PER_MS;

const BLOCK_FIELDS =
  "project, first_id AS firstId, last_id AS lastId, rows, started_at AS startedAtMs, ended_at AS endedAtMs, ids, data";
/** The last id may be less, but must not tell how many entries of others there are. */
const JOURNAL_FIELDS = `places, first_id AS firstId, first_id + ${IDS_OF_BATCH - 1} AS lastId, rows, started_at AS startedAtMs, ended_at AS endedAtMs, ids, data`;

/** How far back the newest blocks go, from the index alone. */
export const EDGE_SQL =
  "SELECT min(first_id) AS first, count(*) AS n FROM (SELECT first_id FROM blocks WHERE stream = ? AND first_id < ? ORDER BY first_id DESC LIMIT ?)";
export const WITH_REQUEST_SQL = `SELECT ${BLOCK_FIELDS} FROM blocks WHERE stream = ? AND first_id < ? AND first_id >= ? AND instr(ids, ?) > 0 ORDER BY first_id DESC`;

interface BlockRow extends Omit<StoredBatch, "places" | "isShared"> {
  readonly project: string;
}

/** Entries of the journal on their way to a block. */
interface MergedBlock {
  readonly place: EntryPlace;
  readonly columns: EntryColumns;
  readonly firstId: number;
  lastId: number;
}

/** Entries of one container and kind. */
export type Stream = Pick<EntryPlace, "kind" | "container">;

/** Synchronous: for a thread of its own. */
export class LogDatabase {
  readonly #db: Database;
  readonly #limits: LogLimits;
  readonly #insert: Statement;
  readonly #buckets: LogBuckets;

  /** Throws when the file cannot be opened, is none of ours or is damaged; EarlierFormat. */
  constructor(path: string, limits: LogLimits) {
    this.#limits = limits;
    this.#db = openLogFile(path);
    this.#insert = this.#db.prepare(
      "INSERT INTO blocks (stream, bucket, project, first_id, last_id, rows, started_at, ended_at, bytes, ids, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#buckets = new LogBuckets(this.#db);
  }

  /** Stores batches, and makes room when the file is full. All or none of them; throws when it cannot be written. */
  append(batches: readonly EntryBatch[], nowMs = Date.now()): Appended {
    return this.#db
      .transaction(() => {
        for (const batch of batches) this.#add(batch, nowMs);
        const isFull = this.bytes > this.#limits.bytesMax;
        if (isFull || this.#isJournalLong()) this.#settle();
        return { evicted: isFull ? this.#makeRoom() : 0, bytes: this.bytes };
      })
      .immediate();
  }

  /** Makes blocks of the whole journal. */
  settle(): void {
    this.#db.transaction(() => this.#settle()).immediate();
  }

  /** Removes what is too old, a part of it at a time. Whether there is more. */
  removeOld(nowMs: number): boolean {
    return this.#db
      .transaction(() => {
        if (this.#isJournalOld(nowMs)) this.#settle();
        const old = this.#db
          .query<{ id: number; bucket: string; bytes: number }, [number, number]>(
            "SELECT id, bucket, bytes FROM blocks WHERE ended_at < ? ORDER BY ended_at LIMIT ?",
          )
          .all(nowMs - this.#limits.ageMaxMs, REMOVED_MAX);
        for (const { id, bucket, bytes } of old) {
          this.#db.query("DELETE FROM blocks WHERE id = ?").run(id);
          this.#buckets.charge(bucket, -bytes);
        }
        this.#buckets.forgetEmpty();
        this.#lowerSettled();
        return old.length === REMOVED_MAX;
      })
      .immediate();
  }

  /** Bytes in use; the file may have more, which are used again. */
  get bytes(): number {
    return (
      (pragma(this.#db, "page_count") - pragma(this.#db, "freelist_count")) *
      pragma(this.#db, "page_size")
    );
  }

  /** Batches of one stream that begin before this id, newest first, at most `limit`. */
  before(stream: Stream, id: number, limit: number): StoredBatch[] {
    const journal = this.#journal(
      `SELECT ${JOURNAL_FIELDS} FROM journal WHERE first_id < ? AND instr(places, ?) > 0 ORDER BY first_id DESC LIMIT ?`,
      [id, stream.container, limit],
    );
    const blocks = this.#blocks(
      stream,
      `SELECT ${BLOCK_FIELDS} FROM blocks WHERE stream = ? AND first_id < ? ORDER BY first_id DESC LIMIT ?`,
      [streamOf(stream), id, limit],
    );
    return [...journal, ...blocks].sort(newerFirst).slice(0, limit);
  }

  /** Batches of one stream that end after this id, oldest first, at most `limit`. */
  after(stream: Stream, id: number, limit: number): StoredBatch[] {
    const blocks = this.#blocks(
      stream,
      `SELECT ${BLOCK_FIELDS} FROM blocks WHERE stream = ?1 AND last_id > ?2 AND first_id >= coalesce(
        (SELECT max(first_id) FROM blocks WHERE stream = ?1 AND first_id <= ?2), 0) ORDER BY first_id LIMIT ?3`,
      [streamOf(stream), id, limit],
    );
    const journal = this.#journal(
      `SELECT ${JOURNAL_FIELDS} FROM journal WHERE first_id > ? AND instr(places, ?) > 0 ORDER BY first_id LIMIT ?`,
      [id - IDS_OF_BATCH, stream.container, limit],
    );
    return [...blocks, ...journal].sort((a, b) => newerFirst(b, a)).slice(0, limit);
  }

  /**
   * Of the newest batches of one stream that begin before this id, those that have the request id. Looks at `limit` blocks at most,
   * and at the journal; `next`: where to look on, null: there are no more.
   */
  withRequest(
    stream: Stream,
    id: number,
    requestId: Uint8Array,
    limit: number,
  ): { readonly batches: StoredBatch[]; readonly next: number | null } {
    const journal = this.#journal(
      `SELECT ${JOURNAL_FIELDS} FROM journal WHERE first_id < ? AND instr(places, ?) > 0 AND instr(ids, ?) > 0`,
      [id, stream.container, requestId],
    );
    const edge = this.#db
      .query<{ first: number | null; n: number }, [string, number, number]>(EDGE_SQL)
      .get(streamOf(stream), id, limit);
    if (edge === null || edge.first === null) return { batches: journal, next: null };
    const blocks = this.#blocks(stream, WITH_REQUEST_SQL, [
      streamOf(stream),
      id,
      edge.first,
      requestId,
    ]);
    return { batches: [...journal, ...blocks], next: edge.n < limit ? null : edge.first };
  }

  close(): void {
    this.#db.close();
  }

  #add(batch: EntryBatch, nowMs: number): void {
    const firstId = this.#takeIds(nowMs);
    const [place] = batch.places;
    if (place !== undefined && batch.places.length === 1 && batch.rows >= BLOCK_ROWS_MIN) {
      this.#addBlock(place, batch, firstId, firstId + batch.rows - 1);
      return;
    }
    this.#db
      .query("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(
        firstId,
        batch.rows,
        batch.startedAtMs,
        batch.endedAtMs,
        JSON.stringify(batch.places),
        Buffer.from(batch.ids, "hex"),
        compressed(batch.text),
      );
  }

  /**
   * The first of the ids for a batch. It depends on the time at which it is stored, and on what else is stored only where that is in
   * the same few milliseconds, or the clock went back.
   */
  #takeIds(nowMs: number): number {
    const state = this.#db
      .query<{ next: number }, [number, number]>(
        "UPDATE state SET next_id = (max(next_id, ?1) + ?2 - 1) / ?2 * ?2 + ?2 RETURNING next_id AS next",
      )
      .get(nowMs * IDS_PER_MS, IDS_OF_BATCH);
    return (state?.next ?? 0) - IDS_OF_BATCH;
  }

  #addBlock(place: EntryPlace, batch: EntryBatch, firstId: number, lastId: number): void {
    const { rows, startedAtMs, endedAtMs } = batch;
    const bucket = bucketOf(place);
    const ids = Buffer.from(batch.ids, "hex");
    const data = compressed(batch.text);
    const bytes = ids.byteLength + data.byteLength + BLOCK_BYTES;
    this.#insert.run(
      streamOf(place),
      bucket,
      place.project,
      firstId,
      lastId,
      rows,
      startedAtMs,
      endedAtMs,
      bytes,
      ids,
      data,
    );
    this.#buckets.charge(bucket, bytes);
  }

  #isJournalLong(): boolean {
    const { n, rows, bytes } = this.#journalSize();
    return n >= JOURNAL_ROWS_MAX || rows >= JOURNAL_ENTRIES_MAX || bytes >= JOURNAL_BYTES_MAX;
  }

  #isJournalOld(nowMs: number): boolean {
    const { oldest } = this.#journalSize();
    return oldest !== null && oldest < nowMs - JOURNAL_AGE_MS;
  }

  #journalSize(): { n: number; rows: number; bytes: number; oldest: number | null } {
    return (
      this.#db
        .query<{ n: number; rows: number; bytes: number; oldest: number | null }, []>(
          "SELECT count(*) AS n, total(rows) AS rows, min(ended_at) AS oldest, total(length(data)) AS bytes FROM journal",
        )
        .get() ?? { n: 0, rows: 0, oldest: null, bytes: 0 }
    );
  }

  /** Blocks of what the journal has. None of a stream overlaps another, nor a block that came beside the journal. */
  #settle(): void {
    const rows = this.#journal(`SELECT ${JOURNAL_FIELDS} FROM journal ORDER BY first_id`, []);
    if (rows.length === 0) return;
    const direct = this.#directBlocks();
    const merged = new Map<string, MergedBlock>();
    const store = ({ place, columns, firstId, lastId }: MergedBlock) =>
      this.#addBlock(place, columns.batch(), firstId, lastId);
    for (const row of rows) {
      for (const { entry, place } of placedEntries(row)) {
        const stream = streamOf(place);
        let block = merged.get(stream);
        if (
          block !== undefined &&
          (block.columns.rows === BLOCK_ROWS_MAX ||
            block.place.project !== place.project ||
            hasBetween(direct.get(stream), block.lastId, entry.id))
        ) {
          store(block);
          block = undefined;
        }
        if (block === undefined) {
          block = { place, columns: new EntryColumns(), firstId: entry.id, lastId: entry.id };
          merged.set(stream, block);
        }
        block.columns.addStored(block.place, entry);
        block.lastId = entry.id;
      }
    }
    for (const block of merged.values()) store(block);
    this.#db.run("DELETE FROM journal");
    this.#db.run("UPDATE state SET settled = coalesce((SELECT max(id) FROM blocks), 0)");
  }

  /** How many entries went. */
  #makeRoom(): number {
    const evicted = this.#buckets.makeRoom(this.bytes - this.#limits.bytesMax * EMPTIED_TO);
    this.#lowerSettled();
    return evicted;
  }

  /** Ids of blocks that were removed are used again. */
  #lowerSettled(): void {
    this.#db.run(
      "UPDATE state SET settled = coalesce((SELECT max(id) FROM blocks), 0) WHERE settled > coalesce((SELECT max(id) FROM blocks), 0)",
    );
  }

  /** First ids of the blocks that came beside the journal since it was emptied, by stream. */
  #directBlocks(): Map<string, number[]> {
    const blocks = this.#db
      .query<{ stream: string; firstId: number }, []>(
        "SELECT stream, first_id AS firstId FROM blocks WHERE id > (SELECT settled FROM state)",
      )
      .all();
    const byStream = Map.groupBy(blocks, ({ stream }) => stream);
    return new Map([...byStream].map(([stream, of]) => [stream, of.map(({ firstId }) => firstId)]));
  }

  #blocks(
    { kind, container }: Stream,
    sql: string,
    values: readonly (string | number | Uint8Array)[],
  ): StoredBatch[] {
    return this.#db
      .query<BlockRow, (string | number | Uint8Array)[]>(sql)
      .all(...values)
      .map(({ project, ...row }) => ({
        ...row,
        places: JSON.stringify([{ kind, project, container }]),
        isShared: false,
      }));
  }

  #journal(sql: string, values: readonly (string | number | Uint8Array)[]): StoredBatch[] {
    return this.#db
      .query<Omit<StoredBatch, "isShared">, (string | number | Uint8Array)[]>(sql)
      .all(...values)
      .map((row) => ({ ...row, isShared: true }));
  }
}

/** To be read. */
export function textOf({ places, firstId, ids, data }: StoredBatch): ReadBatch {
  return {
    places: JSON.parse(places),
    firstId,
    ids,
    text: Bun.zstdDecompressSync(data).toString(),
  };
}

function compressed(text: string): Uint8Array {
  return Bun.zstdCompressSync(text, { level: 1 });
}

/** None where the row is damaged: the journal must not stop for it. */
function placedEntries(row: StoredBatch): PlacedEntry[] {
  try {
    return readEntries(textOf(row), () => true);
  } catch {
    return [];
  }
}

function newerFirst(a: StoredBatch, b: StoredBatch): number {
  return b.firstId - a.firstId;
}

function hasBetween(ids: readonly number[] | undefined, low: number, high: number): boolean {
  return ids?.some((id) => id > low && id < high) === true;
}
