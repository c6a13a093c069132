// Containers as they are read, and who has a name.
import { and, count, eq, exists, getTableColumns, inArray, ne, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import type { Container, Scope } from "../records.ts";
import { aliases, containerRealms, containers, documents, projects, servers } from "../schema.ts";
import type { Reader, Transaction } from "./database.ts";
import { containerInScope, projectInRealms } from "./scope.ts";

/** Null: it does not exist in this scope. */
export function readContainer(reader: Reader, scope: Scope, id: string): Container | null {
  const where = and(eq(containers.id, id), containerInScope(reader, scope));
  return readContainers(reader, scope, where)[0] ?? null;
}

/** One that was just written, whether or not it is still in the realms asked for. */
export function writtenContainer(tx: Transaction, scope: Scope, id: string): Container {
  const [container] = readContainers(tx, scope, eq(containers.id, id));
  if (container === undefined) throw new Error(`container ${id} was not stored`);
  return container;
}

/** `scope` says what is told of the projects. */
export function readContainers(
  reader: Reader,
  scope: Scope,
  where: SQL | undefined,
  page?: { readonly orderBy: SQL[]; readonly limit: number; readonly offset: number },
): Container[] {
  const own = alias(documents, "own");
  const ofProject = alias(documents, "of_project");
  const projectVisible = projectInRealms(reader, scope.realms) ?? sql`1`;
  const aliasCount = reader
    .select({ n: count() })
    .from(aliases)
    .where(eq(aliases.containerId, containers.id));
  let query = reader
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
  const realms = realmsOf(
    reader,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => ({
    ...row,
    programs: JSON.parse(row.programs),
    hasOwnDocument: Boolean(row.hasOwnDocument),
    hasProjectDocument: Boolean(row.hasProjectDocument),
    realmIds: realms.get(row.id) ?? [],
  }));
}

/** The realms of each container, sorted. */
export function realmsOf(reader: Reader, ids: readonly string[]): Map<string, string[]> {
  const rows = reader
    .select({ owner: containerRealms.containerId, realmId: containerRealms.realmId })
    .from(containerRealms)
    .where(inArray(containerRealms.containerId, [...ids]))
    .orderBy(containerRealms.realmId)
    .all();
  const realms = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { owner, realmId } of rows) realms.get(owner)?.push(realmId);
  return realms;
}

/**
 * Whether another container of the project has the name. Two share one only while no realm, nor the unscoped space, holds
 * both.
 */
export function nameTaken(
  tx: Transaction,
  { id, projectId, name }: Pick<Container, "projectId" | "name"> & { readonly id?: string },
  realmIds: readonly string[],
): boolean {
  const realms = tx
    .select({ one: sql`1` })
    .from(containerRealms)
    .where(
      and(
        eq(containerRealms.containerId, containers.id),
        realmIds.length === 0 ? undefined : inArray(containerRealms.realmId, [...realmIds]),
      ),
    );
  const where = and(
    eq(containers.projectId, projectId),
    eq(containers.name, name),
    id === undefined ? undefined : ne(containers.id, id),
    realmIds.length === 0 ? sql`not ${exists(realms)}` : exists(realms),
  );
  return tx.select({ id: containers.id }).from(containers).where(where).get() !== undefined;
}
