// The file of the exchange log: its tables, and opening it.
import { Database } from "bun:sqlite";
import { chmodSync } from "node:fs";

/** Request ids come before the data, so that looking for one reads no data. */
const SCHEMA = [
  // Entries of one container and kind, which is their stream: no two of its blocks overlap. `bucket` is what is evicted together.
  `CREATE TABLE IF NOT EXISTS blocks (
    id INTEGER PRIMARY KEY, stream TEXT NOT NULL, bucket TEXT NOT NULL, project TEXT NOT NULL, first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL, rows INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL, ids BLOB NOT NULL, data BLOB NOT NULL)`,
  "CREATE UNIQUE INDEX IF NOT EXISTS blocks_of_stream ON blocks (stream, first_id)",
  "CREATE INDEX IF NOT EXISTS blocks_of_bucket ON blocks (bucket, id)",
  "CREATE INDEX IF NOT EXISTS blocks_by_age ON blocks (ended_at)",
  "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE INDEX IF NOT EXISTS buckets_by_bytes ON buckets (bytes)",
  // What came last, of all containers together; becomes blocks.
  `CREATE TABLE IF NOT EXISTS journal (
    first_id INTEGER PRIMARY KEY, rows INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
    places TEXT NOT NULL, ids BLOB NOT NULL, data BLOB NOT NULL)`,
  // One row: the id of the next entry at least, and the last block when the journal was emptied.
  "CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, next_id INTEGER NOT NULL, settled INTEGER NOT NULL)",
  "INSERT OR IGNORE INTO state VALUES (1, 0, 0)",
];

const SCHEMA_VERSION = 2;

/** Of SQLite: no file. */
const IN_MEMORY = ":memory:";

/** The file is of an earlier version of the program. */
export class EarlierFormat extends Error {
  readonly format: number;

  constructor(format: number) {
    super(`its format is ${format}, and this version reads ${SCHEMA_VERSION}`);
    this.format = format;
  }
}

/** Throws when the file cannot be opened, is none of ours or is damaged; EarlierFormat. */
export function openLogFile(path: string): Database {
  const db = new Database(path, { strict: true });
  try {
    prepare(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: Database, path: string): void {
  // It says who was where.
  if (path !== IN_MEMORY) chmodSync(path, 0o600);
  db.run("PRAGMA busy_timeout = 5000");
  db.run("PRAGMA journal_mode = WAL");
  // A power failure may lose the last entries, but not the file.
  db.run("PRAGMA synchronous = NORMAL");
  db.run("PRAGMA journal_size_limit = 8388608");
  const version = pragma(db, "user_version");
  if (version !== 0 && version < SCHEMA_VERSION) throw new EarlierFormat(version);
  if (version > SCHEMA_VERSION) {
    throw new Error(`its format is ${version}, and this version reads ${SCHEMA_VERSION}`);
  }
  for (const statement of SCHEMA) db.run(statement);
  db.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  // Pages that are free are used again; but after the limit was lowered they may be most of the file.
  if (pragma(db, "freelist_count") > pragma(db, "page_count") / 2) db.run("VACUUM");
}

export function pragma(
  db: Database,
  name: "page_count" | "freelist_count" | "page_size" | "user_version",
): number {
  const row = db.query<Record<string, number>, []>(`PRAGMA ${name}`).get();
  return row?.[name] ?? 0;
}
