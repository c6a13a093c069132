// Projects.
import { and, asc, count, desc, eq, exists, inArray, sql } from "drizzle-orm";
import { newId } from "../../id.ts";
import type { NewProject, Page, PageQuery, Project, ProjectColumn, Scope } from "../records.ts";
import { projectRealms, projects } from "../schema.ts";
import type { ProjectStore } from "../store.ts";
import { type Database, recordChange, type Transaction } from "./database.ts";
import { projectInScope, withRealm } from "./scope.ts";

export function projectStore(db: Database): ProjectStore {
  return {
    async createProject(
      scope: Scope,
      project: NewProject,
    ): Promise<({ project: Project } & Made) | "duplicate"> {
      const made = db.transaction((tx) => {
        const realmIds = withRealm(project.realmIds, scope.realmId);
        if (aliasTaken(tx, scope.userId, project.alias, realmIds)) return "duplicate";
        const now = db.timestamp();
        const row = {
          ...project,
          id: newId(),
          userId: scope.userId,
          isDefault: false,
          createdAt: now,
          updatedAt: now,
        };
        tx.insert(projects).values(row).run();
        if (realmIds.length > 0) {
          const rows = realmIds.map((realmId) => ({ projectId: row.id, realmId }));
          tx.insert(projectRealms).values(rows).run();
        }
        return {
          project: { ...row, realmIds },
          revision: recordChange(tx, { kind: "project", id: row.id }),
        };
      });
      if (made !== "duplicate") db.announce(made.revision);
      return made;
    },

    async project(scope: Scope, id: string): Promise<Project | null> {
      const where = and(eq(projects.id, id), projectInScope(db.reader, scope));
      const row = db.reader.select().from(projects).where(where).get();
      return row === undefined ? null : (withRealms(db, [row])[0] ?? null);
    },

    async projects(scope: Scope, query: PageQuery<ProjectColumn>): Promise<Page<Project>> {
      const where = projectInScope(db.reader, scope);
      const columns = {
        created_at: projects.createdAt,
        id: projects.id,
        alias: projects.alias,
        updated_at: projects.updatedAt,
      } satisfies Record<ProjectColumn, unknown>;
      const order = query.sortOrder === "asc" ? asc : desc;
      const rows = db.reader
        .select()
        .from(projects)
        .where(where)
        .orderBy(order(columns[query.sortBy]), order(projects.id))
        .limit(query.limit)
        .offset((query.page - 1) * query.limit)
        .all();
      const total = db.reader.select({ n: count() }).from(projects).where(where).get()?.n ?? 0;
      return { items: withRealms(db, rows), total };
    },
  };
}

/** Two projects of one owner share an alias only while no realm, nor the unscoped space, holds both. */
function aliasTaken(
  tx: Transaction,
  userId: string,
  name: string,
  realmIds: readonly string[],
): boolean {
  const realmsOfProject = tx
    .select({ realmId: projectRealms.realmId })
    .from(projectRealms)
    .where(eq(projectRealms.projectId, projects.id));
  const shared =
    realmIds.length === 0
      ? sql`not exists ${realmsOfProject}`
      : exists(
          tx
            .select({ one: sql`1` })
            .from(projectRealms)
            .where(
              and(
                eq(projectRealms.projectId, projects.id),
                inArray(projectRealms.realmId, [...realmIds]),
              ),
            ),
        );
  const where = and(eq(projects.userId, userId), eq(projects.alias, name), shared);
  return tx.select({ id: projects.id }).from(projects).where(where).get() !== undefined;
}

function withRealms(db: Database, rows: readonly Omit<Project, "realmIds">[]): Project[] {
  const ids = rows.map(({ id }) => id);
  const realms = db.reader
    .select({ owner: projectRealms.projectId, realmId: projectRealms.realmId })
    .from(projectRealms)
    .where(inArray(projectRealms.projectId, ids))
    .orderBy(projectRealms.realmId)
    .all();
  const byOwner = Map.groupBy(realms, ({ owner }) => owner);
  return rows.map((row) => ({
    ...row,
    realmIds: (byOwner.get(row.id) ?? []).map(({ realmId }) => realmId),
  }));
}
