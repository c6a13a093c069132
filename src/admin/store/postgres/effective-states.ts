// What of a container is open to whom, as the proxy will know it, read in a caller's scope.
import { and, count, eq, isNotNull } from "drizzle-orm";
import type { DependentContainers, EffectiveState, Scope } from "../records.ts";
import type { EffectiveStateStore } from "../store.ts";
import { aliasRecordsOf } from "./change-records.ts";
import { readContainer } from "./container-rows.ts";
import type { Database } from "./database.ts";
import { readDocument } from "./documents.ts";
import { containers, documents, projects } from "./schema.ts";
import { containerInScope } from "./scope.ts";

export function effectiveStateStore(db: Database): EffectiveStateStore {
  return {
    async effectiveState(scope: Scope, containerId: string): Promise<EffectiveState | null> {
      return db.look(async (tx) => {
        const container = await readContainer(tx, scope, containerId);
        const view = await readDocument(db, tx, scope, { kind: "container", id: containerId });
        if (container === null || view === null) return null;
        const { projectId, serverName, status, address, programs } = container;
        const { enableProxy, body, hooks } = view.state;
        const aliases = await aliasRecordsOf(db, tx, containerId);
        const placed = { projectId, serverName, status, address, programs };
        return {
          container: { ...placed, enableProxy, body, hooks, aliases },
          own: view.state,
          project: view.projectState,
        };
      });
    },

    async followers(scope: Scope, projectId: string): Promise<DependentContainers> {
      const own = and(
        eq(documents.kind, "container"),
        eq(documents.ownerId, containers.id),
        isNotNull(documents.body),
      );
      const found = (
        await db.reader
          .select({ containers: count(), withOwn: count(documents.ownerId) })
          .from(containers)
          .innerJoin(projects, eq(projects.id, containers.projectId))
          .leftJoin(documents, own)
          .where(and(eq(containers.projectId, projectId), containerInScope(db.reader, scope)))
      )[0];
      const { containers: all = 0, withOwn = 0 } = found ?? {};
      return { containers: all, following: all - withOwn };
    },
  };
}
