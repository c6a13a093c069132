// The file of the exchange log: blocks of entries in SQLite, bounded by age and size. Several processes may have it open.
import { Database, type Statement } from "bun:sqlite";
import { chmodSync } from "node:fs";
import { bucketOf, type EntryBlock } from "./entry-block.ts";

export interface LogLimits {
  /** Entries that ended before are removed. */
  readonly ageMaxMs: number;
  readonly bytesMax: number;
}

/** A stored block. */
export interface StoredBlock {
  readonly project: string;
  readonly container: string;
  readonly firstId: number;
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

/** Of a block, besides its entries: its row and its places in indexes. */
const BLOCK_BYTES = 300;
/** When the file is full, it is emptied to this part of it. */
const EMPTIED_TO = 0.95;
/** The least that a bucket loses at a time, in bytes, and how many turns one call may take. */
const EVICTED_BYTES_MIN = 64 * 1024;
const EVICTION_TURNS_MAX = 200;
/** Blocks that one statement removes. */
const REMOVED_MAX = 1_000;
/** Ids are microseconds: never used twice, though nothing is kept of what was removed. */
const IDS_PER_MS = 1_000;

const BLOCK_FIELDS =
  "project, container, first_id AS firstId, rows, started_at AS startedAtMs, ended_at AS endedAtMs, ids, data";

/** How far back the newest blocks go, from the index alone. */
export const EDGE_SQL =
  "SELECT min(first_id) AS first, count(*) AS n FROM (SELECT first_id FROM blocks WHERE container = ? AND first_id < ? ORDER BY first_id DESC LIMIT ?)";
export const WITH_REQUEST_SQL = `SELECT ${BLOCK_FIELDS} FROM blocks WHERE container = ? AND first_id < ? AND first_id >= ? AND instr(ids, ?) > 0 ORDER BY first_id DESC`;

/** Request ids come before the data, so that looking for one reads no data. */
const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS blocks (
    id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, container TEXT NOT NULL, project TEXT NOT NULL, first_id INTEGER NOT NULL,
    rows INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, bytes INTEGER NOT NULL, ids BLOB NOT NULL,
    data BLOB NOT NULL)`,
  "CREATE UNIQUE INDEX IF NOT EXISTS blocks_of_container ON blocks (container, first_id)",
  "CREATE INDEX IF NOT EXISTS blocks_of_bucket ON blocks (bucket, id)",
  "CREATE INDEX IF NOT EXISTS blocks_by_age ON blocks (ended_at)",
  "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE INDEX IF NOT EXISTS buckets_by_bytes ON buckets (bytes)",
];

const SCHEMA_VERSION = 2;

/** The file is of an earlier version of the program. */
export class EarlierFormat extends Error {
  readonly format: number;

  constructor(format: number) {
    super(`its format is ${format}, and this version reads ${SCHEMA_VERSION}`);
    this.format = format;
  }
}

/** Of SQLite: no file. */
const IN_MEMORY = ":memory:";

/** Synchronous: for a thread of its own. */
export class LogDatabase {
  readonly #db: Database;
  readonly #limits: LogLimits;
  readonly #insert: Statement;
  readonly #charge: Statement;
  readonly #lastId: Statement<{ next: number }, [string]>;
  readonly #statements = new Map<string, Statement<StoredBlock>>();

  /** Throws when the file cannot be opened, is none of ours or is damaged; EarlierFormat. */
  constructor(path: string, limits: LogLimits) {
    this.#limits = limits;
    this.#db = new Database(path, { strict: true });
    try {
      this.#prepareFile(path);
      this.#insert = this.#db.prepare(
        "INSERT INTO blocks (bucket, container, project, first_id, rows, started_at, ended_at, bytes, ids, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      );
      this.#charge = this.#db.prepare(
        "INSERT INTO buckets (name, bytes) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET bytes = bytes + ?2",
      );
      this.#lastId = this.#db.prepare(
        "SELECT first_id + rows AS next FROM blocks WHERE container = ? ORDER BY first_id DESC LIMIT 1",
      );
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** Stores blocks, and makes room when the file is full. All or none of them; throws when it cannot be written. */
  append(blocks: readonly EntryBlock[]): Appended {
    return this.#db
      .transaction(() => {
        for (const block of blocks) this.#add(block);
        const evicted = this.#makeRoom();
        return { evicted, bytes: this.bytes };
      })
      .immediate();
  }

  /** Removes what is too old, a part of it at a time. Whether there is more. */
  removeOld(nowMs: number): boolean {
    return this.#db
      .transaction(() => {
        const old = this.#db
          .query<{ id: number; bucket: string; bytes: number }, [number, number]>(
            "SELECT id, bucket, bytes FROM blocks WHERE ended_at < ? ORDER BY ended_at LIMIT ?",
          )
          .all(nowMs - this.#limits.ageMaxMs, REMOVED_MAX);
        for (const { id, bucket, bytes } of old) {
          this.#db.query("DELETE FROM blocks WHERE id = ?").run(id);
          this.#charge.run(bucket, -bytes);
        }
        this.#forgetEmpty();
        return old.length === REMOVED_MAX;
      })
      .immediate();
  }

  /** Bytes in use; the file may have more, which are used again. */
  get bytes(): number {
    return (
      (this.#pragma("page_count") - this.#pragma("freelist_count")) * this.#pragma("page_size")
    );
  }

  /** Blocks of a container that begin before this id, newest first, at most `limit`. */
  before(container: string, id: number, limit: number): StoredBlock[] {
    return this.#read(
      `SELECT ${BLOCK_FIELDS} FROM blocks WHERE container = ? AND first_id < ? ORDER BY first_id DESC LIMIT ?`,
      [container, id, limit],
    );
  }

  /**
   * Of the newest blocks of a container that begin before this id, those that have the request id, newest first. Looks at
   * `limit` blocks at most; `next`: where to look on, null: there are no more.
   */
  withRequest(
    container: string,
    id: number,
    requestId: Uint8Array,
    limit: number,
  ): { readonly blocks: StoredBlock[]; readonly next: number | null } {
    const edge = this.#db
      .query<{ first: number | null; n: number }, [string, number, number]>(EDGE_SQL)
      .get(container, id, limit);
    if (edge === null || edge.first === null) return { blocks: [], next: null };
    const blocks = this.#read(WITH_REQUEST_SQL, [container, id, edge.first, requestId]);
    return { blocks, next: edge.n < limit ? null : edge.first };
  }

  /** Blocks of a container that end after this id, oldest first, at most `limit`. */
  after(container: string, id: number, limit: number): StoredBlock[] {
    return this.#read(
      `SELECT ${BLOCK_FIELDS} FROM blocks WHERE container = ?1 AND first_id + rows - 1 > ?2 AND first_id >= coalesce(
        (SELECT max(first_id) FROM blocks WHERE container = ?1 AND first_id <= ?2), 0) ORDER BY first_id LIMIT ?3`,
      [container, id, limit],
    );
  }

  close(): void {
    this.#db.close();
  }

  #prepareFile(path: string): void {
    // It says who was where.
    if (path !== IN_MEMORY) chmodSync(path, 0o600);
    this.#db.run("PRAGMA busy_timeout = 5000");
    this.#db.run("PRAGMA journal_mode = WAL");
    // A power failure may lose the last entries, but not the file.
    this.#db.run("PRAGMA synchronous = NORMAL");
    this.#db.run("PRAGMA journal_size_limit = 8388608");
    const version = this.#pragma("user_version");
    if (version !== 0 && version < SCHEMA_VERSION) throw new EarlierFormat(version);
    if (version > SCHEMA_VERSION) {
      throw new Error(`its format is ${version}, and this version reads ${SCHEMA_VERSION}`);
    }
    for (const statement of SCHEMA) this.#db.run(statement);
    this.#db.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    // Pages that are free are used again; but after the limit was lowered they may be most of the file.
    if (this.#pragma("freelist_count") > this.#pragma("page_count") / 2) this.#db.run("VACUUM");
  }

  #add(block: EntryBlock): void {
    const { container, project, rows, startedAtMs, endedAtMs } = block;
    const bucket = bucketOf(block);
    const ids = Buffer.from(block.ids, "hex");
    const data = Bun.zstdCompressSync(block.text, { level: 1 });
    const bytes = ids.byteLength + data.byteLength + BLOCK_BYTES;
    const next = this.#lastId.get(container)?.next ?? 0;
    const firstId = Math.max(next, endedAtMs * IDS_PER_MS);
    this.#insert.run(
      bucket,
      container,
      project,
      firstId,
      rows,
      startedAtMs,
      endedAtMs,
      bytes,
      ids,
      data,
    );
    this.#charge.run(bucket, bytes);
  }

  /** Takes from the largest bucket first, its oldest blocks, until it is no longer the largest. How many entries went. */
  #makeRoom(): number {
    const { bytes } = this;
    if (bytes <= this.#limits.bytesMax) return 0;
    let needed = bytes - this.#limits.bytesMax * EMPTIED_TO;
    let evicted = 0;
    for (let turn = 0; turn < EVICTION_TURNS_MAX && needed > 0; turn++) {
      const [largest, second] = this.#db
        .query<{ name: string; bytes: number }, []>(
          "SELECT name, bytes FROM buckets ORDER BY bytes DESC LIMIT 2",
        )
        .all();
      if (largest === undefined) break;
      const ahead = largest.bytes - (second?.bytes ?? 0);
      const removed = this.#evict(
        largest.name,
        Math.min(needed, Math.max(EVICTED_BYTES_MIN, ahead)),
      );
      if (removed.rows === 0) break;
      needed -= removed.bytes;
      evicted += removed.rows;
    }
    this.#forgetEmpty();
    return evicted;
  }

  #evict(bucket: string, bytesMin: number): { rows: number; bytes: number } {
    const oldest = this.#db
      .query<{ id: number; rows: number; bytes: number }, [string, number]>(
        "SELECT id, rows, bytes FROM blocks WHERE bucket = ? ORDER BY id LIMIT ?",
      )
      .all(bucket, REMOVED_MAX);
    let rows = 0;
    let bytes = 0;
    let last = 0;
    for (const block of oldest) {
      if (bytes >= bytesMin) break;
      rows += block.rows;
      bytes += block.bytes;
      last = block.id;
    }
    this.#db.query("DELETE FROM blocks WHERE bucket = ? AND id <= ?").run(bucket, last);
    this.#charge.run(bucket, -bytes);
    return { rows, bytes };
  }

  #forgetEmpty(): void {
    this.#db.run("DELETE FROM buckets WHERE bytes <= 0");
  }

  #read(sql: string, values: (string | number | Uint8Array)[]): StoredBlock[] {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare<StoredBlock, never>(sql);
      this.#statements.set(sql, statement);
    }
    return (statement as Statement<StoredBlock, typeof values>).all(...values);
  }

  #pragma(name: "page_count" | "freelist_count" | "page_size" | "user_version"): number {
    const row = this.#db.query<Record<string, number>, []>(`PRAGMA ${name}`).get();
    return row?.[name] ?? 0;
  }
}
