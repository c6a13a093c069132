// Rows of events: written with what they tell of, in one transaction.
import { eq, type SQL } from "drizzle-orm";
import {
  type CallEvent,
  changedSomething,
  type EventPlace,
  finished,
  resourceIdOf,
  type Standing,
} from "../call-event.ts";
import type { EventResource, NewEvent } from "../event-records.ts";
import { newId } from "../id.ts";
import type { ResourceKey } from "../records.ts";
import { scopedContainer, scopedProject, scopedToken, withRealms } from "./realm-scoped.ts";
import {
  aliases,
  containers,
  eventRealms,
  events,
  projects,
  realms,
  tokens,
  users,
} from "./schema.ts";
import { readChain } from "./token-rows.ts";
import type { Reader, Transaction } from "./transaction.ts";

/** Runs a write; where it changes something, with the event of the call that it belongs to. `createdAt`: the clock. */
export async function withEvent<Result>(
  createdAt: () => string,
  tx: Transaction,
  call: CallEvent,
  body: (tx: Transaction) => Promise<Result>,
): Promise<{ readonly result: Result; readonly isRecorded: boolean }> {
  const { within, resourceKind, resourceId, actorId, tokenId } = call.draft;
  if (actorId !== null) call.checkActor(await standingOf(tx, actorId, tokenId));
  const before =
    within === null
      ? await placeOf(tx, resourceKind, resourceId)
      : await placeOf(tx, within.kind, within.id);
  const result = await body(tx);
  if (!changedSomething(result)) return { result, isRecorded: false };
  const made = resourceIdOf(call.draft, result);
  const after = await placeOf(tx, resourceKind, made);
  const { event, place } = finished(call.draft, result, before, after);
  await insertEvent(createdAt(), tx, event, place);
  return { result, isRecorded: true };
}

/** Null: there is no such account. */
async function standingOf(
  reader: Reader,
  userId: string,
  tokenId: string | null,
): Promise<Standing | null> {
  const { isAdmin, isBanned, sessionGeneration } = users;
  const select = reader.select({ isAdmin, isBanned, sessionGeneration }).from(users);
  const [row] = await select.where(eq(users.id, userId));
  if (row === undefined) return null;
  return { ...row, chain: tokenId === null ? [] : await readChain(reader, eq(tokens.id, tokenId)) };
}

export async function insertEvent(
  createdAt: string,
  tx: Transaction,
  event: NewEvent,
  place: EventPlace | null,
): Promise<void> {
  const { kind, code, attempted, actorId, actorName, tokenId, ip, requestId, realmId } = event;
  const { resourceKind, resourceId, versionBefore, versionAfter, method, path, status } = event;
  const id = newId();
  await tx.insert(events).values({
    ...{ id, kind, code, attempted, actorId, actorName, tokenId, ip, requestId, realmId },
    ...{ resourceKind, resourceId, versionBefore, versionAfter, method, path, status },
    createdAt,
    projectId: place?.projectId ?? null,
    ownerId: place?.ownerId ?? null,
    fields: JSON.stringify(event.fields),
  });
  // An account is in no realm, but what is done in one can be seen there by whoever did it. A refusal shows nowhere else: what
  // somebody tries from another realm is not for those in this one.
  const isElsewhere = code !== null || place?.projectId == null;
  const active = isElsewhere && realmId !== null ? [realmId] : [];
  const realms = new Set([...(code === null ? (place?.realmIds ?? []) : []), ...active]);
  if (realms.size === 0) return;
  await tx.insert(eventRealms).values([...realms].map((each) => ({ eventId: id, realmId: each })));
}

/** Null: there is no such resource, or none was named. */
export async function placeOf(
  reader: Reader,
  kind: EventResource | ResourceKey["kind"] | null,
  id: string | null,
): Promise<EventPlace | null> {
  if (id === null) return null;
  switch (kind) {
    case "project": {
      const row = (
        await reader
          .select({ id: projects.id, ownerId: projects.userId })
          .from(projects)
          .where(eq(projects.id, id))
      )[0];
      if (row === undefined) return null;
      const [found] = await withRealms(reader, scopedProject, [row]);
      return { projectId: id, ownerId: row.ownerId, realmIds: found?.realmIds ?? [] };
    }
    case "container":
      return await containerPlace(reader, eq(containers.id, id));
    case "alias": {
      const row = (
        await reader.select({ id: aliases.containerId }).from(aliases).where(eq(aliases.id, id))
      )[0];
      return row === undefined ? null : await containerPlace(reader, eq(containers.id, row.id));
    }
    case "token": {
      const row = (
        await reader
          .select({ id: tokens.id, ownerId: tokens.userId })
          .from(tokens)
          .where(eq(tokens.id, id))
      )[0];
      if (row === undefined) return null;
      const [found] = await withRealms(reader, scopedToken, [row]);
      return { projectId: null, ownerId: row.ownerId, realmIds: found?.realmIds ?? [] };
    }
    case "realm": {
      const row = (
        await reader.select({ ownerId: realms.userId }).from(realms).where(eq(realms.id, id))
      )[0];
      return row === undefined ? null : { projectId: null, ownerId: row.ownerId, realmIds: [id] };
    }
    case "user":
      return { projectId: null, ownerId: id, realmIds: [] };
    default:
      return null;
  }
}

async function containerPlace(reader: Reader, which: SQL): Promise<EventPlace | null> {
  const select = reader
    .select({ id: containers.id, projectId: containers.projectId, ownerId: projects.userId })
    .from(containers)
    .innerJoin(projects, eq(projects.id, containers.projectId))
    .where(which);
  const row = (await select)[0];
  if (row === undefined) return null;
  const [found] = await withRealms(reader, scopedContainer, [row]);
  return { projectId: row.projectId, ownerId: row.ownerId, realmIds: found?.realmIds ?? [] };
}
