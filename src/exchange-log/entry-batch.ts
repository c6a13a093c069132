// Batches of entries, the unit that is stored, and what of the log they count against.

/**
 * Entries of one container that count alike when the log is full. `passed`: let through; `refused`: refused by the gate, so that
 * who is refused displaces no one who was let through; `unrouted`: for a container that is not there, of which outsiders can make
 * up any number.
 */
export type EntryKind = (typeof ENTRY_KINDS)[number];

export const ENTRY_KINDS = ["passed", "refused", "unrouted"] as const;

/** Whose entries they are. */
export interface EntryPlace {
  readonly kind: EntryKind;
  readonly project: string;
  readonly container: string;
}

/** Entries in the order in which they ended. */
export interface EntryBatch {
  /** Whose they are; each has some. */
  readonly places: readonly EntryPlace[];
  readonly rows: number;
  /** Unix milliseconds at which the first of them arrived, and the last ended. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Request ids, one after the other, in hex. */
  readonly ids: string;
  /** JSON of their columns, in the same order. */
  readonly text: string;
}

/** What is read together, in the order of ids. */
export function streamOf({ kind, container }: Omit<EntryPlace, "project">): string {
  return `${container} ${kind}`;
}

/** What is evicted together: all unrouted entries are one. */
export function bucketOf(place: EntryPlace): string {
  return place.kind === "unrouted" ? place.kind : streamOf(place);
}
