// The status of containers, and what became of it.
import { and, desc, eq, sql } from "drizzle-orm";
import { newId } from "../id.ts";
import { statusLogsMax } from "../limits.ts";
import type { ListPage, PageQuery, StatusLogColumn } from "../paging.ts";
import type { Committed, Scope, StatusLog, StoredContainer } from "../records.ts";
import type { ContainerStore } from "../store.ts";
import { readContainer } from "./container-rows.ts";
import { countOf, type Database, recordChange, type Transaction } from "./database.ts";
import { cutPage, pageOf, sequenceOf } from "./page.ts";
import { containers, statusLogs } from "./schema.ts";

export type StatusStore = Pick<ContainerStore, "moveStatus" | "statusLogs">;

const sorted = {
  table: statusLogs,
  columns: {
    transition_time: statusLogs.transitionTime,
    created_at: statusLogs.transitionTime,
    to_status: statusLogs.toStatus,
    from_status: statusLogs.fromStatus,
  } satisfies Record<StatusLogColumn, unknown>,
};

/** Rises with each log, also where the clock does not. */
const sequence = sequenceOf(statusLogs);

export function statusStore(db: Database): StatusStore {
  return {
    async moveStatus(
      scope: Scope,
      id: string,
      { operation, from, to }: { operation: string; from: readonly string[]; to: string },
    ): Promise<({ container: StoredContainer } & Committed) | "conflict" | null> {
      return db.write((tx) => {
        const container = readContainer(tx, scope, id);
        if (container === null) return null;
        if (!from.includes(container.status)) return "conflict";
        const now = db.timestamp();
        const moved = { status: to, updatedAt: now };
        tx.update(containers).set(moved).where(eq(containers.id, id)).run();
        addStatusLog(tx, {
          containerId: id,
          fromStatus: container.status,
          toStatus: to,
          transitionTime: now,
          durationMs: Math.max(0, Date.parse(now) - Date.parse(statusSince(tx, container))),
          triggeredBy: "manual_operation",
          operation,
        });
        const revision = recordChange(tx, { kind: "container", id });
        return { container: { ...container, ...moved }, revision };
      });
    },

    async statusLogs(
      scope: Scope,
      id: string,
      query: PageQuery<StatusLogColumn>,
    ): Promise<ListPage<StatusLog> | null> {
      if (readContainer(db.reader, scope, id) === null) return null;
      const ofContainer = eq(statusLogs.containerId, id);
      const select = db.reader.select().from(statusLogs).$dynamic();
      const rows = pageOf(select, ofContainer, sorted, query).all();
      const page = cutPage(db.reader, rows, sorted, query);
      return { ...page, total: countOf(db.reader, statusLogs, ofContainer) };
    },
  };
}

/** Adds a log and forgets the oldest beyond what is kept. */
export function addStatusLog(tx: Transaction, log: Omit<StatusLog, "id">): void {
  tx.insert(statusLogs)
    .values({ ...log, id: newId() })
    .run();
  const ofContainer = eq(statusLogs.containerId, log.containerId);
  const lastForgotten = tx
    .select({ sequence })
    .from(statusLogs)
    .where(ofContainer)
    .orderBy(desc(sequence))
    .limit(1)
    .offset(statusLogsMax);
  tx.delete(statusLogs)
    .where(and(ofContainer, sql`${sequence} <= ${lastForgotten}`))
    .run();
}

/** Since when a container has its status; its creation where no log says more. */
function statusSince(tx: Transaction, { id, createdAt }: StoredContainer): string {
  const latest = tx
    .select({ at: statusLogs.transitionTime })
    .from(statusLogs)
    .where(eq(statusLogs.containerId, id))
    .orderBy(desc(sequence))
    .limit(1)
    .get();
  return latest?.at ?? createdAt;
}
