// Containers.
import {
  and,
  asc,
  count,
  desc,
  eq,
  exists,
  getTableColumns,
  inArray,
  type SQL,
  sql,
} from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { newId } from "../../id.ts";
import type {
  Container,
  ContainerColumn,
  NewContainer,
  Page,
  PageQuery,
  Scope,
} from "../records.ts";
import { aliases, containerRealms, containers, documents, projects, servers } from "../schema.ts";
import type { ContainerStore } from "../store.ts";
import { type Database, recordChange, type Transaction } from "./database.ts";
import { containerInScope, projectInRealms, projectInScope, withRealm } from "./scope.ts";

export function containerStore(db: Database): ContainerStore {
  return {
    async createContainer(
      scope: Scope,
      container: NewContainer,
    ): Promise<{ container: Container; revision: number } | "no_project" | "quota" | "duplicate"> {
      const { projectId, name } = container;
      const made = db.transaction((tx) => {
        const project = tx
          .select()
          .from(projects)
          .where(and(eq(projects.id, projectId), projectInScope(db.reader, scope)))
          .get();
        if (project === undefined) return "no_project";
        const present =
          tx
            .select({ n: count() })
            .from(containers)
            .where(eq(containers.projectId, projectId))
            .get()?.n ?? 0;
        if (project.maxContainers !== null && present >= project.maxContainers) return "quota";
        const realmIds = withRealm(container.realmIds, scope.realmId);
        if (nameTaken(tx, projectId, name, realmIds)) return "duplicate";
        const now = db.timestamp();
        const row = {
          ...container,
          id: newId(),
          status: "running",
          programs: JSON.stringify(container.programs),
          createdAt: now,
          updatedAt: now,
        };
        tx.insert(containers).values(row).run();
        if (realmIds.length > 0) {
          const rows = realmIds.map((realmId) => ({ containerId: row.id, realmId }));
          tx.insert(containerRealms).values(rows).run();
        }
        return { id: row.id, revision: recordChange(tx, { kind: "container", id: row.id }) };
      });
      if (typeof made === "string") return made;
      db.announce(made.revision);
      const stored = readContainer(db, scope, made.id);
      if (stored === null) throw new Error(`container ${made.id} was not stored`);
      return { container: stored, revision: made.revision };
    },

    async container(scope: Scope, id: string): Promise<Container | null> {
      return readContainer(db, scope, id);
    },

    async containers(
      scope: Scope,
      query: PageQuery<ContainerColumn> & { readonly projectId: string | null },
    ): Promise<Page<Container>> {
      const where = and(
        containerInScope(db.reader, scope),
        query.projectId === null ? undefined : eq(containers.projectId, query.projectId),
      );
      const columns = {
        created_at: containers.createdAt,
        id: containers.id,
        name: containers.name,
        status: containers.status,
        updated_at: containers.updatedAt,
      } satisfies Record<ContainerColumn, unknown>;
      const order = query.sortOrder === "asc" ? asc : desc;
      const items = readContainers(db, scope, where, {
        orderBy: [order(columns[query.sortBy]), order(containers.id)],
        limit: query.limit,
        offset: (query.page - 1) * query.limit,
      });
      const total =
        db.reader
          .select({ n: count() })
          .from(containers)
          .innerJoin(projects, eq(projects.id, containers.projectId))
          .where(where)
          .get()?.n ?? 0;
      return { items, total };
    },
  };
}

/** Two containers of one project share a name only while no realm, nor the unscoped space, holds both. */
function nameTaken(
  tx: Transaction,
  projectId: string,
  name: string,
  realmIds: readonly string[],
): boolean {
  const realmsOfContainer = tx
    .select({ realmId: containerRealms.realmId })
    .from(containerRealms)
    .where(eq(containerRealms.containerId, containers.id));
  const shared =
    realmIds.length === 0
      ? sql`not exists ${realmsOfContainer}`
      : exists(
          tx
            .select({ one: sql`1` })
            .from(containerRealms)
            .where(
              and(
                eq(containerRealms.containerId, containers.id),
                inArray(containerRealms.realmId, [...realmIds]),
              ),
            ),
        );
  const where = and(eq(containers.projectId, projectId), eq(containers.name, name), shared);
  return tx.select({ id: containers.id }).from(containers).where(where).get() !== undefined;
}

function readContainer(db: Database, scope: Scope, id: string): Container | null {
  const where = and(eq(containers.id, id), containerInScope(db.reader, scope));
  return readContainers(db, scope, where)[0] ?? null;
}

function readContainers(
  db: Database,
  scope: Scope,
  where: SQL | undefined,
  page?: { orderBy: SQL[]; limit: number; offset: number },
): Container[] {
  const own = alias(documents, "own");
  const ofProject = alias(documents, "of_project");
  const projectVisible = projectInRealms(db.reader, scope.realms) ?? sql`1`;
  const aliasCount = db.reader
    .select({ n: count() })
    .from(aliases)
    .where(eq(aliases.containerId, containers.id));
  let query = db.reader
    .select({
      ...getTableColumns(containers),
      // What the scope does not hold of the project is not told through the container.
      projectAlias: sql<string | null>`case when ${projectVisible} then ${projects.alias} end`,
      serverName: servers.name,
      hasOwnDocument: sql<number>`${own.body} is not null`,
      hasProjectDocument: sql<number>`${projectVisible} and ${ofProject.body} is not null`,
      aliasCount: sql<number>`${aliasCount}`,
    })
    .from(containers)
    .innerJoin(projects, eq(projects.id, containers.projectId))
    .innerJoin(servers, eq(servers.id, containers.serverId))
    .leftJoin(own, and(eq(own.kind, "container"), eq(own.ownerId, containers.id)))
    .leftJoin(ofProject, and(eq(ofProject.kind, "project"), eq(ofProject.ownerId, projects.id)))
    .where(where)
    .$dynamic();
  if (page !== undefined) {
    query = query
      .orderBy(...page.orderBy)
      .limit(page.limit)
      .offset(page.offset);
  }
  const rows = query.all();
  const realms = db.reader
    .select({ owner: containerRealms.containerId, realmId: containerRealms.realmId })
    .from(containerRealms)
    .where(
      inArray(
        containerRealms.containerId,
        rows.map(({ id }) => id),
      ),
    )
    .orderBy(containerRealms.realmId)
    .all();
  const byOwner = Map.groupBy(realms, ({ owner }) => owner);
  return rows.map((row) => ({
    ...row,
    programs: JSON.parse(row.programs),
    hasOwnDocument: Boolean(row.hasOwnDocument),
    hasProjectDocument: Boolean(row.hasProjectDocument),
    realmIds: (byOwner.get(row.id) ?? []).map(({ realmId }) => realmId),
  }));
}
