// What one account may have, whoever makes it: checked in the transaction that writes.
import { and, eq, inArray, or, sql } from "drizzle-orm";
import type { AccountQuotas } from "../account-quotas.ts";
import type { DocumentKey } from "../records.ts";
import { countOf, type Transaction } from "./database.ts";
import { containers, documents, projects, users } from "./schema.ts";

/** Whether the account has as many projects as it may. Operators have no quotas. */
export function hasAllProjects(
  tx: Transaction,
  { projectsMax }: AccountQuotas,
  userId: string,
): boolean {
  if (isExempt(tx, userId)) return false;
  return countOf(tx, projects, eq(projects.userId, userId)) >= projectsMax;
}

/** Whether the account has as many containers as it may, over all of its projects. */
export function hasAllContainers(
  tx: Transaction,
  { containersMax }: AccountQuotas,
  userId: string,
): boolean {
  if (isExempt(tx, userId)) return false;
  const own = tx.select({ id: projects.id }).from(projects).where(eq(projects.userId, userId));
  return countOf(tx, containers, inArray(containers.projectId, own)) >= containersMax;
}

/**
 * Whether the documents and hooks of the owner's projects and containers would be more than they may be, in bytes as they are
 * stored (sealed: a few more than their text). A write that does not grow is never refused.
 */
export function wouldExceedBytes(
  tx: Transaction,
  { documentBytesMax }: AccountQuotas,
  key: DocumentKey,
  growth: number,
): boolean {
  const userId = ownerOf(tx, key);
  if (userId === undefined || isExempt(tx, userId)) return false;
  const ownProjects = tx
    .select({ id: projects.id })
    .from(projects)
    .where(eq(projects.userId, userId));
  const ownContainers = tx
    .select({ id: containers.id })
    .from(containers)
    .where(inArray(containers.projectId, ownProjects));
  const isOwn = or(
    and(eq(documents.kind, "project"), inArray(documents.ownerId, ownProjects)),
    and(eq(documents.kind, "container"), inArray(documents.ownerId, ownContainers)),
  );
  const bytes = sql<number>`coalesce(sum(coalesce(length(${documents.body}), 0) + coalesce(length(${documents.hooks}), 0)), 0)`;
  const row = tx.select({ bytes }).from(documents).where(isOwn).get();
  return (row?.bytes ?? 0) + growth > documentBytesMax;
}

function ownerOf(tx: Transaction, { kind, id }: DocumentKey): string | undefined {
  if (kind === "project") {
    return tx.select({ userId: projects.userId }).from(projects).where(eq(projects.id, id)).get()
      ?.userId;
  }
  return tx
    .select({ userId: projects.userId })
    .from(containers)
    .innerJoin(projects, eq(projects.id, containers.projectId))
    .where(eq(containers.id, id))
    .get()?.userId;
}

function isExempt(tx: Transaction, userId: string): boolean {
  const user = tx.select({ isAdmin: users.isAdmin }).from(users).where(eq(users.id, userId)).get();
  return user?.isAdmin === true;
}
