// Deleting a project with all it holds, or, for a caller that does not see all of it, as far as that caller can tell.
import { and, asc, eq, inArray, not, type SQL, sql } from "drizzle-orm";
import type { DeletedProject, Revised, Scope } from "../records.ts";
import { countOf, recordChange, type Transaction } from "./database.ts";
import { readProject } from "./project-rows.ts";
import { isShared, isWithin, scopedContainer, scopedProject } from "./realm-scoped.ts";
import {
  aliases,
  changes,
  containers,
  documents,
  members,
  projectRealms,
  projects,
} from "./schema.ts";

/**
 * Destroys the project. Of a confined caller's project that holds containers beyond its realms, what is within goes and the
 * project leaves the realms: to that caller it is gone all the same, and the answer says what it would say otherwise. Outside
 * every realm it may then share its alias with another of its owner's projects; a conflict would tell.
 */
export function deleteProject(
  tx: Transaction,
  scope: Scope,
  id: string,
  now: string,
): ({ deleted: DeletedProject } & Revised) | "default" | "shared" | null {
  const project = readProject(tx, scope, id);
  if (project === null) return null;
  if (project.isDefault) return "default";
  const { confinedTo } = scope;
  const ofProject = eq(containers.projectId, id);
  const isOfCaller = isWithin(tx, scopedContainer, confinedTo);
  const within = and(ofProject, isOfCaller);
  if (holdsShared(tx, scope, id, within)) return "shared";
  const isWhole = countOf(tx, containers, and(ofProject, not(isOfCaller))) === 0;
  const deleted = {
    containers: tx
      .select({ id: containers.id, name: containers.name })
      .from(containers)
      .where(within)
      .orderBy(asc(containers.createdAt), asc(containers.name))
      .all(),
    permissions: countOf(tx, members, eq(members.projectId, id)),
    aliases: countOf(tx, aliases, inArray(aliases.containerId, idsOf(tx, within))),
  };
  deleteContainers(tx, within);
  if (isWhole) destroy(tx, id);
  else leaveRealms(tx, id, now);
  return { deleted, revision: recordChange(tx, { kind: "project", id }) };
}

/** Whether the project, or a container that would go with it, is in a realm that the caller may not use. */
function holdsShared(
  tx: Transaction,
  { confinedTo }: Scope,
  id: string,
  within: SQL | undefined,
): boolean {
  const itself = and(eq(projects.id, id), isShared(tx, scopedProject, confinedTo));
  const held = and(within, isShared(tx, scopedContainer, confinedTo));
  return countOf(tx, projects, itself) + countOf(tx, containers, held) > 0;
}

function idsOf(tx: Transaction, where: SQL | undefined) {
  return tx.select({ id: containers.id }).from(containers).where(where);
}

/** With their documents; realms, aliases and logs go with the rows. As few statements for many as for one. */
export function deleteContainers(tx: Transaction, where: SQL | undefined): void {
  const ids = idsOf(tx, where);
  tx.delete(changes)
    .where(and(eq(changes.kind, "container"), inArray(changes.entityId, ids)))
    .run();
  tx.run(
    sql`insert into ${changes} (${sql.identifier(changes.kind.name)}, ${sql.identifier(changes.entityId.name)})
      select 'container', * from ${ids}`,
  );
  tx.delete(documents)
    .where(and(eq(documents.kind, "container"), inArray(documents.ownerId, ids)))
    .run();
  tx.delete(containers).where(where).run();
}

/** Realms and members go with the row. */
export function destroy(tx: Transaction, id: string): void {
  tx.delete(documents)
    .where(and(eq(documents.kind, "project"), eq(documents.ownerId, id)))
    .run();
  tx.delete(projects).where(eq(projects.id, id)).run();
}

/** All its realms are the caller's: it would be shared otherwise. */
function leaveRealms(tx: Transaction, id: string, updatedAt: string): void {
  tx.delete(projectRealms).where(eq(projectRealms.projectId, id)).run();
  tx.update(projects).set({ updatedAt }).where(eq(projects.id, id)).run();
}
