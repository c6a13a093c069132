// What of the rows is sealed, and what binds it to its row.
import type { Database as File } from "bun:sqlite";
import type { ValueBox } from "../sealed.ts";
import { type SealedPart, sealContext, targetContext } from "../sealed-context.ts";
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
export function hasOwnKey(file: File, box: ValueBox): boolean {
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

/** How many values none of the keys opens. */
export function countUnreadable(file: File, box: ValueBox): number {
  const isLost = (sealed: Uint8Array | null, context: string) =>
    sealed !== null && box.open(Buffer.from(sealed), context) === null;
  let count = 0;
  const rows = file.query<SealedBody & { readonly hooks: Uint8Array | null }, []>(
    "SELECT kind, owner_id AS ownerId, version, body, hooks FROM documents",
  );
  for (const { kind, ownerId, version, body, hooks } of rows.iterate()) {
    const context = (part: SealedPart) => sealContext(part, kind, ownerId, version);
    if (isLost(body, context("body")) || isLost(hooks, context("hooks"))) count++;
  }
  const targets = file.query<{ readonly id: string; readonly target: Uint8Array | null }, []>(
    "SELECT id, sealed_target AS target FROM aliases",
  );
  for (const { id, target } of targets.iterate()) if (isLost(target, targetContext(id))) count++;
  return count;
}

/** Null: there is nothing, or it does not open. */
export function opened(
  box: ValueBox,
  part: SealedPart,
  row: typeof documents.$inferSelect,
): Buffer | null {
  const sealed = row[part];
  if (sealed === null) return null;
  const context = sealContext(part, row.kind, row.ownerId, row.version);
  return box.open(Buffer.from(sealed), context);
}
