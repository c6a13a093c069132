// Changes → the messages of a batch, each small enough for one turn of the event loop, whatever tenants store.
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  type Changes,
  ChangesSchema,
  FeedBatchSchema,
  FollowResponseSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";

/** A message ends with the entity that makes it this long. */
const partBytes = 128 * 1024;

const batchField = FollowResponseSchema.field.batch.number;
const changesField = FeedBatchSchema.field.changes.number;
const lastField = FeedBatchSchema.field.last.number;

/**
 * FollowResponse messages, encoded: the last one says so. Every one has the revision and the lineages. Messages of protobuf are
 * merged by putting their bytes one after the other, so each entity is encoded once.
 */
export function* encodedBatch(changes: Changes): Generator<Uint8Array> {
  const { revision, lineages, all, projects, containers, documents } = changes;
  const head = toBinary(ChangesSchema, create(ChangesSchema, { revision, lineages, all }));
  let parts: Uint8Array[] = [head];
  let bytes = head.length;
  for (const fragment of fragments({ projects, containers, documents })) {
    parts.push(fragment);
    bytes += fragment.length;
    if (bytes < partBytes) continue;
    yield batchMessage(parts, false);
    parts = [head];
    bytes = head.length;
  }
  yield batchMessage(parts, true);
}

function* fragments({
  projects,
  containers,
  documents,
}: Pick<Changes, "projects" | "containers" | "documents">): Generator<Uint8Array> {
  for (const each of documents) yield encoded({ documents: [each] });
  for (const each of projects) yield encoded({ projects: [each] });
  for (const each of containers) yield encoded({ containers: [each] });
}

function encoded(
  some: Partial<Pick<Changes, "projects" | "containers" | "documents">>,
): Uint8Array {
  return toBinary(ChangesSchema, create(ChangesSchema, some));
}

function batchMessage(parts: readonly Uint8Array[], isLast: boolean): Uint8Array {
  const batch = new BinaryWriter().tag(changesField, WireType.LengthDelimited);
  batch.uint32(parts.reduce((sum, part) => sum + part.length, 0));
  for (const part of parts) batch.raw(part);
  if (isLast) batch.tag(lastField, WireType.Varint).bool(true);
  return new BinaryWriter()
    .tag(batchField, WireType.LengthDelimited)
    .bytes(batch.finish())
    .finish();
}
