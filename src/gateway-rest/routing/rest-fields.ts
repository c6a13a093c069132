// Which fields of the contract REST can carry.
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/** Well-known types that REST bodies may contain as free-form JSON. Others (FieldMask, …) exist in gRPC only. */
const freeTypes: ReadonlySet<string> = new Set([
  "google.protobuf.Value",
  "google.protobuf.Struct",
  "google.protobuf.ListValue",
]);

/** Whether a REST body may contain a field. A FieldMask may not: it is filled from the keys of the body. */
export function isSendable({ message }: DescField): boolean {
  const typeName = message?.typeName ?? "";
  return !typeName.startsWith("google.protobuf.") || freeTypes.has(typeName);
}

const scalarTypes: ReadonlySet<ScalarType> = new Set([
  ScalarType.STRING,
  ScalarType.BOOL,
  ScalarType.INT32,
]);

/** Throws when a message has field types that shape.ts cannot check: then the server must not start. */
export function assertSupported(desc: DescMessage, seen = new Set<DescMessage>()): void {
  if (seen.has(desc) || desc.typeName.startsWith("google.protobuf.")) return;
  seen.add(desc);
  for (const field of desc.fields) {
    const scalar = field.scalar ?? ScalarType.STRING;
    if (!scalarTypes.has(scalar) || field.enum !== undefined || field.oneof !== undefined) {
      throw new Error(`${desc.typeName}.${field.name} has a type that REST does not support`);
    }
    if (field.message !== undefined) assertSupported(field.message, seen);
  }
}
