// Deleting a project with all it holds, or, for a caller that does not see all of it, as far as that caller can tell.
import { and, asc, eq, inArray, not, type SQL } from "drizzle-orm";
import type { DeletedProject, Revised, Scope } from "../records.ts";
import { countOf, recordChange } from "./database.ts";
import { readProject } from "./project-rows.ts";
import { isShared, isWithin, scopedContainer, scopedProject } from "./realm-scoped.ts";
import { aliases, containers, documents, members, projectRealms, projects } from "./schema.ts";
import type { Transaction } from "./transaction.ts";

/**
 * Destroys the project. Of a confined caller's project that holds containers beyond its realms, what is within goes and the
 * project leaves the realms: to that caller it is gone all the same, and the answer says what it would say otherwise. Outside
 * every realm it may then share its alias with another of its owner's projects; a conflict would tell.
 */
export async function deleteProject(
  tx: Transaction,
  scope: Scope,
  id: string,
  now: string,
): Promise<({ deleted: DeletedProject } & Revised) | "default" | "shared" | null> {
  const project = await readProject(tx, scope, id);
  if (project === null) return null;
  if (project.isDefault) return "default";
  const { confinedTo } = scope;
  const ofProject = eq(containers.projectId, id);
  const isOfCaller = isWithin(tx, scopedContainer, confinedTo);
  const within = and(ofProject, isOfCaller);
  if (await holdsShared(tx, scope, id, within)) return "shared";
  const isWhole = (await countOf(tx, containers, and(ofProject, not(isOfCaller)))) === 0;
  const deleted = {
    containers: await tx
      .select({ id: containers.id, name: containers.name })
      .from(containers)
      .where(within)
      .orderBy(asc(containers.createdAt), asc(containers.name)),
    permissions: await countOf(tx, members, eq(members.projectId, id)),
    aliases: await countOf(tx, aliases, inArray(aliases.containerId, idsOf(tx, within))),
  };
  await deleteContainers(tx, within);
  if (isWhole) await destroy(tx, id);
  else await leaveRealms(tx, id, now);
  return { deleted, revision: recordChange(tx, { kind: "project", id }) };
}

/** Whether the project, or a container that would go with it, is in a realm that the caller may not use. */
async function holdsShared(
  tx: Transaction,
  { confinedTo }: Scope,
  id: string,
  within: SQL | undefined,
): Promise<boolean> {
  const itself = and(eq(projects.id, id), isShared(tx, scopedProject, confinedTo));
  const held = and(within, isShared(tx, scopedContainer, confinedTo));
  return (await countOf(tx, projects, itself)) + (await countOf(tx, containers, held)) > 0;
}

function idsOf(tx: Transaction, where: SQL | undefined) {
  return tx.select({ id: containers.id }).from(containers).where(where);
}

/** With their documents; realms, aliases and logs go with the rows. As few statements for many as for one. */
export async function deleteContainers(tx: Transaction, where: SQL | undefined): Promise<void> {
  const ids = idsOf(tx, where);
  for (const { id } of await ids) recordChange(tx, { kind: "container", id });
  await tx
    .delete(documents)
    .where(and(eq(documents.kind, "container"), inArray(documents.ownerId, ids)));
  await tx.delete(containers).where(where);
}

/** Realms and members go with the row. */
export async function destroy(tx: Transaction, id: string): Promise<void> {
  await tx.delete(documents).where(and(eq(documents.kind, "project"), eq(documents.ownerId, id)));
  await tx.delete(projects).where(eq(projects.id, id));
}

/** All its realms are the caller's: it would be shared otherwise. */
async function leaveRealms(tx: Transaction, id: string, updatedAt: string): Promise<void> {
  await tx.delete(projectRealms).where(eq(projectRealms.projectId, id));
  await tx.update(projects).set({ updatedAt }).where(eq(projects.id, id));
}
