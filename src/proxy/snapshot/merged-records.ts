// Everything that a snapshot file says, each entity once: what it is written anew from, without holding it.
import type { Steps } from "../../policy/steps.ts";
import { briefOf, COMMIT, DOCUMENT, type FileRecord, idOf, keyOf } from "./file-record.ts";
import { type ChainPlace, FrameChain, headerOf, readFrame } from "./sealed-frames.ts";
import { ShardedMap } from "./sharded-map.ts";
import { type Box, HEADER_BYTES, recordsIn } from "./snapshot-codec.ts";
import { DamagedSnapshot } from "./snapshot-reader.ts";

/** What was written to a file, and where it changes from everything there was to what came later. */
export interface WrittenFile {
  readonly fd: number;
  readonly box: Box;
  /** Where the first group ends. */
  readonly base: { readonly end: number; readonly place: ChainPlace };
  /** Where the last group ends, in bytes. */
  readonly end: number;
}

/** The last record of each entity that came after the first group; `later`: what is not in the file yet. A record at each step. */
export function* laterRecords(
  { fd, box, base, end }: WrittenFile,
  later: Iterable<FileRecord>,
): Steps<ShardedMap<FileRecord>> {
  const last = new ShardedMap<FileRecord>();
  const take = function* (records: Iterable<FileRecord>): Steps<void> {
    for (const record of records) {
      last.set(keyOf(record), record);
      yield 1;
    }
  };
  for (const frame of frames(fd, box, base.end, base.place, end)) yield* take(frame);
  yield* take(later);
  return last;
}

/** Everything. `isNamed`: whether a state names this document. Throws DamagedSnapshot. */
export function* mergedRecords(
  { fd, box, base }: WrittenFile,
  later: ShardedMap<FileRecord>,
  isNamed: (digest: string) => boolean,
): Generator<FileRecord> {
  const isKept = (record: FileRecord) => record.kind !== DOCUMENT || isNamed(idOf(record));
  for (const [, record] of later) {
    if (record.kind === DOCUMENT && isKept(record)) yield record;
  }
  for (const frame of frames(fd, box, HEADER_BYTES, null, base.end)) {
    for (const record of frame) {
      if (!later.has(keyOf(record)) && isKept(record)) yield record;
    }
  }
  for (const [, record] of later) {
    if (record.kind !== DOCUMENT && !briefOf(record).isDeleted) yield record;
  }
}

function* frames(
  fd: number,
  box: Box,
  start: number,
  place: ChainPlace | null,
  end: number,
): Generator<FileRecord[]> {
  const chain = new FrameChain(box, headerOf(fd));
  if (place !== null) chain.back(place);
  for (let at = start; at < end; ) {
    const frame = readFrame(fd, at);
    const plain = frame.kind === "frame" ? chain.open(frame.sealed) : null;
    if (frame.kind !== "frame" || plain === null)
      throw new DamagedSnapshot("was changed meanwhile");
    at = frame.end;
    yield recordsIn(plain).filter(({ kind }) => kind !== COMMIT);
  }
}
