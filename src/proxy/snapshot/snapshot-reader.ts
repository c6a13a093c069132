// Reads a snapshot file frame by frame: only what was committed, and nothing that is not authentic.
import { readFileSync } from "node:fs";
import type { ChangeBatch, ChangePart } from "./change-batch.ts";
import { COMMIT, type FileRecord, recordOf } from "./file-record.ts";
import { type ChainPlace, FrameChain, headerOf, readFrame } from "./sealed-frames.ts";
import {
  type Box,
  type Commit,
  commitOf,
  HEADER_BYTES,
  MAGIC,
  partOf,
  recordsIn,
} from "./snapshot-codec.ts";
import { isOldVersion, readFile } from "./snapshot-version-3.ts";

/** What an earlier process saved. Its place and time are known once its parts were read. */
export interface SavedBatch extends ChangeBatch {
  readonly commit: Commit;
}

/** What lies there cannot be believed. */
export class DamagedSnapshot extends Error {}

const BROKEN = "is broken, or was sealed with another key";

export class SnapshotReader implements SavedBatch {
  readonly all = true;
  readonly states = null;
  readonly #fd: number;
  readonly #box: Box;
  readonly #header: Buffer;
  readonly chain: FrameChain;
  /** Of an earlier version: it is read, and written anew in the present form. */
  readonly isOld: boolean;
  #commit: Commit | null = null;
  #end = HEADER_BYTES;
  #base: { readonly end: number; readonly place: ChainPlace } | null = null;

  /** Throws DamagedSnapshot, or when the file cannot be read. */
  constructor(fd: number, box: Box) {
    this.#fd = fd;
    this.#box = box;
    this.#header = headerOf(fd);
    const magic = this.#header.subarray(0, MAGIC.length);
    this.isOld = this.#header.length === HEADER_BYTES && isOldVersion(magic);
    if (!this.isOld && (this.#header.length < HEADER_BYTES || !magic.equals(MAGIC))) {
      throw new DamagedSnapshot("is none of this version");
    }
    this.chain = new FrameChain(box, this.#header);
  }

  /** The last one. Throws before all parts were read. */
  get commit(): Commit {
    if (this.#commit === null) throw new Error("the snapshot was not read");
    return this.#commit;
  }

  get revision(): bigint {
    return this.commit.revision;
  }

  get lineages(): ChangeBatch["lineages"] {
    return this.commit.lineages;
  }

  /** Where what was committed ends, in bytes. */
  get end(): number {
    return this.#end;
  }

  /** Where the first group ends, which has everything there was. */
  get base(): { readonly end: number; readonly place: ChainPlace } {
    if (this.#base === null) throw new Error("the snapshot was not read");
    return this.#base;
  }

  /** Throws DamagedSnapshot; then nothing of what was read counts. Once. */
  get parts(): Iterable<ChangePart> {
    return this.#parts();
  }

  *#parts(): Generator<ChangePart> {
    for (const records of this.records()) yield partOf(records);
  }

  /** The records of each frame, without commits. Throws as `parts` does. Once. */
  *records(): Generator<FileRecord[]> {
    if (this.isOld) {
      yield* this.#oldRecords();
      return;
    }
    let group: FileRecord[][] = [];
    let place = this.chain.place;
    for (let at = HEADER_BYTES; ; ) {
      const frame = readFrame(this.#fd, at);
      if (frame.kind === "damaged") throw new DamagedSnapshot(BROKEN);
      if (frame.kind !== "frame") break;
      const plain = this.chain.open(frame.sealed);
      if (plain === null) throw new DamagedSnapshot(BROKEN);
      at = frame.end;
      const records = recordsIn(plain);
      const last = records.at(-1);
      const commit = last?.kind === COMMIT ? commitOf(last) : null;
      if (commit !== null) records.pop();
      // The first group counts once its commit is read: before, all of it is thrown away.
      if (this.#commit === null) yield records;
      else group.push(records);
      if (commit === null) continue;
      this.#commit = commit;
      this.#end = at;
      place = this.chain.place;
      this.#base ??= { end: at, place };
      yield* group;
      group = [];
    }
    if (this.#commit === null) throw new DamagedSnapshot("is not whole");
    this.chain.back(place);
  }

  *#oldRecords(): Generator<FileRecord[]> {
    const read = readFile(this.#box, readFileSync(this.#fd));
    if (!read.ok) throw new DamagedSnapshot(read.problem);
    const { changes, heardAtMs } = read.saved;
    const { revision, lineages } = changes;
    this.#commit = { revision, lineages, heardAtMs, server: null };
    for (const list of [changes.documents, changes.projects, changes.containers]) {
      yield list.map(recordOf);
    }
  }
}
