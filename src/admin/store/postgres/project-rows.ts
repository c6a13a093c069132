// Projects as they are read, and who has an alias.
import { and, eq, getTableColumns, ne } from "drizzle-orm";
import type { Scope, StoredProject } from "../records.ts";
import { isSeenAlongside, scopedProject, withRealms } from "./realm-scoped.ts";
import { projects } from "./schema.ts";
import { projectInScope } from "./scope.ts";
import type { Reader } from "./transaction.ts";

const { sequence: _, ...columns } = getTableColumns(projects);
/** What of a row is shown. */
export const projectColumns = columns;

/** Null: it does not exist in this scope. */
export async function readProject(
  reader: Reader,
  scope: Scope,
  id: string,
): Promise<StoredProject | null> {
  const where = and(eq(projects.id, id), projectInScope(reader, scope));
  const row = (await reader.select(projectColumns).from(projects).where(where))[0];
  return row === undefined ? null : ((await withRealms(reader, scopedProject, [row]))[0] ?? null);
}

/**
 * Whether another project of the same owner has the alias. Two share one only while no realm, nor the unscoped space, holds
 * both.
 */
export async function aliasTaken(
  reader: Reader,
  { id, userId, alias, realmIds }: Pick<StoredProject, "id" | "userId" | "alias" | "realmIds">,
): Promise<boolean> {
  const where = and(
    eq(projects.userId, userId),
    eq(projects.alias, alias),
    ne(projects.id, id),
    isSeenAlongside(reader, scopedProject, realmIds),
  );
  return (await reader.select({ id: projects.id }).from(projects).where(where))[0] !== undefined;
}
