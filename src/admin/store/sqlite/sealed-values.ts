// What of the rows is sealed, what binds it to its row, and how it comes under another key.
import type { Database as File } from "bun:sqlite";
import type { SecretBox } from "../sealed.ts";
import type { documents } from "./schema.ts";

/** One damaged row is not another key; so many in a row are. */
const documentsTriedMax = 16;

interface SealedBody {
  readonly kind: string;
  readonly ownerId: string;
  readonly version: number;
  readonly body: Uint8Array;
}

/** Whether the key of a box opens the documents, in tables of any version; true when there are none. */
export function hasOwnKey(file: File, box: SecretBox): boolean {
  const tables = file.query("SELECT 1 FROM sqlite_master WHERE name = 'documents'");
  if (tables.get() === null) return true;
  const some = file
    .query<SealedBody, [number]>(
      "SELECT kind, owner_id AS ownerId, version, body FROM documents WHERE body IS NOT NULL LIMIT ?",
    )
    .all(documentsTriedMax);
  const opens = ({ kind, ownerId, version, body }: SealedBody) =>
    box.open(Buffer.from(body), sealContext("body", kind, ownerId, version)) !== null;
  return some.length === 0 || some.some(opens);
}

/** Null: there is nothing, or it does not open. */
export function opened(
  box: SecretBox,
  part: SealedPart,
  row: typeof documents.$inferSelect,
): Buffer | null {
  const sealed = row[part];
  if (sealed === null) return null;
  const context = sealContext(part, row.kind, row.ownerId, row.version);
  return box.open(Buffer.from(sealed), context);
}

/** What of a document is sealed. */
export type SealedPart = "body" | "hooks";

/** What binds a sealed part to its row. */
export function sealContext(
  part: SealedPart,
  kind: string,
  ownerId: string,
  version: number,
): string {
  return `document/${kind}/${ownerId}/${version}${part === "body" ? "" : `/${part}`}`;
}

/** The sealed parts of a row under another key. Throws when one does not open with the old one. */
export function resealDocument(
  row: typeof documents.$inferSelect,
  from: SecretBox,
  to: SecretBox,
): Record<SealedPart, Buffer | null> {
  const part = (name: SealedPart) => {
    if (row[name] === null) return null;
    const plain = opened(from, name, row);
    const context = sealContext(name, row.kind, row.ownerId, row.version);
    if (plain === null) throw new Error(`${context} does not open with this secret key`);
    return to.seal(plain, context);
  };
  return { body: part("body"), hooks: part("hooks") };
}

/** The same for the target of an alias. */
export function resealTarget(id: string, target: Buffer, from: SecretBox, to: SecretBox): Buffer {
  const context = targetContext(id);
  const plain = from.open(Buffer.from(target), context);
  if (plain === null) throw new Error(`${context} does not open with this secret key`);
  return to.seal(plain, context);
}

/** What binds a sealed target to its alias. */
export function targetContext(aliasId: string): string {
  return `alias/${aliasId}/target`;
}
