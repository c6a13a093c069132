// Blocks of entries, the unit that is stored, and what of the log they count against.

/**
 * Entries of one container that count alike when the log is full. `passed`: let through; `refused`: refused by the gate, so that
 * who is refused displaces no one who was let through; `unrouted`: for a container that is not there, of which outsiders can make
 * up any number.
 */
export type BlockKind = "passed" | "refused" | "unrouted";

/** Entries of one container, in the order in which they ended. */
export interface EntryBlock {
  readonly kind: BlockKind;
  readonly project: string;
  readonly container: string;
  readonly rows: number;
  /** Unix milliseconds at which the first of them arrived, and the last ended. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Request ids, one after the other, in hex. */
  readonly ids: string;
  /** JSON of their columns, in the same order. */
  readonly text: string;
}

/** What is evicted together: all unrouted entries are one. */
export function bucketOf({ kind, container }: Pick<EntryBlock, "kind" | "container">): string {
  return kind === "unrouted" ? kind : `${container} ${kind}`;
}
