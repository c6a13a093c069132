// How the snapshot file is made: a header, then sealed frames of records, in groups that each end with a commit.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  type ContainerState,
  ContainerStateSchema,
  type DocumentContent,
  DocumentContentSchema,
  type ProjectState,
  ProjectStateSchema,
  RevisionLineageSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { ChangePart, Place } from "./change-batch.ts";

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

export const PROJECT = 1;
export const CONTAINER = 2;
export const DOCUMENT = 3;
export const COMMIT = 4;
/** Kind, length of the message. */
const RECORD_HEAD_BYTES = 5;

export type FileState = ProjectState | ContainerState;

/** What a file has records of. */
export type Entry = FileState | DocumentContent;

export interface FileRecord {
  readonly kind: number;
  /** A message of this kind, encoded. */
  readonly message: Uint8Array;
}

/** What ends a group: everything up to here is the state of this place. */
export interface Commit extends Place {
  /** Unix milliseconds. */
  readonly heardAtMs: number;
  /** Whose containers these are; null: of all servers. */
  readonly server: string | null;
}

export function recordOf(entry: Entry): FileRecord {
  switch (entry.$typeName) {
    case "realmgate.v1.ProjectState":
      return { kind: PROJECT, message: toBinary(ProjectStateSchema, entry) };
    case "realmgate.v1.ContainerState":
      return { kind: CONTAINER, message: toBinary(ContainerStateSchema, entry) };
    case "realmgate.v1.DocumentContent":
      return { kind: DOCUMENT, message: toBinary(DocumentContentSchema, entry) };
  }
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

/** The frames' contents. */
export function* framesOf(records: Iterable<FileRecord>): Generator<Buffer> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (const { kind, message } of records) {
    const head = Buffer.alloc(RECORD_HEAD_BYTES);
    head.writeUInt8(kind, 0);
    head.writeUInt32BE(message.length, 1);
    parts.push(head, message);
    bytes += RECORD_HEAD_BYTES + message.length;
    if (bytes >= FRAME_BYTES) {
      yield Buffer.concat(parts, bytes);
      parts = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(parts, bytes);
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

/** The id of a state, the digest of a document: it comes first in each message. */
export function idOf({ message }: FileRecord): string {
  const reader = new BinaryReader(message);
  const [field] = reader.tag();
  if (field !== 1) throw new Error("a record without an id");
  return reader.string();
}

/** What tells states apart: a project and a container may have the same id. */
export function keyOf(record: FileRecord): string {
  return `${record.kind}${idOf(record)}`;
}

export function partOf(records: readonly FileRecord[]): ChangePart {
  const part = {
    projects: [] as ProjectState[],
    containers: [] as ContainerState[],
    documents: [] as DocumentContent[],
  };
  for (const { kind, message } of records) {
    switch (kind) {
      case PROJECT:
        part.projects.push(fromBinary(ProjectStateSchema, message));
        break;
      case CONTAINER:
        part.containers.push(fromBinary(ContainerStateSchema, message));
        break;
      case DOCUMENT:
        part.documents.push(fromBinary(DocumentContentSchema, message));
        break;
      default:
        throw new Error("a record of an unknown kind");
    }
  }
  return part;
}
