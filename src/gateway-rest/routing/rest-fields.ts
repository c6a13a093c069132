// Which fields of the contract REST can carry.
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/** Types of protobuf's own that are JSON of some shape. The others are for gRPC alone: REST has its own words for them. */
const freeTypes: ReadonlySet<string> = new Set([
  "google.protobuf.Value",
  "google.protobuf.Struct",
  "google.protobuf.ListValue",
]);

/** Whether REST may send a field at all; a FieldMask, for one, is filled from what was sent. */
export function isSendable({ message }: DescField): boolean {
  const typeName = message?.typeName ?? "";
  return !typeName.startsWith("google.protobuf.") || freeTypes.has(typeName);
}

const scalarTypes: ReadonlySet<ScalarType> = new Set([
  ScalarType.STRING,
  ScalarType.BOOL,
  ScalarType.INT32,
]);

/** Throws when a message has fields that bodies cannot be checked for here: then the server must not start. */
export function assertKnown(desc: DescMessage, seen = new Set<DescMessage>()): void {
  if (seen.has(desc) || desc.typeName.startsWith("google.protobuf.")) return;
  seen.add(desc);
  for (const field of desc.fields) {
    const scalar = field.scalar ?? ScalarType.STRING;
    if (!scalarTypes.has(scalar) || field.enum !== undefined || field.oneof !== undefined) {
      throw new Error(`${desc.typeName}.${field.name} is of a kind that REST does not know`);
    }
    if (field.message !== undefined) assertKnown(field.message, seen);
  }
}
