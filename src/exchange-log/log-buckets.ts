// What of the exchange log is evicted together, and who loses entries when the file is full.
import type { Database, Statement } from "bun:sqlite";

/** The least that a bucket loses at a time, in bytes, and how many turns one call may take. */
const EVICTED_BYTES_MIN = 64 * 1024;
const EVICTION_TURNS_MAX = 200;
/** Blocks that one statement removes. */
export const REMOVED_MAX = 1_000;

export class LogBuckets {
  readonly #db: Database;
  readonly #charge: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#charge = db.prepare(
      "INSERT INTO buckets (name, bytes) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET bytes = bytes + ?2",
    );
  }

  charge(bucket: string, bytes: number): void {
    this.#charge.run(bucket, bytes);
  }

  /** Frees so many bytes: takes from the largest bucket first, its oldest blocks, until it is no longer the largest. How many entries went. */
  makeRoom(bytes: number): number {
    let needed = bytes;
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
        Math.min(needed, Math.max(EVICTED_BYTES_MIN, ahead), largest.bytes / 2),
      );
      if (removed.rows === 0) break;
      needed -= removed.bytes;
      evicted += removed.rows;
    }
    this.forgetEmpty();
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
    this.charge(bucket, -bytes);
    return { rows, bytes };
  }

  forgetEmpty(): void {
    this.#db.run("DELETE FROM buckets WHERE bytes <= 0");
  }
}
