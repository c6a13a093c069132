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
export function withEvent<Result>(
  createdAt: () => string,
  tx: Transaction,
  call: CallEvent,
  body: (tx: Transaction) => Result,
): { readonly result: Result; readonly isRecorded: boolean } {
  const { within, resourceKind, resourceId, actorId, tokenId } = call.draft;
  if (actorId !== null) call.checkActor(standingOf(tx, actorId, tokenId));
  const before =
    within === null ? placeOf(tx, resourceKind, resourceId) : placeOf(tx, within.kind, within.id);
  const result = body(tx);
  if (!changedSomething(result)) return { result, isRecorded: false };
  const made = resourceIdOf(call.draft, result);
  const after = placeOf(tx, resourceKind, made);
  const { event, place } = finished(call.draft, result, before, after);
  insertEvent(createdAt(), tx, event, place);
  return { result, isRecorded: true };
}

/** Null: there is no such account. */
function standingOf(reader: Reader, userId: string, tokenId: string | null): Standing | null {
  const { isAdmin, isBanned, sessionGeneration } = users;
  const select = reader.select({ isAdmin, isBanned, sessionGeneration }).from(users);
  const row = select.where(eq(users.id, userId)).get();
  if (row === undefined) return null;
  return { ...row, chain: tokenId === null ? [] : readChain(reader, eq(tokens.id, tokenId)) };
}

export function insertEvent(
  createdAt: string,
  tx: Transaction,
  event: NewEvent,
  place: EventPlace | null,
): void {
  const { kind, code, attempted, actorId, actorName, tokenId, ip, requestId, realmId } = event;
  const { resourceKind, resourceId, versionBefore, versionAfter, method, path, status } = event;
  const id = newId();
  tx.insert(events)
    .values({
      ...{ id, kind, code, attempted, actorId, actorName, tokenId, ip, requestId, realmId },
      ...{ resourceKind, resourceId, versionBefore, versionAfter, method, path, status },
      createdAt,
      projectId: place?.projectId ?? null,
      ownerId: place?.ownerId ?? null,
      fields: JSON.stringify(event.fields),
    })
    .run();
  // An account is in no realm, but what is done in one can be seen there by whoever did it. A refusal shows nowhere else: what
  // somebody tries from another realm is not for those in this one.
  const isElsewhere = code !== null || place?.projectId == null;
  const active = isElsewhere && realmId !== null ? [realmId] : [];
  const realms = new Set([...(code === null ? (place?.realmIds ?? []) : []), ...active]);
  if (realms.size === 0) return;
  tx.insert(eventRealms)
    .values([...realms].map((each) => ({ eventId: id, realmId: each })))
    .run();
}

/** Null: there is no such resource, or none was named. */
export function placeOf(
  reader: Reader,
  kind: EventResource | ResourceKey["kind"] | null,
  id: string | null,
): EventPlace | null {
  if (id === null) return null;
  switch (kind) {
    case "project": {
      const row = reader
        .select({ id: projects.id, ownerId: projects.userId })
        .from(projects)
        .where(eq(projects.id, id))
        .get();
      if (row === undefined) return null;
      const [found] = withRealms(reader, scopedProject, [row]);
      return { projectId: id, ownerId: row.ownerId, realmIds: found?.realmIds ?? [] };
    }
    case "container":
      return containerPlace(reader, eq(containers.id, id));
    case "alias": {
      const row = reader
        .select({ id: aliases.containerId })
        .from(aliases)
        .where(eq(aliases.id, id))
        .get();
      return row === undefined ? null : containerPlace(reader, eq(containers.id, row.id));
    }
    case "token": {
      const row = reader
        .select({ id: tokens.id, ownerId: tokens.userId })
        .from(tokens)
        .where(eq(tokens.id, id))
        .get();
      if (row === undefined) return null;
      const [found] = withRealms(reader, scopedToken, [row]);
      return { projectId: null, ownerId: row.ownerId, realmIds: found?.realmIds ?? [] };
    }
    case "realm": {
      const row = reader
        .select({ ownerId: realms.userId })
        .from(realms)
        .where(eq(realms.id, id))
        .get();
      return row === undefined ? null : { projectId: null, ownerId: row.ownerId, realmIds: [id] };
    }
    case "user":
      return { projectId: null, ownerId: id, realmIds: [] };
    default:
      return null;
  }
}

function containerPlace(reader: Reader, which: SQL): EventPlace | null {
  const select = reader
    .select({ id: containers.id, projectId: containers.projectId, ownerId: projects.userId })
    .from(containers)
    .innerJoin(projects, eq(projects.id, containers.projectId))
    .where(which);
  const row = select.get();
  if (row === undefined) return null;
  const [found] = withRealms(reader, scopedContainer, [row]);
  return { projectId: row.projectId, ownerId: row.ownerId, realmIds: found?.realmIds ?? [] };
}
