// The audit trail: events are added, read in a scope, and leave when they are old.
import { setImmediate } from "node:timers/promises";
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
import type { Measure } from "../../../../proto/call.ts";
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
import type { Database, Reader } from "./database.ts";
import { insertEvent, placeOf } from "./event-rows.ts";
import { countsByKind, countUpTo, matching, type Way } from "./event-windows.ts";
import { cutPage, isAfter, pageOf, sequenceOf } from "./page.ts";
import { carriesAll, scopedEvent, withRealms } from "./realm-scoped.ts";
import { aliases, events, members } from "./schema.ts";

const sorted = {
  table: events,
  columns: { created_at: events.createdAt, event_type: events.kind },
};

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
      query: EventFilter & PageQuery<EventColumn>,
      measure: Measure = (work) => work(),
    ): Promise<ListPage<StoredEvent>> {
      const all = and(seenBy(reader, viewer), matches(reader, viewer, query));
      const select = reader.select(eventColumns).from(events).$dynamic();
      const ways = waysOf(reader, viewer, query);
      const ids = await newestIds(reader, ways, all, query, measure);
      const page = measure(() => {
        const rows =
          ids === null
            ? pageOf(select, and(all, amongst(ways)), sorted, query).all()
            : inOrderOf(ids, select.where(inArray(events.id, [...ids])).all());
        const { items, next } = cutPage(reader, rows, sorted, query);
        return { items: withRealms(reader, scopedEvent, items).map(stored), next };
      });
      const total =
        ways === null
          ? measure(() => countPlanned(reader, all))
          : await countUpTo(reader, ways, all, measure);
      return { ...page, total };
    },

    async event(viewer: EventViewer, id: string): Promise<StoredEvent | null> {
      const where = and(eq(events.id, id), seenBy(reader, viewer));
      const rows = reader.select(eventColumns).from(events).where(where).all();
      const [row] = withRealms(reader, scopedEvent, rows);
      return row === undefined ? null : stored(row);
    },

    async eventCounts(
      viewer: EventViewer,
      filter: EventFilter,
      measure: Measure = (work) => work(),
    ): Promise<EventCounts> {
      const all = and(seenBy(reader, viewer), matches(reader, viewer, filter));
      const ways = waysOf(reader, viewer, filter);
      if (ways !== null) return countsOf(await countsByKind(reader, ways, all, measure));
      const { kind, resourceKind, createdAt } = events;
      const some = reader
        .select({ kind, resourceKind, createdAt })
        .from(events)
        .where(all)
        .orderBy(desc(createdAt))
        .limit(eventsCountedMax)
        .as("some");
      const counted = reader
        .select({
          kind: some.kind,
          resourceKind: some.resourceKind,
          n: count(),
          oldest: min(some.createdAt),
          newest: max(some.createdAt),
        })
        .from(some)
        .groupBy(some.kind, some.resourceKind);
      return measure(() => countsOf(counted.all()));
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
      return first.where(gt(ownerId, owner)).get()?.id ?? null;
    },
    eventsOf: (owner) => ownedEvents(db, owner === null ? isNull(ownerId) : eq(ownerId, owner)),
  };
}

