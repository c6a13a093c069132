// Connections at all gate processes: what those say that answer, and which do not.
import { CallFailed } from "./channel.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** Asks every live process at once. */
type AskAll = <Answer>(ask: (worker: WorkerProcess) => Promise<Answer>) => Promise<Answer[]>;

/** Answers of those that hang are not waited for longer than a call takes; they are named. */
export function connectionsOf(askAll: AskAll) {
  async function answersTo<Answer>(ask: (worker: WorkerProcess) => Promise<Answer>) {
    const missing: string[] = [];
    const answers = await askAll(async (worker) => {
      try {
        return [await ask(worker)];
      } catch {
        if (!worker.isGone) missing.push(`gate process ${worker.slot}`);
        return [];
      }
    });
    return { answers: answers.flat(), missing };
  }

  return {
    /** The first `limit`, oldest first. `group` null: all. */
    async list(container: string, group: string | null, limit: number) {
      const asked = { container, group, limit };
      const { answers, missing } = await answersTo((worker) => worker.ask("list", asked));
      const connections = answers
        .flatMap((list) => list.connections)
        .sort((one, other) => one.sinceMs - other.sinceMs);
      const total = answers.reduce((sum, list) => sum + list.total, 0);
      return { connections: connections.slice(0, limit), total, missing };
    },

    /** Whether it was there. Throws CallFailed when it may be where nobody answers. */
    async end(container: string, id: string): Promise<boolean> {
      const asked = { container, id };
      const { answers, missing } = await answersTo((worker) => worker.ask("end", asked));
      if (answers.includes(true)) return true;
      if (missing.length > 0) throw new CallFailed(`no answer: ${missing.join()}`, null);
      return false;
    },

    async endOfGroup(container: string, group: string) {
      const asked = { container, group };
      const { answers, missing } = await answersTo((worker) => worker.ask("endOfGroup", asked));
      return { ended: answers.reduce((sum, each) => sum + each, 0), missing };
    },
  };
}
