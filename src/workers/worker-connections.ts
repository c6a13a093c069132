// Connections at all gate processes: what those say that answer, and which do not.
import type { WorkerProcess } from "./worker-process.ts";

/** What was asked of all processes that serve. */
export interface Gathered<Answer> {
  readonly answers: readonly Answer[];
  /** Those that did not answer, for people. */
  readonly missing: readonly string[];
}

/** Asks every live process at once; those that hang are not waited for longer than a call takes. */
type AskAll = <Answer>(
  ask: (worker: WorkerProcess) => Promise<Answer>,
) => Promise<Gathered<Answer>>;

export function connectionsOf(askAll: AskAll) {
  return {
    /** The first `limit`, oldest first. `group` null: all. */
    async list(container: string, group: string | null, limit: number) {
      const asked = { container, group, limit };
      const { answers, missing } = await askAll((worker) => worker.ask("list", asked));
      const connections = answers
        .flatMap((list) => list.connections)
        .sort((one, other) => one.sinceMs - other.sinceMs);
      const total = answers.reduce((sum, list) => sum + list.total, 0);
      return { connections: connections.slice(0, limit), total, missing };
    },

    async end(container: string, id: string) {
      const { answers, missing } = await askAll((worker) => worker.ask("end", { container, id }));
      return { ended: answers.filter(Boolean).length, missing };
    },

    async endOfGroup(container: string, group: string) {
      const asked = { container, group };
      const { answers, missing } = await askAll((worker) => worker.ask("endOfGroup", asked));
      return { ended: answers.reduce((sum, each) => sum + each, 0), missing };
    },
  };
}