function ownedEvents(db: Database, isOwned: SQL): OwnedEvents {
  const { reader } = db;
  return {
    async hasMoreThan(max) {
      await setImmediate();
      const select = reader.select({ one: sql`1` }).from(events).where(isOwned);
      return select.limit(1).offset(max).get() !== undefined;
    },
    async before(last) {
      // Others go on between pages.
      await setImmediate();
      const { id, createdAt, actorId, kind } = events;
      return reader
        .select({ id, createdAt, actorId, kind })
        .from(events)
        .where(and(isOwned, isEarlier(last)))
        .orderBy(desc(createdAt), desc(id))
        .limit(PURGED_AT_ONCE)
        .all();
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
      (tx) =>
        tx.delete(events).where(inArray(events.id, some)).returning({ id: events.id }).all().length,
    );
    sum += gone;
    if (gone < PURGED_AT_ONCE) return sum;
  }
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

/** Ways to see an event that are looked at one by one, and rows of each. */
const WAYS_MAX = 100;
const WAY_ROWS_MAX = 5_000;

function inOrderOf<Row extends { readonly id: string }>(
  ids: readonly string[],
  rows: readonly Row[],
): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

interface Candidate {
  readonly id: string;
  readonly at: string;
  readonly sequence: number;
}

/**
 * What makes the viewer see an event, or what the filter leaves, each with the index that has those events in order; null where
 * there are too many, or where a filter leaves few and the planner does better. All that a viewer sees together has no index: it
 * would have to be sorted.
 */
function waysOf(
  reader: Reader,
  { scope, isOperator }: EventViewer,
  { actorId, resourceId, projectId, containerId }: EventFilter,
): readonly Way[] | null {
  if (resourceId !== null) return [["events_by_resource", eq(events.resourceId, resourceId)]];
  if (containerId !== null) return null;
  if (projectId !== null) return [["events_by_project", eq(events.projectId, projectId)]];
  if (actorId !== null) return [["events_by_actor", eq(events.actorId, actorId)]];
  const joined = reader
    .select({ id: members.projectId })
    .from(members)
    .where(eq(members.userId, scope.userId))
    .limit(WAYS_MAX + 1)
    .all();
  if (joined.length > WAYS_MAX) return null;
  return [
    ["events_by_owner", eq(events.ownerId, scope.userId)],
    ["events_by_actor", eq(events.actorId, scope.userId)],
    ...joined.map(({ id }): Way => ["events_by_project", eq(events.projectId, id)]),
    ...(isOperator ? [["events_by_project", isNull(events.projectId)] as const] : []),
  ];
}

/** By the ways' own indexes: the planner would read the events of everybody. */
function amongst(ways: readonly Way[] | null): SQL | undefined {
  if (ways === null) return undefined;
  const each = ways.map(
    ([index, way]) =>
      sql`select ${sequenceOf(events)} from ${events} indexed by ${sql.raw(index)} where ${way}`,
  );
  return sql`${sequenceOf(events)} in (${sql.join(each, sql` union `)})`;
}

/** The ids of a page and one more, in order; null: not by these ways. */
async function newestIds(
  reader: Reader,
  ways: readonly Way[] | null,
  all: SQL | undefined,
  query: PageQuery<EventColumn>,
  measure: Measure,
): Promise<readonly string[] | null> {
  const { sortBy, sortOrder, page, limit } = query;
  const offset = query.after === undefined ? (query.offset ?? (page - 1) * limit) : 0;
  const rows = offset + limit + 1;
  if (ways === null || sortBy !== "created_at" || rows > WAY_ROWS_MAX) return null;
  const isAscending = sortOrder === "asc";
  const found = new Map<string, Candidate>();
  const columns = sql`${events.id} as id, ${events.createdAt} as at, ${sequenceOf(events)} as sequence`;
  const which = and(all, isAfter(sorted, query));
  const wanted = { columns, rows, isAscending };
  for await (const some of matching<Candidate>(reader, ways, which, wanted, measure)) {
    for (const each of some) found.set(each.id, each);
  }
  const inOrder = [...found.values()].toSorted((one, other) => {
    const [a, b] = isAscending ? [one, other] : [other, one];
    return a.at < b.at ? -1 : a.at > b.at ? 1 : a.sequence - b.sequence;
  });
  return inOrder.slice(offset, rows).map(({ id }) => id);
}

/** As many as match, of `eventsCountedMax` at most. */
function countPlanned(reader: Reader, all: SQL | undefined): number {
  const some = reader
    .select({ one: sql`1`.as("one") })
    .from(events)
    .where(all)
    .limit(eventsCountedMax)
    .as("some");
  return reader.select({ n: count() }).from(some).get()?.n ?? 0;
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
