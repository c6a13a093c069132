// What one account may have, whoever makes it: checked in the transaction that writes.
import { and, eq, inArray, or, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { AccountQuotas } from "../account-quotas.ts";
import type { DocumentKey } from "../records.ts";
import { countOf } from "./database.ts";
import { containers, documents, projects, users } from "./schema.ts";
import type { Transaction } from "./transaction.ts";

/** Whether the account has as many projects as it may. Operators have no quotas. */
export async function hasAllProjects(
  tx: Transaction,
  { projectsMax }: AccountQuotas,
  userId: string,
): Promise<boolean> {
  if (await isExempt(tx, userId)) return false;
  return (await countOf(tx, projects, eq(projects.userId, userId))) >= projectsMax;
}

/** Whether the account has as many containers as it may, over all of its projects. */
export async function hasAllContainers(
  tx: Transaction,
  { containersMax }: AccountQuotas,
  userId: string,
): Promise<boolean> {
  if (await isExempt(tx, userId)) return false;
  const own = tx.select({ id: projects.id }).from(projects).where(eq(projects.userId, userId));
  return (await countOf(tx, containers, inArray(containers.projectId, own))) >= containersMax;
}

/**
 * Whether the documents and hooks of the owner's projects and containers would be more than they may be, in bytes as they are
 * stored (sealed: a few more than their text). A write that does not grow is never refused.
 */
export async function wouldExceedBytes(
  tx: Transaction,
  { documentBytesMax }: AccountQuotas,
  key: DocumentKey,
  growth: number,
): Promise<boolean> {
  const ownProjects = tx.select({ id: owned.id }).from(owned).where(eq(owned.userId, users.id));
  const ownContainers = tx
    .select({ id: held.id })
    .from(held)
    .where(inArray(held.projectId, ownProjects));
  const isOwn = or(
    and(eq(documents.kind, "project"), inArray(documents.ownerId, ownProjects)),
    and(eq(documents.kind, "container"), inArray(documents.ownerId, ownContainers)),
  );
  const sum = sql<number>`coalesce(sum(coalesce(length(${documents.body}), 0) + coalesce(length(${documents.hooks}), 0)), 0)`;
  const bytes = tx.select({ bytes: sum }).from(documents).where(isOwn);
  const select = tx
    .select({ isAdmin: users.isAdmin, bytes: sql<number>`(${bytes})`.mapWith(Number) })
    .from(users)
    .innerJoin(projects, eq(projects.userId, users.id));
  const [owner] =
    key.kind === "project"
      ? await select.where(eq(projects.id, key.id))
      : await select
          .innerJoin(containers, eq(containers.projectId, projects.id))
          .where(eq(containers.id, key.id));
  return owner !== undefined && !owner.isAdmin && owner.bytes + growth > documentBytesMax;
}

const owned = alias(projects, "owned");
const held = alias(containers, "held");

async function isExempt(tx: Transaction, userId: string): Promise<boolean> {
  const user = (
    await tx.select({ isAdmin: users.isAdmin }).from(users).where(eq(users.id, userId))
  )[0];
  return user?.isAdmin === true;
}
