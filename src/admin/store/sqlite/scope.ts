// Scopes as conditions: what a caller may not see is no row of any query.
import { and, eq, exists, gte, inArray, notInArray, type SQL, sql } from "drizzle-orm";
import { union } from "drizzle-orm/sqlite-core";
import type { Scope } from "../records.ts";
import { containerRealms, containers, members, projectRealms, projects } from "../schema.ts";
import type { Reader } from "./database.ts";

type Where = Pick<Scope, "userId" | "realms" | "level">;

export function projectInScope(reader: Reader, scope: Where): SQL | undefined {
  return and(projectOfUser(reader, scope), projectInRealms(reader, scope.realms));
}

/** Goes into a query that joins `projects`. What a user may do with a container is said by its project, in whatever realm that is. */
export function containerInScope(reader: Reader, scope: Where): SQL | undefined {
  return and(projectOfUser(reader, scope), containerInRealms(reader, scope.realms));
}

/** The user owns the project, or is a member of it at the level or above. */
function projectOfUser(reader: Reader, { userId, level }: Where): SQL {
  const owned = reader
    .select({ id: projects.id })
    .from(projects)
    .where(eq(projects.userId, userId));
  const joined = reader
    .select({ id: members.projectId })
    .from(members)
    .where(and(eq(members.userId, userId), gte(members.level, level)));
  return inArray(projects.id, union(owned, joined));
}

export function projectInRealms(reader: Reader, realms: readonly string[]): SQL | undefined {
  return and(
    ...realms.map((realmId) => {
      const here = and(
        eq(projectRealms.projectId, projects.id),
        eq(projectRealms.realmId, realmId),
      );
      return exists(reader.select({ one: sql`1` }).from(projectRealms).where(here));
    }),
  );
}

function containerInRealms(reader: Reader, realms: readonly string[]): SQL | undefined {
  return and(
    ...realms.map((realmId) => {
      const here = and(
        eq(containerRealms.containerId, containers.id),
        eq(containerRealms.realmId, realmId),
      );
      return exists(reader.select({ one: sql`1` }).from(containerRealms).where(here));
    }),
  );
}

/** Whether a project is in a realm that the caller may not use. */
export function projectIsShared(reader: Reader, confinedTo: readonly string[] | null): SQL<number> {
  if (confinedTo === null) return sql<number>`0`;
  const elsewhere = and(
    eq(projectRealms.projectId, projects.id),
    notInArray(projectRealms.realmId, [...confinedTo]),
  );
  return sql<number>`${exists(reader.select({ one: sql`1` }).from(projectRealms).where(elsewhere))}`;
}

/** Whether a container is in a realm that the caller may not use. */
export function containerIsShared(
  reader: Reader,
  confinedTo: readonly string[] | null,
): SQL<number> {
  if (confinedTo === null) return sql<number>`0`;
  const elsewhere = and(
    eq(containerRealms.containerId, containers.id),
    notInArray(containerRealms.realmId, [...confinedTo]),
  );
  return sql<number>`${exists(reader.select({ one: sql`1` }).from(containerRealms).where(elsewhere))}`;
}

/** A new resource belongs to the active realm beside the ones it names. */
export function withRealm(realmIds: readonly string[], realmId: string | null): string[] {
  return [...new Set(realmId === null ? realmIds : [...realmIds, realmId])].sort();
}
