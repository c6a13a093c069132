// The audit trail: events are added, read in a scope, and leave when they are old.
import {
  and,
  count,
  desc,
  eq,
  getTableColumns,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  max,
  min,
  not,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import { countsOf } from "../event-counts.ts";
import {
  documentKinds,
  type EventColumn,
  type EventCounts,
  type EventFilter,
  type EventResource,
  type EventViewer,
  type NewEvent,
  type StoredEvent,
} from "../event-records.ts";
import type { EventStore } from "../event-store.ts";
import { eventsCountedMax } from "../limits.ts";
import type { ListPage, PageQuery } from "../paging.ts";
import { type EventOwners, type OwnedEvents, type TrimmedEvent, trimAll } from "../trim-events.ts";
import type { Database } from "./database.ts";
import { insertEvent, placeOf } from "./event-rows.ts";
import { cutPage, pageOf } from "./page.ts";
import { carriesAll, scopedEvent, withRealms } from "./realm-scoped.ts";
import { aliases, events, members } from "./schema.ts";
import type { Reader } from "./transaction.ts";

const sorted = {
  table: events,
  columns: { created_at: events.createdAt, event_type: events.kind },
};

const { sequence: _, ...eventColumns } = getTableColumns(events);

/** Rows deleted in one transaction: a purge must not hold up the writes. */
const PURGED_AT_ONCE = 1000;

export function eventStore(db: Database): EventStore {
  const { reader } = db;
  return {
    async recordEvent(event: NewEvent): Promise<void> {
      await db.transaction(async (tx) => {
        const { resourceKind, resourceId } = event;
        await insertEvent(db.timestamp(), tx, event, await placeOf(tx, resourceKind, resourceId));
      });
    },

    async events(
      viewer: EventViewer,
      query: EventFilter & PageQuery<EventColumn>,
    ): Promise<ListPage<StoredEvent>> {
      const where = and(seenBy(reader, viewer), matches(reader, viewer, query));
      const select = reader.select(eventColumns).from(events).$dynamic();
      const rows = await pageOf(select, where, sorted, query);
      const { items, next } = await cutPage(reader, rows, sorted, query);
      const withTheirs = await withRealms(reader, scopedEvent, items);
      return { items: withTheirs.map(stored), next, total: await countUpTo(reader, where) };
    },

    async event(viewer: EventViewer, id: string): Promise<StoredEvent | null> {
      const where = and(eq(events.id, id), seenBy(reader, viewer));
      const rows = await reader.select(eventColumns).from(events).where(where);
      const [row] = await withRealms(reader, scopedEvent, rows);
      return row === undefined ? null : stored(row);
    },

    async eventCounts(viewer: EventViewer, filter: EventFilter): Promise<EventCounts> {
      const where = and(seenBy(reader, viewer), matches(reader, viewer, filter));
      const { kind, resourceKind, createdAt } = events;
      const some = reader
        .select({ kind, resourceKind, createdAt })
        .from(events)
        .where(where)
        .orderBy(desc(createdAt))
        .limit(eventsCountedMax)
        .as("some");
      const rows = await reader
        .select({
          kind: some.kind,
          resourceKind: some.resourceKind,
          n: count(),
          oldest: min(some.createdAt),
          newest: max(some.createdAt),
        })
        .from(some)
        .groupBy(some.kind, some.resourceKind);
      return countsOf(rows);
    },

    purgeEvents(before: string): Promise<number> {
      return removed(db, lt(events.createdAt, before));
    },

    trimEvents: (max: number) => trimAll(eventOwners(db), max),
  };
}

function eventOwners(db: Database): EventOwners {
  const { ownerId } = events;
  return {
    async after(owner) {
      const first = db.reader.select({ id: min(ownerId) }).from(events);
      const [row] = await first.where(gt(ownerId, owner));
      return row?.id ?? null;
    },
    eventsOf: (owner) => ownedEvents(db, owner === null ? isNull(ownerId) : eq(ownerId, owner)),
  };
}

function ownedEvents(db: Database, isOwned: SQL): OwnedEvents {
  const { reader } = db;
  return {
    async hasMoreThan(max) {
      const select = reader.select({ one: sql`1` }).from(events).where(isOwned);
      return (await select.limit(1).offset(max)).length > 0;
    },
    before(last) {
      const { id, createdAt, actorId, kind } = events;
      return reader
        .select({ id, createdAt, actorId, kind })
        .from(events)
        .where(and(isOwned, isEarlier(last)))
        .orderBy(desc(createdAt), desc(id))
        .limit(PURGED_AT_ONCE);
    },
    remove: (ids) => removed(db, inArray(events.id, [...ids])),
  };
}

function isEarlier(last: TrimmedEvent | null): SQL | undefined {
  if (last === null) return undefined;
  return sql`(${events.createdAt}, ${events.id}) < (${last.createdAt}, ${last.id})`;
}

/** Removes events, a part of them in each transaction. */
async function removed(db: Database, which: SQL | undefined): Promise<number> {
  const some = db.reader.select({ id: events.id }).from(events).where(which).limit(PURGED_AT_ONCE);
  for (let sum = 0; ; ) {
    const gone = await db.transaction(
      async (tx) =>
        (await tx.delete(events).where(inArray(events.id, some)).returning({ id: events.id }))
          .length,
    );
    sum += gone;
    if (gone < PURGED_AT_ONCE) return sum;
  }
}

/** As many as match, of `eventsCountedMax` at most. */
async function countUpTo(reader: Reader, where: SQL | undefined): Promise<number> {
  const some = reader
    .select({ one: sql`1`.as("one") })
    .from(events)
    .where(where)
    .limit(eventsCountedMax)
    .as("some");
  return (await reader.select({ n: count() }).from(some))[0]?.n ?? 0;
}

/** What the viewer may see: in a realm only what was in it, then as well. */
function seenBy(reader: Reader, { scope, tokenId, isOperator }: EventViewer): SQL | undefined {
  const { userId, level, realms } = scope;
  const joined = reader
    .select({ id: members.projectId })
    .from(members)
    .where(and(eq(members.userId, userId), gte(members.level, level)));
  const ofProjects = and(
    isNotNull(events.projectId),
    or(eq(events.ownerId, userId), inArray(events.projectId, joined)),
  );
  const ofAccount =
    tokenId === null
      ? or(eq(events.ownerId, userId), eq(events.actorId, userId))
      : // Its calls are those of its user, by whom an index finds them.
        and(eq(events.actorId, userId), eq(events.tokenId, tokenId));
  const ofAccounts = isOperator && realms.length === 0 ? undefined : ofAccount;
  const seen = or(ofProjects, and(isNull(events.projectId), ofAccounts));
  return and(seen, carriesAll(reader, scopedEvent, realms));
}

function matches(reader: Reader, { scope }: EventViewer, filter: EventFilter): SQL | undefined {
  const { kinds, resourceKinds, isOfDocument, method, minStatus, maxStatus } = filter;
  const { actorId, resourceId, projectId, containerId, since, until, isActivity } = filter;
  const { userId } = scope;
  return and(
    kinds === null ? undefined : isOfKinds(kinds),
    resourceKinds === null ? undefined : inArray(events.resourceKind, [...resourceKinds]),
    isOfDocument === null ? undefined : ofDocument(isOfDocument),
    actorId === null ? undefined : eq(events.actorId, actorId),
    resourceId === null ? undefined : eq(events.resourceId, resourceId),
    projectId === null ? undefined : eq(events.projectId, projectId),
    containerId === null ? undefined : isAbout(reader, containerId),
    since === null ? undefined : gte(events.createdAt, since),
    until === null ? undefined : lt(events.createdAt, until),
    method === null ? undefined : eq(events.method, method),
    minStatus === null ? undefined : gte(events.status, minStatus),
    maxStatus === null ? undefined : lte(events.status, maxStatus),
    isActivity
      ? or(eq(events.actorId, userId), and(isNull(events.projectId), eq(events.ownerId, userId)))
      : undefined,
  );
}

/** These kinds, and all below them. */
function isOfKinds(kinds: readonly string[]): SQL | undefined {
  return or(
    ...kinds.map((kind) =>
      or(eq(events.kind, kind), and(gte(events.kind, `${kind}.`), lt(events.kind, `${kind}/`))),
    ),
  );
}

function ofDocument(isOne: boolean): SQL | undefined {
  const isIt = isOfKinds(documentKinds);
  return isOne || isIt === undefined ? isIt : not(isIt);
}

function isAbout(reader: Reader, containerId: string): SQL | undefined {
  const own = reader
    .select({ id: aliases.id })
    .from(aliases)
    .where(eq(aliases.containerId, containerId));
  return or(eq(events.resourceId, containerId), inArray(events.resourceId, own));
}

function stored({ fields, resourceKind, ...row }: EventRow): StoredEvent {
  return {
    ...row,
    resourceKind: resourceKind as EventResource | null,
    fields: JSON.parse(fields),
  };
}

type EventRow = Omit<typeof events.$inferSelect, "sequence"> & Pick<StoredEvent, "realmIds">;
