// What a caller writes from: a document as it is, or an answer that was read before (`{...answer}` included).

export interface WriteSource {
  readonly body: unknown;
  /** The version that the body was made from, when it says so: `file:v<N>`. */
  readonly version: string | null;
}

/** Fields that the server adds to a document it answers with; they are not part of what can be written. */
export const documentMetadata: ReadonlySet<string> = new Set([
  "file_version",
  "etag",
  "schema_version",
  "warnings",
]);
/** The envelope's own names. */
const envelope: ReadonlySet<string> = new Set([
  "statusCode",
  "message",
  "data",
  "etag",
  "revision",
]);

/** An answer becomes its `data`; what was spelled beside a spread answer replaces what was read. */
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
