// What the control plane said last, on disk and sealed: what the proxy goes on with when it starts and cannot hear it.

import { closeSync, openSync, readdirSync, rmSync } from "node:fs";
import { rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Changes } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Log } from "../../log.ts";
import { batchOf, type ChangeBatch } from "./change-batch.ts";
import type { FileRecord } from "./file-record.ts";
import { laterRecords, mergedRecords, type WrittenFile } from "./merged-records.ts";
import { PendingChanges, recordsOf } from "./pending-changes.ts";
import { savingSlices } from "./saving-slices.ts";
import type { Box, Commit } from "./snapshot-codec.ts";
import { SnapshotLog } from "./snapshot-log.ts";
import { DamagedSnapshot, type SavedBatch, SnapshotReader } from "./snapshot-reader.ts";

export interface SnapshotFileOptions {
  readonly path: string;
  readonly box: Box;
  /** Whether a predecessor of this process may save there, too, until it is gone. */
  readonly isShared?: boolean;
  /** The server whose containers are kept; null or unset: those of all. */
  readonly server?: string | null;
  /** The documents that states name as they were heard last. Unset: every document is kept until everything is heard anew. */
  readonly named?: () => (digest: string) => boolean;
  readonly log: Log;
  /** Changes are written together that come within this time: 2,000 unless set. */
  readonly flushMs?: number;
  /** How old the file may let what was heard look, though nothing changed; null or unset: any age. */
  readonly heardMs?: number | null;
  /** Bytes of changes behind which the file is written anew, where they are also more than half of it: 1 MiB unless set. */
  readonly logBytes?: number;
}

const FLUSH_MS = 2_000;
/** After a failure, at least. */
const RETRY_MS = 5_000;
/** After the file was written anew twice in a row, as beside another process: the pause is this many times as long as that took. */
const PAUSES = 20;
/** It is no longer than so many times the pause of changes. */
const PAUSE_MAX = 15;

const LOG_BYTES = 1024 * 1024;
/** Changes are held in memory while the file is written anew. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;

/** What operators may want to know of it. */
export interface SavedState {
  /** The revision that lies on disk; null: this process has saved none. */
  readonly revision: bigint | null;
  readonly bytes: number;
  readonly failures: number;
}

/** A file that was read and is good. It may be another process's: the first change makes it one of our own. */
interface Loaded {
  readonly fd: number;
  readonly reader: SnapshotReader;
}

/** Writes all there is once, and then what changes at the end of the file; a new file takes the old one's place when it is on disk. */
export class SnapshotFile {
  readonly #options: SnapshotFileOptions;
  readonly #flushMs: number;
  readonly #heardMs: number;
  /** Takes the place of the file once it is whole. */
  readonly #draft: string;
  #pending = new PendingChanges();
  #loaded: Loaded | null = null;
  #own: SnapshotLog | null = null;
  #commit: Commit | null = null;
  #dirty = false;
  /** What comes next may not go behind what is there. */
  #isAnew = false;
  #savedRevision: bigint | null = null;
  #savedHeardAtMs = 0;
  #failures = 0;
  #failing = false;
  #pauseMs = 0;
  /** Whether the last write wrote everything. */
  #wasWhole = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #writing: Promise<void> | null = null;
  #closed = false;
  /** What lies there came from elsewhere, or is damaged. */
  #isUnusable = false;

  constructor(options: SnapshotFileOptions) {
    this.#options = options;
    const isShared = options.isShared === true;
    this.#draft = isShared ? `${options.path}.${process.pid}.new` : `${options.path}.new`;
    if (isShared) removeDrafts(options.path);
    this.#flushMs = options.flushMs ?? FLUSH_MS;
    this.#heardMs = options.heardMs ?? Number.POSITIVE_INFINITY;
  }

