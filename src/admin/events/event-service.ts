// EventService: the audit trail as a caller may see it.

import { create, type JsonObject } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type Event,
  EventActorSchema,
  EventSchema,
  EventService,
  type EventStats,
  EventStatsSchema,
  type GetActivityStatsRequest,
  type GetEventRequest,
  type GetEventStatsRequest,
  type ListActivityRequest,
  ListActivityResponseSchema,
  type ListEventsRequest,
  ListEventsResponseSchema,
} from "../../../proto/gen/realmgate/v1/events_pb.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import { lacking } from "../api/lacking.ts";
import type { ListCursors } from "../api/list-cursor.ts";
import { RequestedPage } from "../api/page.ts";
import { NOT_RECORDED } from "../api/refusal-events.ts";
import { isOperator } from "../auth/caller.ts";
import type {
  EventColumn,
  EventCounts,
  EventFilter,
  EventViewer,
  StoredEvent,
} from "../store/event-records.ts";
import type { Store } from "../store/store.ts";
import { filterOf, invalid, resourceType } from "./event-filter.ts";

export interface EventServiceParts {
  readonly store: Store;
  readonly cursors: ListCursors;
  /** Days that events are kept. */
  readonly retentionDays: number;
}

/** Entries of a page when the request names no number. */
const EVENTS_A_PAGE = 20;

export function eventService({ store, cursors, retentionDays }: EventServiceParts): Implementation {
  async function list(
    context: Context,
    request: ListEventsRequest | ListActivityRequest,
    filter: EventFilter,
  ) {
    const viewer = viewerOf(context);
    const key = [
      "ListEvents",
      viewer.scope.userId,
      viewer.tokenId ?? "",
      ...keyOf(filter),
    ] as const;
    const page = new RequestedPage<EventColumn>(cursors, key, request, EVENTS_A_PAGE);
    const query = { ...page.query, ...filter };
    const found = await store.events(viewer, query, (read) => context.work.measure(read));
    const items = found.items.map((event) => eventMessage(event, viewer));
    return { items, found, pagination: page.pagination(found) };
  }

  function counted(context: Context, filter: EventFilter): Promise<EventCounts> {
    return store.eventCounts(viewerOf(context), filter, (read) => context.work.measure(read));
  }

  async function refuse(): Promise<never> {
    throw new ApiError(ErrorCode.EVENTS_APPEND_ONLY);
  }

  return {
    service: EventService,
    methods: {
      async listEvents(request: ListEventsRequest, context) {
        const offset = offsetOf(request);
        const { items, found, pagination } = await list(context, request, filterOf(request));
        const { page, limit } = pagination;
        pagination.offset = offset ?? (page - 1) * limit;
        pagination.hasMore = found.next !== null;
        if (offset !== undefined) pagination.page = Math.floor(offset / limit) + 1;
        return { message: create(ListEventsResponseSchema, { events: items, pagination }) };
      },

      async getEventStats(request: GetEventStatsRequest, context) {
        return { message: statsMessage(await counted(context, filterOf(request))) };
      },

      async getEvent({ id }: GetEventRequest, context) {
        const viewer = viewerOf(context);
        const event = await store.event(viewer, id);
        if (event === null) throw new ApiError(ErrorCode.EVENT_NOT_FOUND);
        return { message: eventMessage(event, viewer) };
      },

      deleteEvent: refuse,
      deleteEvents: refuse,
      cleanUpEvents: refuse,

      async listActivity(request: ListActivityRequest, context) {
        const filter = { ...filterOf(request), isActivity: true };
        const { items, pagination } = await list(context, request, filter);
        const { total, page, limit, totalPages, nextCursor } = pagination;
        const metadata = { total, page, limit, pages: totalPages };
        const next = nextCursor === undefined ? {} : { nextCursor };
        return { message: create(ListActivityResponseSchema, { logs: items, metadata, ...next }) };
      },

      async getActivityStats(request: GetActivityStatsRequest, context) {
        const counts = await counted(context, { ...filterOf(request), isActivity: true });
        const message = statsMessage(counts);
        message.totalRecords = message.total;
        message.retentionDays = retentionDays;
        if (counts.oldest !== null) message.oldestRecord = counts.oldest;
        if (counts.newest !== null) message.newestRecord = counts.newest;
        return { message };
      },
    },
  };
}

