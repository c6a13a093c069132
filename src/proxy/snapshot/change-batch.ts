// What a source of changes answers, in parts: of a large installation the whole is never held as messages.
import type { Changes } from "../../../proto/gen/realmgate/v1/feed_pb.ts";

/** States and the documents that they name. */
export type ChangePart = Pick<Changes, "projects" | "containers" | "documents">;

/** Where in the history of a database a state is. */
export type Place = Pick<Changes, "revision" | "lineages">;

/** The changes up to one revision. The parts can be read more than once; of an entity that comes twice the last state counts. */
export interface ChangeBatch extends Place {
  /** Everything there is: nothing that the reader knew before is left. */
  readonly all: boolean;
  readonly parts: Iterable<ChangePart>;
}

export function batchOf(changes: Changes | ChangeBatch): ChangeBatch {
  if ("parts" in changes) return changes;
  const { revision, lineages, all } = changes;
  return { revision, lineages, all, parts: [changes] };
}
