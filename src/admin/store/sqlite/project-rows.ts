// Projects as they are read, and who has an alias.
import { and, eq, exists, inArray, ne, sql } from "drizzle-orm";
import type { Project, Scope } from "../records.ts";
import { projectRealms, projects } from "../schema.ts";
import type { Reader } from "./database.ts";
import { projectInScope } from "./scope.ts";

/** Null: it does not exist in this scope. */
export function readProject(reader: Reader, scope: Scope, id: string): Project | null {
  const where = and(eq(projects.id, id), projectInScope(reader, scope));
  const row = reader.select().from(projects).where(where).get();
  return row === undefined ? null : (withRealms(reader, [row])[0] ?? null);
}

/** The rows with the realms of each, sorted. */
export function withRealms(
  reader: Reader,
  rows: readonly Omit<Project, "realmIds">[],
): readonly Project[] {
  const ids = rows.map(({ id }) => id);
  const realms = reader
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

/**
 * Whether another project of the same owner has the alias. Two share one only while no realm, nor the unscoped space, holds
 * both.
 */
export function aliasTaken(
  reader: Reader,
  { id, userId, alias, realmIds }: Pick<Project, "id" | "userId" | "alias" | "realmIds">,
): boolean {
  const carried = and(
    eq(projectRealms.projectId, projects.id),
    realmIds.length === 0 ? undefined : inArray(projectRealms.realmId, [...realmIds]),
  );
  const realms = reader.select({ one: sql`1` }).from(projectRealms).where(carried);
  const where = and(
    eq(projects.userId, userId),
    eq(projects.alias, alias),
    ne(projects.id, id),
    realmIds.length === 0 ? sql`not ${exists(realms)}` : exists(realms),
  );
  return reader.select({ id: projects.id }).from(projects).where(where).get() !== undefined;
}
