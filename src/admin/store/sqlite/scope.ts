// Scopes as conditions: what a caller may not see is no row of any query.
import { and, count, eq, exists, gte, inArray, notInArray, or, type SQL, sql } from "drizzle-orm";
import type { Scope } from "../records.ts";
import { containerRealms, containers, members, projectRealms, projects } from "../schema.ts";
import type { Reader } from "./database.ts";

type Where = Pick<Scope, "userId" | "realms" | "level">;

/** Of the one project that the query names: it has no other way to find it. Lists: projectsInScope. */
export function projectInScope(reader: Reader, scope: Where): SQL | undefined {
  return and(userMay(reader, scope), projectInRealms(reader, scope.realms));
}

/** Of lists of projects: finds its rows by the realm where that is small, or else by the user. */
export function projectsInScope(reader: Reader, scope: Where): SQL | undefined {
  const realmId = smallRealm(reader, projectRealms, scope);
  if (realmId === null) {
    return and(projectsOfUser(reader, scope), projectInRealms(reader, scope.realms));
  }
  const carriers = reader
    .select({ id: projectRealms.projectId })
    .from(projectRealms)
    .where(eq(projectRealms.realmId, realmId));
  return and(inArray(projects.id, carriers), projectInScope(reader, scope));
}

/**
 * Of the one container that the query names, joined with `projects`. What a user may do with a container is said by its
 * project, in whatever realm that is. Lists: containersInScope.
 */
export function containerInScope(reader: Reader, scope: Where): SQL | undefined {
  return and(userMay(reader, scope), containerInRealms(reader, scope.realms));
}

/** Of lists of containers, in a query that joins `projects`: finds its rows by the realm where that is small, or else by the user. */
export function containersInScope(reader: Reader, scope: Where): SQL | undefined {
  const realmId = smallRealm(reader, containerRealms, scope);
  if (realmId === null) {
    return and(projectsOfUser(reader, scope), containerInRealms(reader, scope.realms));
  }
  const carriers = reader
    .select({ id: containerRealms.containerId })
    .from(containerRealms)
    .where(eq(containerRealms.realmId, realmId));
  return and(inArray(containers.id, carriers), containerInScope(reader, scope));
}

/** A realm with less in it than this is looked through sooner than all that a user has. */
const smallRealmMax = 1000;

/** The scope's realm if little is in it, whosever it is; null: there is none such. */
function smallRealm(
  reader: Reader,
  table: typeof projectRealms | typeof containerRealms,
  { realms: [realmId] }: Where,
): string | null {
  if (realmId === undefined) return null;
  const some = reader
    .select({ one: sql`1`.as("one") })
    .from(table)
    .where(eq(table.realmId, realmId))
    .limit(smallRealmMax)
    .as("some");
  const held = reader.select({ n: count() }).from(some).get()?.n ?? 0;
  return held < smallRealmMax ? realmId : null;
}

/** The user owns the project, or is a member of it at the level or above: asked of a project that is known. */
function userMay(reader: Reader, { userId, level }: Where): SQL | undefined {
  const membership = and(
    eq(members.projectId, projects.id),
    eq(members.userId, userId),
    gte(members.level, level),
  );
  const isMember = exists(reader.select({ one: sql`1` }).from(members).where(membership));
  return or(eq(projects.userId, userId), isMember);
}

/** The same in a form that finds the projects: both halves have an index. */
function projectsOfUser(reader: Reader, { userId, level }: Where): SQL | undefined {
  const joined = reader
    .select({ id: members.projectId })
    .from(members)
    .where(and(eq(members.userId, userId), gte(members.level, level)));
  return or(eq(projects.userId, userId), inArray(projects.id, joined));
}

/** Whether a project that is known carries all of the realms. */
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

/** Whether a container that is known carries all of the realms. */
export function containerInRealms(reader: Reader, realms: readonly string[]): SQL | undefined {
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

/** Whether a container is in any realm that the caller may use. */
export function containerIsWithin(
  reader: Reader,
  confinedTo: readonly string[] | null,
): SQL<number> {
  if (confinedTo === null) return sql<number>`1`;
  const within = and(
    eq(containerRealms.containerId, containers.id),
    inArray(containerRealms.realmId, [...confinedTo]),
  );
  return sql<number>`${exists(reader.select({ one: sql`1` }).from(containerRealms).where(within))}`;
}

/** A new resource belongs to the active realm beside the ones it names. */
export function withRealm(realmIds: readonly string[], realmId: string | null): string[] {
  return [...new Set(realmId === null ? realmIds : [...realmIds, realmId])].sort();
}
