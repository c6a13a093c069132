// Scopes as conditions: what a caller may not see is no row of any query.
import { and, eq, exists, gte, inArray, or, type SQL, sql } from "drizzle-orm";
import type { Scope } from "../records.ts";
import { carriesAll, type RealmScoped, scopedContainer, scopedProject } from "./realm-scoped.ts";
import { members, projects } from "./schema.ts";
import type { Reader } from "./transaction.ts";

type Where = Pick<Scope, "userId" | "realms" | "level">;

/** Of the one project that the query names: it has no other way to find it. Lists: projectsInScope. */
export function projectInScope(reader: Reader, scope: Where): SQL | undefined {
  return inScope(reader, scopedProject, scope);
}

/** Of lists of projects: both of its conditions have an index. */
export function projectsInScope(reader: Reader, scope: Where): SQL | undefined {
  return listInScope(reader, scopedProject, scope);
}

/**
 * Of the one container that the query names, joined with `projects`. What a user may do with a container is said by its
 * project, in whatever realm that is. Lists: containersInScope.
 */
export function containerInScope(reader: Reader, scope: Where): SQL | undefined {
  return inScope(reader, scopedContainer, scope);
}

/** Of lists of containers, in a query that joins `projects`: both of its conditions have an index. */
export function containersInScope(reader: Reader, scope: Where): SQL | undefined {
  return listInScope(reader, scopedContainer, scope);
}

function inScope(reader: Reader, carrier: RealmScoped, scope: Where): SQL | undefined {
  return and(userMay(reader, scope), carriesAll(reader, carrier, scope.realms));
}

function listInScope(reader: Reader, carrier: RealmScoped, scope: Where): SQL | undefined {
  return and(projectsOfUser(reader, scope), carriesAll(reader, carrier, scope.realms));
}

/** The user owns the project, or is a member of it at the level or above: asked of a project that is known. */
export function userMay(reader: Reader, { userId, level }: Where): SQL | undefined {
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

/** A new resource belongs to the active realm beside the ones it names. */
export function withRealm(realmIds: readonly string[], realmId: string | null): string[] {
  return [...new Set(realmId === null ? realmIds : [...realmIds, realmId])].sort();
}