  get saved(): SavedState {
    const bytes = this.#own?.bytes ?? 0;
    return { revision: this.#savedRevision, bytes, failures: this.#failures };
  }

  /**
   * Gives what an earlier process saved to `read`, and answers what that makes of it; null when there is nothing. What cannot be
   * believed shows while it is read: `read` has to drop what it has then. It is logged, and put aside once there is something to
   * take its place: a start that fails leaves it. Never rejects.
   */
  async load<Result>(read: (saved: SavedBatch) => Promise<Result>): Promise<Result | null> {
    const { path, box, log } = this.#options;
    let fd: number | null = null;
    try {
      fd = openSync(path, "r");
      const reader = new SnapshotReader(fd, box);
      const result = await read(reader);
      if (!reader.isOld) {
        this.#loaded = { fd, reader };
        fd = null;
      }
      return result;
    } catch (error) {
      if (error instanceof DamagedSnapshot) {
        this.#isUnusable = true;
        const { message: problem } = error;
        log.error({ path, problem }, "the saved snapshot cannot be used; it is put aside");
      } else if (!isAbsent(error)) {
        log.error({ path, err: error }, "the saved snapshot cannot be read");
      }
      return null;
    } finally {
      if (fd !== null) closeSync(fd);
    }
  }

  /** What was heard at this time (Unix milliseconds): changes, or all there is. */
  keep(changes: Changes | ChangeBatch, isAll: boolean, heardAtMs: number): void {
    const batch = batchOf(changes);
    const { revision, lineages } = batch;
    const commit = { revision, lineages, heardAtMs, server: this.#options.server ?? null };
    if (isAll) this.#pending = new PendingChanges({ batch, commit });
    else this.#pending.add(batch, commit.server);
    this.#dirty ||= !this.#pending.isEmpty || revision !== this.#commit?.revision;
    this.#commit = commit;
    if (this.#dirty || heardAtMs - this.#savedHeardAtMs >= this.#heardMs) {
      this.#writeSoon();
    }
  }

  /** Writes all of it now, as with another key. Resolves to whether that lies on disk: not while nothing was heard. */
  async saveAnew(): Promise<boolean> {
    // What is being written may have been begun with the old key.
    while (this.#writing !== null) await this.#writing;
    if (this.#closed || this.#commit === null) return false;
    const failuresBefore = this.#failures;
    this.#isAnew = true;
    await this.#begin(this.#commit);
    return this.#failures === failuresBefore;
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    while (this.#writing !== null) await this.#writing;
    // A successor that saves there knows all of it, and more.
    const { isShared, path } = this.#options;
    const isTaken = isShared === true && this.#own !== null && !(await this.#own.isAt(path));
    if (!isTaken && this.#commit !== null && this.#commit.heardAtMs > this.#savedHeardAtMs) {
      await this.#write(this.#commit);
    }
    await this.#own?.close();
    this.#own = null;
    this.#unload();
  }

  #writeSoon(): void {
    if (this.#timer !== null || this.#writing !== null || this.#closed) {
      return;
    }
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        if (this.#writing === null && this.#commit !== null) void this.#begin(this.#commit);
      },
      Math.max(this.#flushMs, this.#pauseMs),
    );
  }

  /** One write at a time. */
  #begin(commit: Commit): Promise<void> {
    this.#writing = this.#write(commit).finally(() => {
      this.#writing = null;
      if (this.#dirty) this.#writeSoon();
    });
    return this.#writing;
  }

  /** Never rejects: what could not be written is written the next time. */
  async #write(commit: Commit): Promise<void> {
    const { path, log } = this.#options;
    const pending = this.#pending;
    this.#pending = new PendingChanges();
    this.#dirty = false;
    const startedMs = performance.now();
    const before = this.#own;
    try {
      await this.#writeAll(pending, commit);
      this.#savedRevision = commit.revision;
      this.#savedHeardAtMs = commit.heardAtMs;
      const tookMs = performance.now() - startedMs;
      const [isWhole, again] = [this.#own !== before, this.#wasWhole];
      this.#wasWhole = isWhole;
      this.#pauseMs = isWhole && again ? Math.min(PAUSE_MAX * this.#flushMs, PAUSES * tookMs) : 0;
      if (this.#failing) {
        this.#failing = false;
        log.info({ path }, "snapshots are saved again");
      }
    } catch (error) {
      this.#pending = pending.followedBy(this.#pending);
      this.#dirty = true;
      this.#pauseMs = RETRY_MS;
      this.#failures++;
      if (!this.#failing) {
        this.#failing = true;
        log.error({ path, err: error }, "the snapshot cannot be saved; trying again");
      }
    }
  }

  async #writeAll(pending: PendingChanges, commit: Commit): Promise<void> {
    const { path, server = null } = this.#options;
    const isNamed = this.#options.named?.() ?? (() => true);
    await savingSlices(pending.read());
    if (pending.whole !== null) {
      await this.#replace(recordsOf(pending.whole.batch, server), pending.whole.commit);
      if (pending.whole.commit === commit) return;
    }
    const own = this.#own;
    if (own !== null && !this.#isAnew && !this.#isLong(own) && (await own.isAt(path))) {
      await own.append(
        pending.records((digest) => own.digests.has(digest)),
        commit,
      );
      return;
    }
    const file = this.#written;
    // A part must never look like everything.
    if (file === null) throw new Error("not everything was heard yet");
    const later = await savingSlices(
      laterRecords(
        file,
        pending.records(() => false),
      ),
    );
    await this.#replace(mergedRecords(file, later, isNamed), commit);
  }

  /** What this process wrote, or else loaded; null: nothing. */
  get #written(): WrittenFile | null {
    const { box } = this.#options;
    if (this.#own !== null) {
      const { fd, base, bytes: end } = this.#own;
      return { fd, box, base, end };
    }
    if (this.#loaded === null) return null;
    const { fd, reader } = this.#loaded;
    return { fd, box, base: reader.base, end: reader.end };
  }

  #isLong({ bytes, base }: SnapshotLog): boolean {
    const { logBytes = LOG_BYTES } = this.#options;
    const added = bytes - base.end;
    return added > Math.max(logBytes, Math.min(base.end / 2, LOG_BYTES_MAX));
  }

  async #replace(records: Iterable<FileRecord>, commit: Commit): Promise<void> {
    const { path, box } = this.#options;
    const setAside = async () => {
      if (this.#isUnusable) await rename(path, `${path}.aside`);
      this.#isUnusable = false;
    };
    const created = await SnapshotLog.created(
      { path, draft: this.#draft, box, setAside },
      records,
      commit,
    );
    await this.#own?.close();
    this.#own = created;
    this.#isAnew = false;
    this.#unload();
  }

  #unload(): void {
    if (this.#loaded !== null) closeSync(this.#loaded.fd);
    this.#loaded = null;
  }
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

/** What processes that were killed have left. */
function removeDrafts(path: string): void {
  const folder = dirname(path);
  const draft = new RegExp(`^${RegExp.escape(basename(path))}\\.(\\d+)\\.new$`);
  try {
    for (const name of readdirSync(folder)) {
      const [, pid] = draft.exec(name) ?? [];
      if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(folder, name));
    }
  } catch {
    // They only take room.
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
