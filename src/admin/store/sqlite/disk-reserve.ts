// Room on the disk that is set aside for what must still work when the disk is full.
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  ftruncateSync,
  lstatSync,
  openSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

export const reserveBytes = 4 * 1024 * 1024;
/** What is given back at a time: others may take it before us. */
const sliceBytes = 128 * 1024;
const ownerOnly = 0o600;
/** A link in its place leads to a file that is not ours, which root could empty. */
const { O_WRONLY, O_CREAT, O_NOFOLLOW } = constants;
/** How often it is looked whether the disk has room again, in milliseconds. */
const lookMs = 1000;

/** Kinds of events whose calls may use it: coming in, shutting off, taking away. */
const essentialKinds: ReadonlySet<string> = new Set([
  "auth.session.created",
  "auth.session.ended",
  "auth.token.deleted",
  "proxy.permissions.state_changed",
  "proxy.permissions.group_removed",
  "proxy.alias.enabled",
  "proxy.alias.disabled",
  "auth.token.disabled",
  "user.banned",
  "project.permission.revoked",
  "container.connections_ended",
]);

/** Whether calls that leave such an event may use it. */
export function isEssential(kind: string): boolean {
  return essentialKinds.has(kind);
}

/** The file beside a database that keeps the room. */
export function reservePath(databasePath: string): string {
  return `${databasePath}.reserve`;
}

export class DiskReserve {
  readonly #path: string;
  /** Bytes that are still set aside. */
  #bytes: number;
  /** Whether any were given back, and there was not enough room since to set them aside again. */
  #isShort = false;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(databasePath: string) {
    this.#path = reservePath(databasePath);
    const present = lstatSync(this.#path, { throwIfNoEntry: false });
    this.#bytes = present?.isFile() ? present.size : 0;
    if (this.#bytes === reserveBytes) return;
    // A disk without room for it at all is not full for that.
    this.#isShort = this.#bytes > 0;
    this.#setAside();
  }

  /** Whether the disk was full, and has not got enough room since. */
  get isShort(): boolean {
    if (this.#isShort && performance.now() - this.#lookedMs > lookMs) this.#setAside();
    return this.#isShort;
  }

  /** Gives a slice back to the disk. False: there is none left. */
  release(): boolean {
    if (this.#bytes === 0) return false;
    this.#isShort = true;
    this.#lookedMs = performance.now();
    this.#bytes = Math.max(0, this.#bytes - sliceBytes);
    this.#inFile(O_WRONLY | O_NOFOLLOW, (file) => ftruncateSync(file, this.#bytes));
    return true;
  }

  /** Only where as much is left over. */
  #setAside(): void {
    this.#lookedMs = performance.now();
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#path));
      if (bavail * bsize < 2 * reserveBytes - this.#bytes) return;
      // Not zeros: a file system may keep those in no room at all.
      this.#inFile(O_WRONLY | O_CREAT | O_NOFOLLOW, (file) => {
        ftruncateSync(file, 0);
        writeFileSync(file, randomBytes(reserveBytes));
      });
      this.#bytes = reserveBytes;
      this.#isShort = false;
    } catch {
      rmSync(this.#path, { force: true });
      this.#bytes = 0;
    }
  }

  #inFile(flags: number, work: (file: number) => void): void {
    const file = openSync(this.#path, flags, ownerOnly);
    try {
      work(file);
    } finally {
      closeSync(file);
    }
  }
}
