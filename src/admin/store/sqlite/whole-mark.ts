// Tells a whole database from a copy of its main file alone. Recent commits lie in the write-ahead log until a checkpoint, and a
// plain copy of the main file of a running gate would be an old state: revoked permissions would be back.
import type { Database as File } from "bun:sqlite";
import { statSync } from "node:fs";

/** `application_id` of the main file while a process has it open: it is whole only together with its log. */
export const PART = 0x52470001;
/** The same in the log, or once the database was closed or copied by SQLite. */
const WHOLE = 0x52470002;

/** As many bytes as SQLite's own limit of 1,000 pages. */
const logBytesMax = 4 * 1024 * 1024;

/**
 * Keeps PART in the main file and WHOLE in the log, so that only what reads both finds WHOLE. It makes the checkpoints, since one
 * by SQLite itself would carry WHOLE into the main file; closing the last connection does so, rightly.
 */
export class WholeMark {
  readonly #file: File;
  readonly #logPath: string;
  readonly #busyMs: number;
  #logBytesTried = 0;

  /** `busyMs`: how long this connection waits for locks at other times. */
  constructor(file: File, path: string, busyMs: number) {
    this.#file = file;
    this.#busyMs = busyMs;
    this.#logPath = `${path}-wal`;
    file.run("PRAGMA wal_autocheckpoint = 0");
    this.#checkpoint();
  }

  /** After the last write of opening. */
  opened(): void {
    this.#file.run(`PRAGMA application_id = ${WHOLE}`);
  }

  /** Before the file is closed: what is in the log goes into the main file. */
  closing(): void {
    this.opened();
    this.#emptyLog();
  }

  /** After each commit: makes a checkpoint when the log has become long. */
  committed(): void {
    const bytes = statSync(this.#logPath, { throwIfNoEntry: false })?.size ?? 0;
    // A reader may hold a checkpoint up: the next try is worth it once there is as much again.
    if (bytes < this.#logBytesTried) this.#logBytesTried = 0;
    if (bytes - this.#logBytesTried < logBytesMax) return;
    this.#logBytesTried = bytes;
    try {
      this.#checkpoint();
    } finally {
      this.opened();
    }
  }

  #checkpoint(): void {
    this.#file.run(`PRAGMA application_id = ${PART}`);
    this.#emptyLog();
  }

  #emptyLog(): void {
    // Unless somebody reads from it: a checkpoint must not wait for that.
    this.#file.run("PRAGMA busy_timeout = 0");
    this.#file.run("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#file.run(`PRAGMA busy_timeout = ${this.#busyMs}`);
  }
}
