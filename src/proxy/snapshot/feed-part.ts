// Parts of a large batch stay as they came: the messages of a whole state would take ten times the memory.
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  type Changes,
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  type DocumentContent,
  DocumentContentSchema,
  FeedBatchSchema,
  type FollowResponse,
  FollowResponseSchema,
  type ProjectState,
  ProjectStateSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { ChangeBatch, ChangePart } from "./change-batch.ts";
import { CONTAINER, DOCUMENT, type FileRecord, PROJECT } from "./file-record.ts";

/** A part of a batch: a Changes message, encoded. */
export interface FeedPart {
  readonly changes: Uint8Array;
  readonly isLast: boolean;
}

/** What a control plane says. */
export type Heard = Exclude<FollowResponse["body"], { case: "batch" }> | HeardPart;

interface HeardPart {
  readonly case: "part";
  readonly value: FeedPart;
}

const batchField = FollowResponseSchema.field.batch.number;
const changesField = FeedBatchSchema.field.changes.number;
const lastField = FeedBatchSchema.field.last.number;

/** Throws for what is no FollowResponse. Whether a part is a Changes message shows when it is read. */
export function heardIn(bytes: Uint8Array): Heard {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === batchField && type === WireType.LengthDelimited) {
      return { case: "part", value: partIn(reader.bytes()) };
    }
    reader.skip(type, field);
  }
  const { body } = fromBinary(FollowResponseSchema, bytes);
  if (body.case === "batch") throw new Error("a batch in an unknown form");
  return body;
}

function partIn(bytes: Uint8Array): FeedPart {
  const reader = new BinaryReader(bytes);
  let changes: Uint8Array = new Uint8Array();
  let isLast = false;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === changesField && type === WireType.LengthDelimited) changes = reader.bytes();
    else if (field === lastField && type === WireType.Varint) isLast = reader.bool();
    else reader.skip(type, field);
  }
  return { changes, isLast };
}

/** The whole of it. Throws for a first part that is no Changes message; of later ones, and of entities, that shows when they are read. */
export function joined(parts: readonly FeedPart[]): ChangeBatch {
  const [first, ...rest] = parts;
  const { head, states } = summary(first?.changes ?? new Uint8Array());
  const { revision, lineages, all } = head;
  const encoded = parts.map(({ changes }) => new EncodedPart(changes));
  return { revision, lineages, all, parts: encoded, states: rest.length === 0 ? states : null };
}

const { projects, containers, documents } = ChangesSchema.field;
/** Documents come before the states that name them. */
const recordFields = [
  [DOCUMENT, documents],
  [PROJECT, projects],
  [CONTAINER, containers],
] as const;

/** Each entity is decoded when its turn comes. */
class EncodedPart implements ChangePart {
  readonly #changes: Uint8Array;

  constructor(changes: Uint8Array) {
    this.#changes = changes;
  }

  get projects(): Iterable<ProjectState> {
    return this.#entities(projects.number, ProjectStateSchema);
  }

  get containers(): Iterable<ContainerState> {
    return this.#entities(containers.number, ContainerStateSchema);
  }

  get documents(): Iterable<DocumentContent> {
    return this.#entities(documents.number, DocumentContentSchema);
  }

  get records(): Iterable<FileRecord> {
    return this.#records();
  }

  *#records(): Generator<FileRecord> {
    for (const [kind, { number }] of recordFields) {
      for (const message of this.#messages(number)) yield { kind, message };
    }
  }

  *#entities<Desc extends DescMessage>(field: number, schema: Desc): Generator<MessageShape<Desc>> {
    for (const message of this.#messages(field)) yield fromBinary(schema, message);
  }

  *#messages(wanted: number): Generator<Uint8Array> {
    const reader = new BinaryReader(this.#changes);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === wanted && type === WireType.LengthDelimited) yield reader.bytes();
      else reader.skip(type, field);
    }
  }
}

/** What is said beside the entities, and how many of them are states. */
function summary(changes: Uint8Array): { readonly head: Changes; readonly states: number } {
  const reader = new BinaryReader(changes);
  const said: Uint8Array[] = [];
  let states = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, type] = reader.tag();
    reader.skip(type, field);
    if (field === projects.number || field === containers.number) states++;
    else if (field !== documents.number) said.push(changes.subarray(start, reader.pos));
  }
  return { head: fromBinary(ChangesSchema, Buffer.concat(said)), states };
}
