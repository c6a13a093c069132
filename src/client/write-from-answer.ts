// What a caller writes from: a document as it is, or an answer that was read before (`{...answer}` included).

export interface Written {
  readonly body: unknown;
  /** The version that the body was made from, when it says so: `file:v<N>`. */
  readonly version: string | null;
}

/** What the server says about a document, not what the document says. */
const about: ReadonlySet<string> = new Set(["file_version", "etag", "schema_version", "warnings"]);
/** The envelope's own names. */
const envelope: ReadonlySet<string> = new Set([
  "statusCode",
  "message",
  "data",
  "etag",
  "revision",
]);

/** An answer becomes its `data`; what was spelled beside a spread answer replaces what was read. */
export function writtenFrom(given: unknown): Written {
  if (!isRecord(given)) return { body: given, version: null };
  if (!isAnswer(given)) return { body: without(given, about), version: versionOf(given) };
  const { data } = given;
  const body = { ...without(data, about), ...without(given, envelope) };
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
