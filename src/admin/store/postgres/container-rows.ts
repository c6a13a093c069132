// Containers as they are read, and who has a name.
import { and, count, eq, getTableColumns, ne, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { ContainerColumn, ListPosition, PageQuery } from "../paging.ts";
import type { Scope, StoredContainer } from "../records.ts";
import { cutPage, pageOf } from "./page.ts";
import {
  carriesAll,
  isSeenAlongside,
  scopedContainer,
  scopedProject,
  withRealms,
} from "./realm-scoped.ts";
import { aliases, containers, documents, projects, servers } from "./schema.ts";
import { containerInScope } from "./scope.ts";
import type { Reader, Transaction } from "./transaction.ts";

/** Null: it does not exist in this scope. */
export async function readContainer(
  reader: Reader,
  scope: Scope,
  id: string,
): Promise<StoredContainer | null> {
  const where = and(eq(containers.id, id), containerInScope(reader, scope));
  return (await readContainers(reader, scope, where))[0] ?? null;
}

/** One that was just written, whether or not it is still in the realms asked for. */
export async function writtenContainer(
  tx: Transaction,
  scope: Scope,
  id: string,
): Promise<StoredContainer> {
  const [container] = await readContainers(tx, scope, eq(containers.id, id));
  if (container === undefined) throw new Error(`container ${id} was not stored`);
  return container;
}

const sorted = {
  table: containers,
  columns: {
    created_at: containers.createdAt,
    id: containers.id,
    name: containers.name,
    status: containers.status,
    updated_at: containers.updatedAt,
  } satisfies Record<ContainerColumn, unknown>,
};

/** `scope` says what is told of the projects. */
export async function readContainers(
  reader: Reader,
  scope: Scope,
  where: SQL | undefined,
): Promise<StoredContainer[]> {
  return await containersOf(reader, await selectContainers(reader, scope).where(where));
}

/** One page of them. */
export async function readContainerPage(
  reader: Reader,
  scope: Scope,
  where: SQL | undefined,
  query: PageQuery<ContainerColumn>,
): Promise<{ readonly items: StoredContainer[]; readonly next: ListPosition | null }> {
  const rows = await pageOf(selectContainers(reader, scope).$dynamic(), where, sorted, query);
  const { items, next } = await cutPage(reader, rows, sorted, query);
  return { items: await containersOf(reader, items), next };
}

function selectContainers(reader: Reader, scope: Scope) {
  const { sequence: _, ...columns } = getTableColumns(containers);
  const own = alias(documents, "own");
  const ofProject = alias(documents, "of_project");
  const projectVisible = carriesAll(reader, scopedProject, scope.realms) ?? sql`true`;
  const aliasCount = reader
    .select({ n: count() })
    .from(aliases)
    .where(eq(aliases.containerId, containers.id));
  return reader
    .select({
      ...columns,
      // What the scope does not hold of the project is not told through the container.
      projectAlias: sql<string | null>`case when ${projectVisible} then ${projects.alias} end`,
      serverName: servers.name,
      hasOwnDocument: sql<boolean>`${own.body} is not null`,
      hasProjectDocument: sql<boolean>`${projectVisible} and ${ofProject.body} is not null`,
      aliasCount: sql<number>`(${aliasCount})`.mapWith(Number),
    })
    .from(containers)
    .innerJoin(projects, eq(projects.id, containers.projectId))
    .innerJoin(servers, eq(servers.id, containers.serverId))
    .leftJoin(own, and(eq(own.kind, "container"), eq(own.ownerId, containers.id)))
    .leftJoin(ofProject, and(eq(ofProject.kind, "project"), eq(ofProject.ownerId, projects.id)));
}

type ContainerRow = Awaited<ReturnType<typeof selectContainers>>[number];

async function containersOf(
  reader: Reader,
  rows: readonly ContainerRow[],
): Promise<StoredContainer[]> {
  return (await withRealms(reader, scopedContainer, rows)).map((row) => ({
    ...row,
    programs: JSON.parse(row.programs),
    hasOwnDocument: Boolean(row.hasOwnDocument),
    hasProjectDocument: Boolean(row.hasProjectDocument),
  }));
}

/**
 * Whether another container of the project has the name. Two share one only while no realm, nor the unscoped space, holds
 * both.
 */
export async function nameTaken(
  tx: Transaction,
  { id, projectId, name }: Pick<StoredContainer, "projectId" | "name"> & { readonly id?: string },
  realmIds: readonly string[],
): Promise<boolean> {
  const where = and(
    eq(containers.projectId, projectId),
    eq(containers.name, name),
    id === undefined ? undefined : ne(containers.id, id),
    isSeenAlongside(tx, scopedContainer, realmIds),
  );
  return (await tx.select({ id: containers.id }).from(containers).where(where))[0] !== undefined;
}
