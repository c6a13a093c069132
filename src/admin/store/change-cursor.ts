// Whether what a reader of changes knows is still true of the database.
import { lineageOf } from "../../policy/lineage.ts";
import type { ChangeCursor, ChangeRecords } from "./records.ts";

type Present = Pick<ChangeRecords, "revision" | "lineages">;

/** Where to read from: after the cursor's revision; after 0, which is everything, when nothing that the reader knows is certain. */
export function readFrom(
  cursor: number | ChangeCursor,
  { revision: last, lineages }: Present,
): number {
  if (typeof cursor === "number") return cursor;
  const { revision, lineage } = cursor;
  return revision <= last && lineageOf(lineages, revision) === lineage ? revision : 0;
}

/** The answer to a reader that wants no whole state, when only that would do. */
export function nothingOf(present: Present): ChangeRecords {
  return { ...present, isAll: true, projects: [], containers: [] };
}
