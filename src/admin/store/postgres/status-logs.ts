// The status of containers, and what became of it.
import { and, desc, eq, getTableColumns, sql } from "drizzle-orm";
import { newId } from "../id.ts";
import { statusLogsMax } from "../limits.ts";
import type { ListPage, PageQuery, StatusLogColumn } from "../paging.ts";
import type { Committed, Scope, StatusLog, StoredContainer } from "../records.ts";
import type { ContainerStore } from "../store.ts";
import { readContainer } from "./container-rows.ts";
import { countOf, type Database, recordChange } from "./database.ts";
import { cutPage, pageOf, sequenceOf } from "./page.ts";
import { containers, statusLogs } from "./schema.ts";
import type { Transaction } from "./transaction.ts";

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

const { sequence: _, ...columns } = getTableColumns(statusLogs);

/** Rises with each log, also where the clock does not. */
const sequence = sequenceOf(statusLogs);

export function statusStore(db: Database): StatusStore {
  return {
    async moveStatus(
      scope: Scope,
      id: string,
      { operation, from, to }: { operation: string; from: readonly string[]; to: string },
    ): Promise<({ container: StoredContainer } & Committed) | "conflict" | null> {
      return db.write(async (tx) => {
        const container = await readContainer(tx, scope, id);
        if (container === null) return null;
        if (!from.includes(container.status)) return "conflict";
        const now = db.timestamp();
        const moved = { status: to, updatedAt: now };
        await tx.update(containers).set(moved).where(eq(containers.id, id));
        await addStatusLog(tx, {
          containerId: id,
          fromStatus: container.status,
          toStatus: to,
          transitionTime: now,
          durationMs: Math.max(0, Date.parse(now) - Date.parse(await statusSince(tx, container))),
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
      if ((await readContainer(db.reader, scope, id)) === null) return null;
      const ofContainer = eq(statusLogs.containerId, id);
      const select = db.reader.select(columns).from(statusLogs).$dynamic();
      const rows = await pageOf(select, ofContainer, sorted, query);
      const page = await cutPage(db.reader, rows, sorted, query);
      return { ...page, total: await countOf(db.reader, statusLogs, ofContainer) };
    },
  };
}

/** Adds a log and forgets the oldest beyond what is kept. */
export async function addStatusLog(tx: Transaction, log: Omit<StatusLog, "id">): Promise<void> {
  await tx.insert(statusLogs).values({ ...log, id: newId() });
  const ofContainer = eq(statusLogs.containerId, log.containerId);
  const lastForgotten = tx
    .select({ sequence })
    .from(statusLogs)
    .where(ofContainer)
    .orderBy(desc(sequence))
    .limit(1)
    .offset(statusLogsMax);
  await tx.delete(statusLogs).where(and(ofContainer, sql`${sequence} <= ${lastForgotten}`));
}

/** Since when a container has its status; its creation where no log says more. */
async function statusSince(tx: Transaction, { id, createdAt }: StoredContainer): Promise<string> {
  const latest = (
    await tx
      .select({ at: statusLogs.transitionTime })
      .from(statusLogs)
      .where(eq(statusLogs.containerId, id))
      .orderBy(desc(sequence))
      .limit(1)
  )[0];
  return latest?.at ?? createdAt;
}
