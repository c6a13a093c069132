// What a source of changes answers, in parts: of a large installation the whole is never held as messages.
import type {
  Changes,
  ContainerState,
  DocumentContent,
  ProjectState,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { FileRecord } from "./file-record.ts";

/** States and the documents that they name. Each may be decoded only when it is its turn, which may throw. */
export interface ChangePart {
  readonly projects: Iterable<ProjectState>;
  readonly containers: Iterable<ContainerState>;
  readonly documents: Iterable<DocumentContent>;
  /** The same as they came encoded, documents first; absent: they did not. The bytes may be a piece of many more. */
  readonly records?: Iterable<FileRecord>;
}

/** Where in the history of a database a state is. */
export type Place = Pick<Changes, "revision" | "lineages">;

/** The changes up to one revision. The parts can be read more than once; of an entity that comes twice the last state counts. */
export interface ChangeBatch extends Place {
  /** Everything there is: nothing that the reader knew before is left. */
  readonly all: boolean;
  readonly parts: Iterable<ChangePart>;
  /** How many projects and containers are in it; null: it may be so many that one must not go through all parts at once. */
  readonly states: number | null;
}

export function batchOf(changes: Changes | ChangeBatch): ChangeBatch {
  if ("parts" in changes) return changes;
  const { revision, lineages, all, projects, containers } = changes;
  const states = projects.length + containers.length;
  return { revision, lineages, all, parts: [changes], states };
}

/** Ids of what changed. */
export interface Changed {
  readonly projects: readonly string[];
  readonly containers: readonly string[];
}

/** The same batch; `changed` has what its parts change as soon as they were read. */
export function noted(batch: ChangeBatch): {
  readonly batch: ChangeBatch;
  readonly changed: Changed;
} {
  const changed = { projects: [] as string[], containers: [] as string[] };
  function* parts(): Generator<ChangePart> {
    for (const { projects, containers, documents } of batch.parts) {
      yield {
        projects: noting(projects, changed.projects),
        containers: noting(containers, changed.containers),
        documents,
      };
    }
  }
  return { batch: { ...batch, parts: { [Symbol.iterator]: parts } }, changed };
}

/** The same states; the id of each is added as it is taken. */
function* noting<State extends { readonly id: string }>(
  states: Iterable<State>,
  ids: string[],
): Generator<State> {
  for (const state of states) {
    ids.push(state.id);
    yield state;
  }
}
