// How states lie in the snapshot file: a head, then sealed frames of records. Any part that is missing, moved or changed is noticed.
import { randomBytes } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  type DocumentContent,
  DocumentContentSchema,
  type ProjectState,
  ProjectStateSchema,
  RevisionLineageSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";

import { separateDocuments } from "./snapshot-version-2.ts";

/** Authenticated encryption; `context` says what the bytes are: they open in no other. */
export interface Box {
  seal(plain: Buffer, context: string): Buffer;
  /** Null: these bytes were not sealed by this box in this context. */
  open(sealed: Buffer, context: string): Buffer | null;
}

/** What was heard, as the feed says it to whoever knows nothing, and when. */
export interface Saved {
  readonly changes: Changes;
  /** Unix milliseconds. */
  readonly heardAtMs: number;
}

/**
 * The last byte is the version. It has to grow when a field is added to the feed without which something would be open: a file
 * that does not have the field must not be read. Version 2 had each document inside its owner's state.
 */
const MAGIC = Buffer.from("rgsnap\0\x03", "latin1");
const MAGIC_2 = Buffer.from("rgsnap\0\x02", "latin1");
const FILE_ID_BYTES = 16;
const HEADER_BYTES = MAGIC.length + FILE_ID_BYTES;
const LENGTH_BYTES = 4;
/** Frames are closed once they have this many bytes: what is sealed at a time. */
const FRAME_BYTES = 128 * 1024;

const PROJECT = 1;
const CONTAINER = 2;
const DOCUMENT = 3;
/** Kind, length of the message. */
const RECORD_HEAD_BYTES = 5;

export type FileState = ProjectState | ContainerState;

/** What a file has records of. */
export type Entry = FileState | DocumentContent;

/** An entry in the form in which it is in the file. */
export type EntryRecord = Buffer;

/** What tells states apart: a project and a container may have the same id. */
export function keyOf(state: FileState): string {
  return `${kindOf(state)}${state.id}`;
}

function kindOf(entry: Entry): number {
  switch (entry.$typeName) {
    case "realmgate.v1.ProjectState":
      return PROJECT;
    case "realmgate.v1.ContainerState":
      return CONTAINER;
    case "realmgate.v1.DocumentContent":
      return DOCUMENT;
  }
}

function bytesOf(entry: Entry): Uint8Array {
  switch (entry.$typeName) {
    case "realmgate.v1.ProjectState":
      return toBinary(ProjectStateSchema, entry);
    case "realmgate.v1.ContainerState":
      return toBinary(ContainerStateSchema, entry);
    case "realmgate.v1.DocumentContent":
      return toBinary(DocumentContentSchema, entry);
  }
}

export function recordOf(entry: Entry): EntryRecord {
  const message = bytesOf(entry);
  const record = Buffer.allocUnsafeSlow(RECORD_HEAD_BYTES + message.length);
  record.writeUInt8(kindOf(entry), 0);
  record.writeUInt32BE(message.length, 1);
  record.set(message, RECORD_HEAD_BYTES);
  return record;
}

/** What a file says of itself. */
export interface Head {
  /** A decimal number. */
  readonly revision: string;
  /** Unix milliseconds. */
  readonly heardAtMs: number;
  /** How many records there are. */
  readonly states: number;
  /** Revisions as decimal numbers; files of earlier versions have none. */
  readonly lineages?: readonly { readonly fromRevision: string; readonly tag: string }[];
}

/** The parts of a file, to be written one after the other; each is a fraction of a millisecond's work. */
export function* partsOf(box: Box, head: Head, records: Iterable<EntryRecord>): Generator<Buffer> {
  const header = Buffer.concat([MAGIC, randomBytes(FILE_ID_BYTES)]);
  let index = 0;
  const frame = (plain: Buffer): Buffer => {
    const sealed = box.seal(plain, contextOf(header, index++));
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(sealed.length);
    return Buffer.concat([length, sealed]);
  };
  yield Buffer.concat([header, frame(Buffer.from(JSON.stringify(head)))]);
  let group: EntryRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    group.push(record);
    bytes += record.length;
    if (bytes >= FRAME_BYTES) {
      yield frame(Buffer.concat(group));
      group = [];
      bytes = 0;
    }
  }
  if (bytes > 0) {
    yield frame(Buffer.concat(group));
  }
}

export type ReadFile =
  | { readonly ok: true; readonly saved: Saved }
  | { readonly ok: false; readonly problem: string };

/** What a file says, all of it or nothing. */
export function readFile(box: Box, file: Buffer): ReadFile {
  const header = file.subarray(0, HEADER_BYTES);
  const magic = header.subarray(0, MAGIC.length);
  if (header.length < HEADER_BYTES || ![MAGIC, MAGIC_2].some((known) => known.equals(magic))) {
    return { ok: false, problem: "is none of this version" };
  }
  let head: Head | null = null;
  let index = 0;
  const changes = create(ChangesSchema);
  for (let at = HEADER_BYTES; at < file.length; ) {
    const start = at + LENGTH_BYTES;
    const end = start <= file.length ? start + file.readUInt32BE(at) : Number.POSITIVE_INFINITY;
    const sealed = end <= file.length ? file.subarray(start, end) : null;
    const plain = sealed === null ? null : box.open(sealed, contextOf(header, index++));
    if (plain === null) {
      return { ok: false, problem: "is broken, or was sealed with another key" };
    }
    if (head === null) {
      head = JSON.parse(plain.toString("utf8")) as Head;
    } else {
      addRecords(plain, changes);
    }
    at = end;
  }
  const { projects, containers, documents } = changes;
  if (head?.states !== projects.length + containers.length + documents.length) {
    return { ok: false, problem: "is not whole" };
  }
  if (magic.equals(MAGIC_2)) {
    separateDocuments(changes);
  }
  changes.revision = BigInt(head.revision);
  changes.lineages = (head.lineages ?? []).map(({ fromRevision, tag }) =>
    create(RevisionLineageSchema, { fromRevision: BigInt(fromRevision), tag }),
  );
  return { ok: true, saved: { changes, heardAtMs: head.heardAtMs } };
}

/** They were authenticated: what does not fit is a fault of ours, and throws. */
function addRecords(frame: Buffer, { projects, containers, documents }: Changes): void {
  for (let at = 0; at < frame.length; ) {
    const start = at + RECORD_HEAD_BYTES;
    const end = start + frame.readUInt32BE(at + 1);
    const message = frame.subarray(start, end);
    switch (frame.readUInt8(at)) {
      case PROJECT:
        projects.push(fromBinary(ProjectStateSchema, message));
        break;
      case CONTAINER:
        containers.push(fromBinary(ContainerStateSchema, message));
        break;
      case DOCUMENT:
        documents.push(fromBinary(DocumentContentSchema, message));
        break;
      default:
        throw new Error("a record of an unknown kind");
    }
    at = end;
  }
}

function contextOf(header: Buffer, index: number): string {
  return `${header.toString("hex")}/${index}`;
}
