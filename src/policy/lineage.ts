// Whose revisions are whose: a database that lost commits, or was restored, gives numbers twice, but never under one tag.

/** The revisions after `fromRevision`, up to that of the next lineage, were made under this tag. */
export interface Lineage {
  readonly fromRevision: number | bigint;
  /** Random; 16 hex digits. */
  readonly tag: string;
}

/** A database that has no lineage for a revision: an earlier version of the program made it, or it is too long ago. */
export const NO_LINEAGE = "";

/** The tag of a revision, by lineages in the order of their first revisions. */
export function lineageOf(lineages: readonly Lineage[], revision: number | bigint): string {
  return lineages.findLast(({ fromRevision }) => fromRevision < revision)?.tag ?? NO_LINEAGE;
}
