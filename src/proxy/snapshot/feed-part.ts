// Parts of a large batch stay as they came: the messages of a whole state would take ten times the memory.
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  type Changes,
  ChangesSchema,
  FeedBatchSchema,
  type FollowResponse,
  FollowResponseSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { ChangeBatch } from "./change-batch.ts";

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

/** The whole of it. Throws for parts that are no Changes messages. */
export function joined(parts: readonly FeedPart[]): Changes | ChangeBatch {
  const [first, ...rest] = parts;
  const head = decoded(first ?? { changes: new Uint8Array(), isLast: true });
  if (rest.length === 0) return head;
  const { revision, lineages, all } = head;
  const decodedParts = { [Symbol.iterator]: () => allOf(parts) };
  return { revision, lineages, all, parts: decodedParts, states: null };
}

function* allOf(parts: readonly FeedPart[]): Generator<Changes> {
  for (const part of parts) yield decoded(part);
}

function decoded({ changes }: FeedPart): Changes {
  return fromBinary(ChangesSchema, changes);
}
