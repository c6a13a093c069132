// Snapshot files of versions 2 and 3 were written whole: a head, then sealed frames of records.
import { create, fromBinary } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  ContainerStateSchema,
  DocumentContentSchema,
  ProjectStateSchema,
  RevisionLineageSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Box } from "./snapshot-codec.ts";
import { separateDocuments } from "./snapshot-version-2.ts";

/** What was heard, as the feed says it to whoever knows nothing, and when. */
export interface Saved {
  readonly changes: Changes;
  /** Unix milliseconds. */
  readonly heardAtMs: number;
}

/** Version 2 had each document inside its owner's state. */
const MAGIC = Buffer.from("rgsnap\0\x03", "latin1");
const MAGIC_2 = Buffer.from("rgsnap\0\x02", "latin1");

/** Whether a file that begins like this can be read here. */
export function isOldVersion(magic: Buffer): boolean {
  return magic.equals(MAGIC) || magic.equals(MAGIC_2);
}

const FILE_ID_BYTES = 16;
const HEADER_BYTES = MAGIC.length + FILE_ID_BYTES;
const LENGTH_BYTES = 4;

const PROJECT = 1;
const CONTAINER = 2;
const DOCUMENT = 3;
/** Kind, length of the message. */
const RECORD_HEAD_BYTES = 5;

/** What a file says of itself. */
interface Head {
  /** A decimal number. */
  readonly revision: string;
  /** Unix milliseconds. */
  readonly heardAtMs: number;
  /** How many records there are. */
  readonly states: number;
  /** Revisions as decimal numbers; files of earlier versions have none. */
  readonly lineages?: readonly { readonly fromRevision: string; readonly tag: string }[];
}

export type ReadFile =
  | { readonly ok: true; readonly saved: Saved }
  | { readonly ok: false; readonly problem: string };

/** What a file with one of these headers says, all of it or nothing. */
export function readFile(box: Box, file: Buffer): ReadFile {
  const header = file.subarray(0, HEADER_BYTES);
  const magic = header.subarray(0, MAGIC.length);
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
