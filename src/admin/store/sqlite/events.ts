// The audit trail: events are added, read in a scope, and leave when they are old.
import {
  and,
  count,
  eq,
  getTableColumns,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  or,
  type SQL,
} from "drizzle-orm";
import type {
  EventFilter,
  EventResource,
  EventViewer,
  NewEvent,
  StoredEvent,
} from "../event-records.ts";
import type { ListPage, PageQuery } from "../paging.ts";
import type { EventStore } from "../store.ts";
import { countOf, type Database, type Reader } from "./database.ts";
import { insertEvent, placeOf } from "./event-rows.ts";
import { cutPage, pageOf } from "./page.ts";
import { carriesAll, scopedEvent } from "./realm-scoped.ts";
import { events, members } from "./schema.ts";

const sorted = { table: events, columns: { created_at: events.createdAt } };

const eventColumns = getTableColumns(events);

/** Rows deleted in one transaction: a purge must not hold up the writes. */
const PURGED_AT_ONCE = 1000;

export function eventStore(db: Database): EventStore {
  const { reader } = db;
  return {
    async recordEvent(event: NewEvent): Promise<void> {
      await db.transaction((tx) => {
        const { resourceKind, resourceId } = event;
        insertEvent(db.timestamp(), tx, event, placeOf(tx, resourceKind, resourceId));
      });
    },

    async events(
      viewer: EventViewer,
      query: EventFilter & PageQuery<"created_at">,
    ): Promise<ListPage<StoredEvent>> {
      const where = and(seenBy(reader, viewer), matches(viewer, query));
      const select = reader.select(eventColumns).from(events).$dynamic();
      const rows = pageOf(select, where, sorted, query).all();
      const { items, next } = cutPage(reader, rows, sorted, query);
      return { items: items.map(stored), next, total: countOf(reader, events, where) };
    },

    async event(viewer: EventViewer, id: string): Promise<StoredEvent | null> {
      const where = and(eq(events.id, id), seenBy(reader, viewer));
      const row = reader.select(eventColumns).from(events).where(where).get();
      return row === undefined ? null : stored(row);
    },

    async eventCounts(
      viewer: EventViewer,
      filter: EventFilter,
    ): Promise<ReadonlyMap<string, number>> {
      const where = and(seenBy(reader, viewer), matches(viewer, filter));
      const rows = reader
        .select({ kind: events.kind, n: count() })
        .from(events)
        .where(where)
        .groupBy(events.kind)
        .all();
      return new Map(rows.map(({ kind, n }) => [kind, n]));
    },

    async purgeEvents(before: string): Promise<number> {
      const old = reader
        .select({ id: events.id })
        .from(events)
        .where(lt(events.createdAt, before))
        .limit(PURGED_AT_ONCE);
      let purged = 0;
      for (;;) {
        const gone = await db.transaction(
          (tx) =>
            tx.delete(events).where(inArray(events.id, old)).returning({ id: events.id }).all()
              .length,
        );
        purged += gone;
        if (gone < PURGED_AT_ONCE) return purged;
      }
    },
  };
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
      : eq(events.tokenId, tokenId);
  const ofAccounts = isOperator && realms.length === 0 ? undefined : ofAccount;
  const seen = or(ofProjects, and(isNull(events.projectId), ofAccounts));
  return and(seen, carriesAll(reader, scopedEvent, realms));
}

function matches({ scope }: EventViewer, filter: EventFilter): SQL | undefined {
  const { kind, actorId, resourceId, projectId, since, until, isActivity } = filter;
  const { userId } = scope;
  return and(
    kind === null
      ? undefined
      : or(eq(events.kind, kind), and(gte(events.kind, `${kind}.`), lt(events.kind, `${kind}/`))),
    actorId === null ? undefined : eq(events.actorId, actorId),
    resourceId === null ? undefined : eq(events.resourceId, resourceId),
    projectId === null ? undefined : eq(events.projectId, projectId),
    since === null ? undefined : gte(events.createdAt, since),
    until === null ? undefined : lt(events.createdAt, until),
    isActivity
      ? or(eq(events.actorId, userId), and(isNull(events.projectId), eq(events.ownerId, userId)))
      : undefined,
  );
}

function stored({ fields, resourceKind, ...row }: EventRow): StoredEvent {
  return {
    ...row,
    resourceKind: resourceKind as EventResource | null,
    fields: JSON.parse(fields),
  };
}

type EventRow = Omit<typeof events.$inferSelect, "sequence">;
