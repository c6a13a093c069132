// Accepts as a body either a document or an answer that was read before (`{...answer}` included).

export interface WriteSource {
  readonly body: unknown;
  /** Version that the body was made from, `file:v<N>`; null: unknown. */
  readonly version: string | null;
}

/** Fields that the server adds to a document it answers with; they are not part of what can be written. */
export const documentMetadata: ReadonlySet<string> = new Set([
  "file_version",
  "etag",
  "schema_version",
  "warnings",
]);
/** Field names of the envelope. */
const envelope: ReadonlySet<string> = new Set([
  "statusCode",
  "message",
  "data",
  "etag",
  "revision",
]);

/** Unwraps an answer to its `data`. Fields spelled beside a spread answer override those that were read. */
export function writtenFrom(given: unknown): WriteSource {
  if (!isRecord(given)) return { body: given, version: null };
  if (!isAnswer(given))
    return { body: without(given, documentMetadata), version: versionOf(given) };
  const { data } = given;
  const body = { ...without(data, documentMetadata), ...without(given, envelope) };
  return { body, version: versionOf(given) ?? versionOf(data) };
}

type JsonRecord = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAnswer(value: JsonRecord): value is JsonRecord & { data: JsonRecord } {
  return typeof value.statusCode === "number" && isRecord(value.data);
}

function without(value: JsonRecord, names: ReadonlySet<string>): JsonRecord {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.has(name)));
}

function versionOf({ etag, file_version }: JsonRecord): string | null {
  if (typeof etag === "string") return etag;
  return typeof file_version === "number" ? `file:v${file_version}` : null;
}
