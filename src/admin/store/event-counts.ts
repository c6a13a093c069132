// Counts of events, as a database groups them.
import type { EventCounts, EventResource } from "./event-records.ts";

/** Events of one kind and kind of resource. */
interface CountedRow {
  readonly kind: string;
  readonly resourceKind: string | null;
  readonly n: number;
  readonly oldest: string | null;
  readonly newest: string | null;
}

export function countsOf(rows: readonly CountedRow[]): EventCounts {
  const oldest = rows.flatMap((row) => row.oldest ?? []).toSorted();
  const newest = rows.flatMap((row) => row.newest ?? []).toSorted();
  return {
    counts: rows.map(({ kind, resourceKind, n }) => ({
      kind,
      resourceKind: resourceKind as EventResource | null,
      n,
    })),
    oldest: oldest[0] ?? null,
    newest: newest.at(-1) ?? null,
  };
}
