// What the control plane said last, on disk and sealed: what the proxy goes on with when it starts and cannot hear it.

import { readdirSync, rmSync } from "node:fs";
import { type FileHandle, open, readFile as readBytes, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Changes, DocumentContent } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Log } from "../../log.ts";
import {
  type Box,
  type Entry,
  type EntryRecord,
  type FileState,
  type Head,
  keyOf,
  partsOf,
  readFile,
  recordOf,
  type Saved,
} from "./snapshot-codec.ts";

export interface SnapshotFileOptions {
  readonly path: string;
  readonly box: Box;
  /** Whether a predecessor of this process may save there, too, until it is gone. */
  readonly isShared?: boolean;
  readonly log: Log;
  /** Changes are written together that come within this time: 2,000 unless set. */
  readonly flushMs?: number;
  /** How old the file may let what was heard look, though nothing changed; null or unset: any age. */
  readonly heardMs?: number | null;
}

const FLUSH_MS = 2_000;
/** After a failure, at least. */
const RETRY_MS = 5_000;
/** The file is written anew each time; so the pause is this many times as long as the writing took, but no longer than that. */
const PAUSES = 20;
const PAUSE_MAX_MS = 30_000;

/** What operators may want to know of it. */
export interface SavedState {
  /** The revision that lies on disk; null: this process has saved none. */
  readonly revision: bigint | null;
  readonly bytes: number;
  readonly failures: number;
}

/** As it came, until it was written once: then only its bytes are kept. */
interface Kept<Message extends Entry> {
  entry: Message | EntryRecord;
}

interface KeptState extends Kept<FileState> {
  /** Of the document that it names and that is kept. */
  readonly digest: string | null;
}

interface KeptDocument extends Kept<DocumentContent> {
  holders: number;
}

/** Keeps all states as bytes, and writes all of them when some changed; it takes the old file's place only once it is on disk. */
export class SnapshotFile {
  readonly #options: SnapshotFileOptions;
  readonly #flushMs: number;
  readonly #heardMs: number;
  readonly #states = new Map<string, KeptState>();
  /** By digest: those that a state names. */
  readonly #documents = new Map<string, KeptDocument>();
  /** Takes the place of the file once it is whole. */
  readonly #draft: string;
  #revision = 0n;
  #lineages: NonNullable<Head["lineages"]> = [];
  #heardAtMs = 0;
  #dirty = false;
  #savedRevision: bigint | null = null;
  #savedHeardAtMs = 0;
  #bytes = 0;
  #failures = 0;
  #failing = false;
  #pauseMs = 0;
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
    return { revision: this.#savedRevision, bytes: this.#bytes, failures: this.#failures };
  }

