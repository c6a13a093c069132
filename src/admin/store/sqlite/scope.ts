// Scopes as conditions: what a caller may not see is no row of any query.
import { and, eq, exists, type SQL, sql } from "drizzle-orm";
import { containerRealms, containers, projectRealms, projects } from "../schema.ts";
import type { Scope } from "../store.ts";
import type { Reader } from "./database.ts";

export function projectInScope(reader: Reader, scope: Scope): SQL | undefined {
  return and(
    eq(projects.userId, scope.userId),
    scope.realmId === null ? undefined : projectInRealm(reader, scope.realmId),
  );
}

export function projectInRealm(reader: Reader, realmId: string): SQL {
  const inRealm = and(eq(projectRealms.projectId, projects.id), eq(projectRealms.realmId, realmId));
  return exists(reader.select({ one: sql`1` }).from(projectRealms).where(inRealm));
}

/** Goes into a query that joins `projects`. */
export function containerInScope(reader: Reader, scope: Scope): SQL | undefined {
  return and(
    eq(projects.userId, scope.userId),
    scope.realmId === null ? undefined : containerInRealm(reader, scope.realmId),
  );
}

export function containerInRealm(reader: Reader, realmId: string): SQL {
  const inRealm = and(
    eq(containerRealms.containerId, containers.id),
    eq(containerRealms.realmId, realmId),
  );
  return exists(reader.select({ one: sql`1` }).from(containerRealms).where(inRealm));
}

/** A new resource belongs to the active realm beside the ones it names. */
export function withRealm(realmIds: readonly string[], realmId: string | null): string[] {
  return [...new Set(realmId === null ? realmIds : [...realmIds, realmId])].sort();
}