/** Throws ApiError INSUFFICIENT_PERMISSIONS for a token without `event_access`. */
function viewerOf({ caller, scope }: Context): EventViewer {
  const { token } = caller;
  if (token !== null && !token.rights.eventAccess) {
    throw lacking("a token with event_access");
  }
  return {
    scope,
    tokenId: token?.token.id ?? null,
    isOperator: token === null && isOperator(caller),
  };
}

/** Throws ApiError INVALID_PARAMETER_VALUE where the request says twice where the page begins. */
function offsetOf({ offset, page, cursor }: ListEventsRequest): number | undefined {
  if (offset !== undefined && (page !== undefined || cursor !== undefined)) {
    throw invalid("/offset", "must not be set beside page or cursor");
  }
  return offset;
}

function statsMessage({ counts, oldest, newest }: EventCounts): EventStats {
  const kinds: Record<string, number> = {};
  const byResource: Record<string, number> = {};
  let total = 0;
  for (const { kind, resourceKind, n } of counts) {
    total += n;
    kinds[kind] = (kinds[kind] ?? 0) + n;
    const type = resourceType(kind, resourceKind);
    if (type !== null) byResource[type] = (byResource[type] ?? 0) + n;
  }
  return create(EventStatsSchema, {
    ...{ total, kinds, totalEvents: total, byType: kinds, byResource },
    ...(oldest === null ? {} : { oldestEvent: oldest }),
    ...(newest === null ? {} : { newestEvent: newest }),
  });
}

/** Tells lists with other filters apart. */
function keyOf(filter: EventFilter): string[] {
  return Object.values(filter).map((value) => JSON.stringify(value));
}

/**
 * From where and with which token is for whoever did it, for the owner and for operators; in a realm only where the call was made
 * in that realm, too.
 */
function eventMessage(stored: StoredEvent, { scope, isOperator: operates }: EventViewer): Event {
  const fields = stored.fields.filter((name) => operates || !name.startsWith(NOT_RECORDED));
  const event = { ...stored, fields };
  const { userId, realms } = scope;
  const isOwn = event.actorId === userId || event.ownerId === userId || operates;
  const isHere = realms.every((realmId) => realmId === event.realmId);
  const { tokenId, ip, requestId, realmId } = isOwn && isHere ? event : hidden;
  const { actorId, actorName } = event;
  const { id, kind, createdAt } = event;
  // Of what is in other realms, too, the caller learns nothing.
  const realmIds = realms.length === 0 ? event.realmIds : realms;
  const message = create(EventSchema, {
    ...{ id, kind, eventType: kind, createdAt },
    ...{ fields: [...event.fields], payload: payloadOf(event), realmIds: [...realmIds] },
  });
  if (actorId !== null) {
    message.actor = create(EventActorSchema, { id: actorId, username: actorName ?? "" });
  }
  const known = {
    userId: actorId,
    tokenId,
    clientIp: ip,
    ipAddress: ip,
    requestId,
    realmId,
    resourceType: resourceType(kind, event.resourceKind),
    resourceId: event.resourceId,
    projectId: event.projectId,
    versionBefore: event.versionBefore,
    versionAfter: event.versionAfter,
    code: event.code,
    attempted: event.attempted,
    method: event.method,
    path: event.path,
    statusCode: event.status,
  };
  return Object.assign(message, present(known));
}

/** What is known beyond the documented fields, as the payload of the documented product. */
function payloadOf(event: StoredEvent): JsonObject {
  const { projectId, versionBefore, versionAfter, code, attempted } = event;
  return {
    fields: [...event.fields],
    ...present({
      ...{ project_id: projectId, version_before: versionBefore, version_after: versionAfter },
      ...{ code, attempted },
    }),
  };
}

const hidden = { tokenId: null, ip: null, requestId: null, realmId: null } as const;

type Nullable = Readonly<Record<string, string | number | null>>;

/** Without what is null. */
function present(fields: Nullable): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(fields).filter((each): each is [string, string | number] => each[1] !== null),
  );
}
