// Projects as they are read, and who has an alias.
import { and, eq, ne } from "drizzle-orm";
import type { Scope, StoredProject } from "../records.ts";
import type { Reader } from "./database.ts";
import { isSeenAlongside, scopedProject, withRealms } from "./realm-scoped.ts";
import { projects } from "./schema.ts";
import { projectInScope } from "./scope.ts";

/** Null: it does not exist in this scope. */
export function readProject(reader: Reader, scope: Scope, id: string): StoredProject | null {
  const where = and(eq(projects.id, id), projectInScope(reader, scope));
  const row = reader.select().from(projects).where(where).get();
  return row === undefined ? null : (withRealms(reader, scopedProject, [row])[0] ?? null);
}

/**
 * Whether another project of the same owner has the alias. Two share one only while no realm, nor the unscoped space, holds
 * both.
 */
export function aliasTaken(
  reader: Reader,
  { id, userId, alias, realmIds }: Pick<StoredProject, "id" | "userId" | "alias" | "realmIds">,
): boolean {
  const where = and(
    eq(projects.userId, userId),
    eq(projects.alias, alias),
    ne(projects.id, id),
    isSeenAlongside(reader, scopedProject, realmIds),
  );
  return reader.select({ id: projects.id }).from(projects).where(where).get() !== undefined;
}
