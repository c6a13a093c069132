// How the snapshot file is made: a header, then sealed frames of records, in groups that each end with a commit.
import { create, type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import {
  type ContainerState,
  ContainerStateSchema,
  type DocumentContent,
  DocumentContentSchema,
  type ProjectState,
  ProjectStateSchema,
  RevisionLineageSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Steps } from "../../policy/steps.ts";
import type { ChangePart, Place } from "./change-batch.ts";
import { COMMIT, CONTAINER, DOCUMENT, type FileRecord, PROJECT } from "./file-record.ts";

/** Authenticated encryption; `context` says what the bytes are: they open in no other. */
export interface Box {
  seal(plain: Buffer, context: string): Buffer;
  /** Null: these bytes were not sealed by this box in this context. */
  open(sealed: Buffer, context: string): Buffer | null;
}

/**
 * The last byte is the version. It has to grow when a field is added to the feed without which something would be open: a file
 * that does not have the field must not be read.
 */
export const MAGIC = Buffer.from("rgsnap\0\x04", "latin1");
export const FILE_ID_BYTES = 16;
export const HEADER_BYTES = MAGIC.length + FILE_ID_BYTES;
export const LENGTH_BYTES = 4;
/** Frames are closed once they have this many bytes: what is sealed, and decoded, at a time. */
const FRAME_BYTES = 64 * 1024;

/** Kind, length of the message. */
const RECORD_HEAD_BYTES = 5;

/** What ends a group: everything up to here is the state of this place. */
export interface Commit extends Place {
  /** Unix milliseconds. */
  readonly heardAtMs: number;
  /** Whose containers these are; null: of all servers. */
  readonly server: string | null;
}

export function commitRecord({ revision, lineages, heardAtMs, server }: Commit): FileRecord {
  const json = {
    revision: String(revision),
    heardAtMs,
    server,
    lineages: lineages.map(({ fromRevision, tag }) => [String(fromRevision), tag]),
  };
  return { kind: COMMIT, message: Buffer.from(JSON.stringify(json)) };
}

interface CommitJson {
  /** Decimal numbers. */
  readonly revision: string;
  readonly lineages: readonly (readonly [fromRevision: string, tag: string])[];
  readonly heardAtMs: number;
  readonly server: string | null;
}

export function commitOf({ message }: FileRecord): Commit {
  const json = JSON.parse(Buffer.from(message).toString("utf8")) as CommitJson;
  return {
    revision: BigInt(json.revision),
    heardAtMs: json.heardAtMs,
    server: json.server,
    lineages: json.lineages.map(([fromRevision, tag]) =>
      create(RevisionLineageSchema, { fromRevision: BigInt(fromRevision), tag }),
    ),
  };
}

/** The content of the next frame, a record at each step; null: there is none. */
export function* nextFrame(records: Iterator<FileRecord>): Steps<Buffer | null> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < FRAME_BYTES) {
    const { done, value } = records.next();
    if (done) break;
    const { kind, message } = value;
    const head = Buffer.alloc(RECORD_HEAD_BYTES);
    head.writeUInt8(kind, 0);
    head.writeUInt32BE(message.length, 1);
    parts.push(head, message);
    bytes += RECORD_HEAD_BYTES + message.length;
    yield 1;
  }
  return bytes === 0 ? null : Buffer.concat(parts, bytes);
}

/** They were authenticated: what does not fit is a fault of ours, and throws. */
export function recordsIn(frame: Buffer): FileRecord[] {
  const records: FileRecord[] = [];
  for (let at = 0; at < frame.length; ) {
    const start = at + RECORD_HEAD_BYTES;
    const end = start + frame.readUInt32BE(at + 1);
    if (end > frame.length) throw new Error("a record that is longer than its frame");
    records.push({ kind: frame.readUInt8(at), message: frame.subarray(start, end) });
    at = end;
  }
  return records;
}

/** Each record is decoded when its turn comes. Throws for one of an unknown kind. */
export function partOf(records: readonly FileRecord[]): ChangePart {
  if (records.some(({ kind }) => kind !== PROJECT && kind !== CONTAINER && kind !== DOCUMENT)) {
    throw new Error("a record of an unknown kind");
  }
  return new RecordsPart(records);
}

class RecordsPart implements ChangePart {
  readonly records: readonly FileRecord[];

  constructor(records: readonly FileRecord[]) {
    this.records = records;
  }

  get projects(): Iterable<ProjectState> {
    return this.#entities(PROJECT, ProjectStateSchema);
  }

  get containers(): Iterable<ContainerState> {
    return this.#entities(CONTAINER, ContainerStateSchema);
  }

  get documents(): Iterable<DocumentContent> {
    return this.#entities(DOCUMENT, DocumentContentSchema);
  }

  *#entities<Desc extends DescMessage>(
    wanted: number,
    schema: Desc,
  ): Generator<MessageShape<Desc>> {
    for (const { kind, message } of this.records) {
      if (kind === wanted) yield fromBinary(schema, message);
    }
  }
}
