// What carries realms, each kind with a table that says which: conditions on them, reading and writing them.
import { and, eq, exists, inArray, notInArray, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";

import {
  containerRealms,
  containers,
  eventRealms,
  events,
  projectRealms,
  projects,
  tokenRealms,
  tokens,
} from "./schema.ts";
import type { Reader } from "./transaction.ts";

/** A kind of carrier: the id of one that a query names, and the table of its kind's realms. */
export interface RealmScoped {
  readonly id: SQLiteColumn;
  readonly table: SQLiteTable;
  readonly ownerId: SQLiteColumn;
  readonly realmId: SQLiteColumn;
}

export const scopedProject: RealmScoped = {
  id: projects.id,
  table: projectRealms,
  ownerId: projectRealms.projectId,
  realmId: projectRealms.realmId,
};

export const scopedContainer: RealmScoped = {
  id: containers.id,
  table: containerRealms,
  ownerId: containerRealms.containerId,
  realmId: containerRealms.realmId,
};

export const scopedToken: RealmScoped = {
  id: tokens.id,
  table: tokenRealms,
  ownerId: tokenRealms.tokenId,
  realmId: tokenRealms.realmId,
};

export const scopedEvent: RealmScoped = {
  id: events.id,
  table: eventRealms,
  ownerId: eventRealms.eventId,
  realmId: eventRealms.realmId,
};

/** Whether it carries a realm that the condition holds of; without one, any. */
function carries(reader: Reader, { id, table, ownerId }: RealmScoped, which: SQL | undefined): SQL {
  const realm = reader
    .select({ one: sql`1` })
    .from(table)
    .where(and(eq(ownerId, id), which));
  return exists(realm);
}

/** Whether it carries all of the realms. */
export function carriesAll(
  reader: Reader,
  carrier: RealmScoped,
  realms: readonly string[],
): SQL | undefined {
  return and(...realms.map((realmId) => carries(reader, carrier, eq(carrier.realmId, realmId))));
}

/** Whether it carries one of the realms. */
export function carriesSome(reader: Reader, carrier: RealmScoped, realms: readonly string[]): SQL {
  return carries(reader, carrier, inArray(carrier.realmId, [...realms]));
}

/** Whether it is seen where another one with these realms is: a realm has both, or both are in none. */
export function isSeenAlongside(
  reader: Reader,
  carrier: RealmScoped,
  realms: readonly string[],
): SQL {
  return realms.length === 0
    ? sql`not ${carries(reader, carrier, undefined)}`
    : carriesSome(reader, carrier, realms);
}

/** Whether it is in a realm that the caller may not use. */
export function isShared(
  reader: Reader,
  carrier: RealmScoped,
  confinedTo: readonly string[] | null,
): SQL<number> {
  if (confinedTo === null) return sql<number>`0`;
  return sql<number>`${carries(reader, carrier, notInArray(carrier.realmId, [...confinedTo]))}`;
}

/** Whether it is in any realm that the caller may use. */
export function isWithin(
  reader: Reader,
  carrier: RealmScoped,
  confinedTo: readonly string[] | null,
): SQL<number> {
  if (confinedTo === null) return sql<number>`1`;
  return sql<number>`${carriesSome(reader, carrier, confinedTo)}`;
}

/** Whether it is not the caller's alone: in no realm that the caller may use, or in others, too. */
export function isBeyond(
  reader: Reader,
  carrier: RealmScoped,
  confinedTo: readonly string[] | null,
): SQL<number> {
  const shared = isShared(reader, carrier, confinedTo);
  return sql<number>`(${shared} or not ${isWithin(reader, carrier, confinedTo)})`;
}

/** The rows with the realms of each, sorted. */
export function withRealms<Row extends { readonly id: string }>(
  reader: Reader,
  { table, ownerId, realmId }: RealmScoped,
  rows: readonly Row[],
): (Row & { readonly realmIds: readonly string[] })[] {
  const ids = rows.map(({ id }) => id);
  const realms = reader
    .select({ ownerId: sql<string>`${ownerId}`, realmId: sql<string>`${realmId}` })
    .from(table)
    .where(inArray(ownerId, ids))
    .orderBy(realmId)
    .all();
  const byOwner = Map.groupBy(realms, (each) => each.ownerId);
  return rows.map((row) => ({
    ...row,
    realmIds: (byOwner.get(row.id) ?? []).map((each) => each.realmId),
  }));
}
