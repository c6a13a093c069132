// Whether what a reader of changes knows is still true of the database.
import { type Lineage, lineageOf } from "../../policy/lineage.ts";
import type { ChangeCursor } from "./records.ts";

/** Where to read from: after the cursor's revision; after 0, which is everything, when nothing that the reader knows is certain. */
export function readFrom(
  cursor: number | ChangeCursor,
  {
    revision: last,
    lineages,
  }: { readonly revision: number; readonly lineages: readonly Lineage[] },
): number {
  if (typeof cursor === "number") return cursor;
  const { revision, lineage } = cursor;
  return revision <= last && lineageOf(lineages, revision) === lineage ? revision : 0;
}
