// A snapshot file that this process writes: whole, beside the one whose place it takes, and then what changes at its end.
import { randomBytes } from "node:crypto";
import {
  close,
  fdatasync,
  fstatSync,
  fsync,
  ftruncate,
  open as openFile,
  write as writeFile,
} from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { Steps } from "../../policy/steps.ts";
import { DOCUMENT, type FileRecord, idOf } from "./file-record.ts";
import type { WrittenFile } from "./merged-records.ts";
import { savingSlices } from "./saving-slices.ts";
import { FrameChain } from "./sealed-frames.ts";
import { ShardedMap } from "./sharded-map.ts";
import {
  type Box,
  type Commit,
  commitRecord,
  FILE_ID_BYTES,
  HEADER_BYTES,
  MAGIC,
  nextFrame,
} from "./snapshot-codec.ts";

// Descriptors: a FileHandle that its owner drops without closing it is an error that ends the process.
const open = promisify<string, string, number, number>(openFile);
const closed = promisify(close);
const flushed = promisify(fsync);
const dataFlushed = promisify(fdatasync);
const truncated = promisify<number, number>(ftruncate);

const OWNER_ONLY = 0o600;

/** A file that this process appends to. */
export class SnapshotLog {
  readonly fd: number;
  readonly #chain: FrameChain;
  /** Of the documents that are there. */
  readonly digests: ShardedMap<true>;
  #bytes: number;
  /** Where the group that it begins with ends. */
  readonly base: WrittenFile["base"];
  /** An append failed: bytes behind the last group are to be cut off. */
  #isTorn = false;

  private constructor(
    fd: number,
    chain: FrameChain,
    digests: ShardedMap<true>,
    bytes: number,
    base: WrittenFile["base"],
  ) {
    this.fd = fd;
    this.#chain = chain;
    this.digests = digests;
    this.#bytes = bytes;
    this.base = base;
  }

  /** Writes all of it at `draft` and moves it to `path` once it is on disk; what `setAside` does comes just before. */
  static async created(
    { path, draft, box, setAside }: CreateOptions,
    records: Iterable<FileRecord>,
    commit: Commit,
  ): Promise<SnapshotLog> {
    const fd = await open(draft, "w+", OWNER_ONLY);
    try {
      const header = Buffer.concat([MAGIC, randomBytes(FILE_ID_BYTES)]);
      const chain = new FrameChain(box, header);
      const digests = new ShardedMap<true>();
      await writeAt(fd, header, 0);
      const group = noted(withCommit(records, commit), digests);
      const bytes = await writeFrames(fd, chain, group, HEADER_BYTES);
      await flushed(fd);
      await setAside();
      await rename(draft, path);
      await synced(dirname(path));
      return new SnapshotLog(fd, chain, digests, bytes, { end: bytes, place: chain.place });
    } catch (error) {
      await closed(fd);
      await rm(draft, { force: true }).catch(() => {});
      throw error;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether it is what others find at the path. */
  async isAt(path: string): Promise<boolean> {
    const [there, own] = [await stat(path).catch(() => null), fstatSync(this.fd)];
    return there !== null && there.ino === own.ino && there.dev === own.dev;
  }

  /** Adds a group. When that fails nothing of it counts. */
  async append(records: Iterable<FileRecord>, commit: Commit): Promise<void> {
    const before = this.#chain.place;
    const added = new ShardedMap<true>();
    try {
      if (this.#isTorn) await truncated(this.fd, this.#bytes);
      this.#isTorn = true;
      const group = noted(withCommit(records, commit), added);
      const end = await writeFrames(this.fd, this.#chain, group, this.#bytes);
      await dataFlushed(this.fd);
      this.#bytes = end;
      this.#isTorn = false;
      await savingSlices(this.#nowThere(added));
    } catch (error) {
      this.#chain.back(before);
      throw error;
    }
  }

  *#nowThere(digests: ShardedMap<true>): Steps<void> {
    for (const [digest] of digests) {
      this.digests.set(digest, true);
      yield 1;
    }
  }

  close(): Promise<void> {
    return closed(this.fd);
  }
}

export interface CreateOptions {
  readonly path: string;
  readonly draft: string;
  readonly box: Box;
  readonly setAside: () => Promise<void>;
}

/** The commit is the last record of its frame. */
function* withCommit(records: Iterable<FileRecord>, commit: Commit): Generator<FileRecord> {
  yield* records;
  yield commitRecord(commit);
}

function* noted(records: Iterable<FileRecord>, digests: ShardedMap<true>): Generator<FileRecord> {
  for (const record of records) {
    if (record.kind === DOCUMENT) digests.set(idOf(record), true);
    yield record;
  }
}

/**
 * Answers where they end. In slices: what is written is often on disk within the turn of the event loop in which it was given away,
 * so that one frame would follow the other in it.
 */
async function writeFrames(
  fd: number,
  chain: FrameChain,
  records: Iterator<FileRecord>,
  start: number,
): Promise<number> {
  for (let at = start; ; ) {
    const frame = await savingSlices(nextFrame(records));
    if (frame === null) return at;
    const sealed = chain.seal(frame);
    await writeAt(fd, sealed, at);
    at += sealed.length;
  }
}

function writeSome(fd: number, bytes: Buffer, at: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writeFile(fd, bytes, at, bytes.length - at, position, (error, written) =>
      error === null ? resolve(written) : reject(error),
    );
  });
}

async function writeAt(fd: number, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += await writeSome(fd, bytes, at, position + at);
  }
}

/** So that a new name in it outlives a power loss. */
async function synced(folder: string): Promise<void> {
  const fd = await open(folder, "r", OWNER_ONLY);
  await flushed(fd).finally(() => closed(fd));
}
