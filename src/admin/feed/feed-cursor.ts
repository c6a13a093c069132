/** A place in the history of a database; see Lineage. */
export interface FeedCursor {
  readonly revision: bigint;
  readonly lineage: string;
}

/** Null: nothing is known. Before the first revision there is nothing to know. */
export function cursorOf(cursor: FeedCursor | undefined): FeedCursor | null {
  if (cursor === undefined || cursor.revision <= 0n) return null;
  return { revision: cursor.revision, lineage: cursor.lineage };
}

export function isSameCursor(one: FeedCursor | null, other: FeedCursor | null): boolean {
  return one?.revision === other?.revision && one?.lineage === other?.lineage;
}