  /**
   * What an earlier process saved; null when there is nothing. What cannot be believed is logged, and put aside once there is
   * something to take its place: a start that fails leaves it. Never rejects.
   */
  async load(): Promise<Saved | null> {
    const { path, box, log } = this.#options;
    try {
      const bytes = await readBytes(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") {
          return null;
        }
        throw error;
      });
      if (bytes === null) {
        return null;
      }
      const read = readFile(box, bytes);
      if (read.ok) {
        return read.saved;
      }
      this.#isUnusable = true;
      const { problem } = read;
      log.error({ path, problem }, "the saved snapshot cannot be used; it is put aside");
    } catch (error) {
      log.error({ path, err: error }, "the saved snapshot cannot be read");
    }
    return null;
  }

  /** What was heard at this time (Unix milliseconds): changes, or all there is. */
  keep(changes: Changes, isAll: boolean, heardAtMs: number): void {
    if (isAll) {
      this.#states.clear();
      this.#documents.clear();
      this.#dirty = true;
    }
    const contents = new Map(changes.documents.map((content) => [content.digest, content]));
    for (const state of [...changes.projects, ...changes.containers]) {
      this.#set(keyOf(state), state.deleted ? null : state, contents);
    }
    this.#dirty ||= changes.revision !== this.#revision;
    this.#revision = changes.revision;
    this.#lineages = changes.lineages.map(({ fromRevision, tag }) => ({
      fromRevision: String(fromRevision),
      tag,
    }));
    this.#heardAtMs = heardAtMs;
    if (this.#dirty || heardAtMs - this.#savedHeardAtMs >= this.#heardMs) {
      this.#writeSoon();
    }
  }

  #set(key: string, state: FileState | null, contents: ReadonlyMap<string, DocumentContent>): void {
    const before = this.#states.get(key);
    // First the new one: it may be the same.
    const digest = this.#hold(state?.documentDigest ?? null, contents);
    if (before !== undefined && before.digest !== null) {
      this.#release(before.digest);
    }
    if (state === null) {
      this.#states.delete(key);
    } else {
      this.#states.set(key, { entry: state, digest });
    }
  }

  /** Null: its content is not known, so it is not kept; whatever names it is closed when the file is loaded. */
  #hold(digest: string | null, contents: ReadonlyMap<string, DocumentContent>): string | null {
    if (digest === null) {
      return null;
    }
    const held = this.#documents.get(digest);
    const entry = contents.get(digest);
    if (held !== undefined) {
      held.holders++;
    } else if (entry !== undefined) {
      this.#documents.set(digest, { entry, holders: 1 });
    } else {
      return null;
    }
    return digest;
  }

  #release(digest: string): void {
    const held = this.#documents.get(digest);
    if (held !== undefined && --held.holders === 0) {
      this.#documents.delete(digest);
    }
  }

  /** Writes all of it now, as with another key. Resolves to whether that lies on disk: not while nothing was heard. */
  async saveAnew(): Promise<boolean> {
    // What is being written may have been begun with the old key.
    await this.#writing;
    if (this.#closed || this.#heardAtMs === 0) return false;
    const failuresBefore = this.#failures;
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
      if (this.#dirty) this.#writeSoon();
    });
    await this.#writing;
    return this.#failures === failuresBefore;
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    await this.#writing;
    if (this.#heardAtMs > this.#savedHeardAtMs) {
      await this.#write();
    }
  }

  #writeSoon(): void {
    if (this.#timer !== null || this.#writing !== null || this.#closed) {
      return;
    }
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#writing = this.#write().finally(() => {
          this.#writing = null;
          if (this.#dirty) {
            this.#writeSoon();
          }
        });
      },
      Math.max(this.#flushMs, this.#pauseMs),
    );
  }

  /** Never rejects: what could not be written is written the next time. */
  async #write(): Promise<void> {
    const { path, log } = this.#options;
    const [revision, heardAtMs] = [this.#revision, this.#heardAtMs];
    this.#dirty = false;
    const startedMs = performance.now();
    try {
      this.#bytes = await this.#writeAll(this.#draft, revision, heardAtMs);
      if (this.#isUnusable) await rename(path, `${path}.aside`);
      this.#isUnusable = false;
      await rename(this.#draft, path);
      await synced(dirname(path));
      this.#savedRevision = revision;
      this.#savedHeardAtMs = heardAtMs;
      this.#pauseMs = Math.min(PAUSE_MAX_MS, PAUSES * (performance.now() - startedMs));
      if (this.#failing) {
        this.#failing = false;
        log.info({ path }, "snapshots are saved again");
      }
    } catch (error) {
      this.#dirty = true;
      this.#pauseMs = RETRY_MS;
      await rm(this.#draft, { force: true }).catch(() => {});
      this.#failures++;
      if (!this.#failing) {
        this.#failing = true;
        log.error({ path, err: error }, "the snapshot cannot be saved; trying again");
      }
    }
  }

  /** Of what is there now, whatever changes meanwhile. Answers how many bytes it took. */
  async #writeAll(path: string, revision: bigint, heardAtMs: number): Promise<number> {
    const kept = [...this.#documents.values(), ...this.#states.values()];
    const lineages = this.#lineages;
    const head = { revision: String(revision), heardAtMs, states: kept.length, lineages };
    const parts = partsOf(this.#options.box, head, recordsOf(kept));
    const file = await open(path, "w", 0o600);
    let bytes = 0;
    try {
      for (const part of parts) {
        await writeWhole(file, part);
        bytes += part.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return bytes;
  }
}

function* recordsOf(all: readonly Kept<Entry>[]): Generator<EntryRecord> {
  for (const kept of all) {
    if ("$typeName" in kept.entry) {
      kept.entry = recordOf(kept.entry);
    }
    yield kept.entry;
  }
}

async function writeWhole(file: FileHandle, part: Buffer): Promise<void> {
  for (let at = 0; at < part.length; ) {
    at += (await file.write(part, at)).bytesWritten;
  }
}

/** So that a new name in it outlives a power loss. */
async function synced(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
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
