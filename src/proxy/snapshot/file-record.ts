// States and documents as a snapshot file has them: encoded, and read only as far as saving has to know them.
import { toBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  type ContainerState,
  ContainerStateSchema,
  type DocumentContent,
  DocumentContentSchema,
  type ProjectState,
  ProjectStateSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";

export const PROJECT = 1;
export const CONTAINER = 2;
export const DOCUMENT = 3;
export const COMMIT = 4;

/** What a file has records of. */
export type Entry = ProjectState | ContainerState | DocumentContent;

export interface FileRecord {
  readonly kind: number;
  /** A message of this kind, encoded. */
  readonly message: Uint8Array;
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

/** The id of a state, the digest of a document: it comes first in each message. */
export function idOf({ message }: FileRecord): string {
  const reader = new BinaryReader(message);
  const [field] = reader.tag();
  if (field !== 1) throw new Error("a record without an id");
  return textOf(reader.bytes());
}

/** What tells states apart: a project and a container may have the same id. */
export function keyOf(record: FileRecord): string {
  return `${record.kind}${idOf(record)}`;
}

/** What saving has to know of a state. */
export interface StateBrief {
  readonly isDeleted: boolean;
  /** Of a container; empty: of a project. */
  readonly serverName: string;
  /** Of its document; empty: it names none. */
  readonly digest: string;
}

const briefFields = {
  [PROJECT]: {
    deleted: ProjectStateSchema.field.deleted.number,
    serverName: 0,
    digest: ProjectStateSchema.field.documentDigest.number,
  },
  [CONTAINER]: {
    deleted: ContainerStateSchema.field.deleted.number,
    serverName: ContainerStateSchema.field.serverName.number,
    digest: ContainerStateSchema.field.documentDigest.number,
  },
};

/** Of a project or a container. */
export function briefOf({ kind, message }: FileRecord): StateBrief {
  if (kind !== PROJECT && kind !== CONTAINER) throw new Error("a record of no state");
  const fields = briefFields[kind];
  let [isDeleted, serverName, digest] = [false, "", ""];
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === fields.deleted && type === WireType.Varint) isDeleted = reader.bool();
    else if (type !== WireType.LengthDelimited) reader.skip(type, field);
    else if (field === fields.serverName) serverName = textOf(reader.bytes());
    else if (field === fields.digest) digest = textOf(reader.bytes());
    else reader.skip(type, field);
  }
  return { isDeleted, serverName, digest };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
