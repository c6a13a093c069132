// What a caller may do with a resource.
import { and, eq, type SQL, sql } from "drizzle-orm";
import { ProjectLevel } from "../../../../proto/gen/realmgate/v1/options_pb.ts";
import type { AccessRecord, ResourceKey, Scope } from "../records.ts";
import type { AccessStore } from "../store.ts";
import type { Database } from "./database.ts";
import { isShared, scopedContainer, scopedProject } from "./realm-scoped.ts";
import { aliases, containers, members, projects } from "./schema.ts";
import { containerInScope, projectInScope } from "./scope.ts";

export function accessStore(db: Database): AccessStore {
  return {
    async access(scope: Scope, { kind, id }: ResourceKey): Promise<AccessRecord | null> {
      const reader = db.reader;
      const visible = { ...scope, level: ProjectLevel.READ };
      const level = sql<ProjectLevel>`case when ${projects.userId} = ${scope.userId}
        then ${ProjectLevel.DELETE} else coalesce(${members.level}, 0) end`;
      const membership = and(eq(members.projectId, projects.id), eq(members.userId, scope.userId));
      const row =
        kind === "project"
          ? (
              await reader
                .select({ level, shared: isShared(reader, scopedProject, scope.confinedTo) })
                .from(projects)
                .leftJoin(members, membership)
                .where(and(eq(projects.id, id), projectInScope(reader, visible)))
            )[0]
          : (
              await reader
                .select({ level, shared: isShared(reader, scopedContainer, scope.confinedTo) })
                .from(containers)
                .innerJoin(projects, eq(projects.id, containers.projectId))
                .leftJoin(members, membership)
                .where(and(containerNamed(db, kind, id), containerInScope(reader, visible)))
            )[0];
      return row === undefined ? null : { level: row.level, shared: Boolean(row.shared) };
    },
  };
}

/** The container itself, or the one that an alias leads to. */
function containerNamed(db: Database, kind: "container" | "alias", id: string): SQL {
  if (kind === "container") return eq(containers.id, id);
  const named = db.reader
    .select({ id: aliases.containerId })
    .from(aliases)
    .where(eq(aliases.id, id));
  return eq(containers.id, named);
}
