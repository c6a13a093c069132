// EventService: the audit trail as a caller may see it.

import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type Event,
  EventActorSchema,
  EventSchema,
  EventService,
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
import { isOperator } from "../auth/caller.ts";
import type { EventFilter, EventViewer, StoredEvent } from "../store/event-records.ts";
import type { Store } from "../store/store.ts";

export interface EventServiceParts {
  readonly store: Store;
  readonly cursors: ListCursors;
}

export function eventService({ store, cursors }: EventServiceParts): Implementation {
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
    const page = new RequestedPage<"created_at">(cursors, key, request, 20);
    const found = await store.events(viewer, { ...page.query, ...filter });
    const items = found.items.map((event) => eventMessage(event, viewer));
    return { items, pagination: page.pagination(found) };
  }

  async function stats(context: Context, filter: EventFilter) {
    const counts = await store.eventCounts(viewerOf(context), filter);
    const total = counts.values().reduce((sum, n) => sum + n, 0);
    return { message: create(EventStatsSchema, { total, kinds: Object.fromEntries(counts) }) };
  }

  return {
    service: EventService,
    methods: {
      async listEvents(request: ListEventsRequest, context) {
        const { items, pagination } = await list(context, request, filterOf(request));
        return { message: create(ListEventsResponseSchema, { events: items, pagination }) };
      },

      getEventStats(request: GetEventStatsRequest, context) {
        return stats(context, filterOf(request));
      },

      async getEvent({ id }: GetEventRequest, context) {
        const viewer = viewerOf(context);
        const event = await store.event(viewer, id);
        if (event === null) throw new ApiError(ErrorCode.EVENT_NOT_FOUND);
        return { message: eventMessage(event, viewer) };
      },

      async deleteEvent() {
        throw new ApiError(ErrorCode.EVENTS_APPEND_ONLY);
      },

      async listActivity(request: ListActivityRequest, context) {
        const filter = { ...filterOf(request), isActivity: true };
        const { items, pagination } = await list(context, request, filter);
        return { message: create(ListActivityResponseSchema, { logs: items, pagination }) };
      },

      getActivityStats(request: GetActivityStatsRequest, context) {
        return stats(context, { ...filterOf(request), isActivity: true });
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

type Asked = Pick<ListEventsRequest, "kind" | "since" | "until"> &
  Partial<Pick<ListEventsRequest, "actorId" | "resourceId" | "projectId">>;

function filterOf(request: Asked): EventFilter {
  return {
    kind: request.kind ?? null,
    actorId: request.actorId ?? null,
    resourceId: request.resourceId ?? null,
    projectId: request.projectId ?? null,
    since: request.since ?? null,
    until: request.until ?? null,
    isActivity: false,
  };
}

/** Tells lists with other filters apart. */
function keyOf(filter: EventFilter): string[] {
  return Object.values(filter).map((value) => `${value ?? ""}`);
}

/**
 * From where and with which token is for whoever did it, for the owner and for operators; in a realm only where the call was made
 * in that realm, too.
 */
function eventMessage(event: StoredEvent, { scope, isOperator: operates }: EventViewer): Event {
  const { userId, realms } = scope;
  const isOwn = event.actorId === userId || event.ownerId === userId || operates;
  const isHere = realms.every((realmId) => realmId === event.realmId);
  const { tokenId, ip, requestId, realmId } = isOwn && isHere ? event : hidden;
  const { actorId, actorName } = event;
  const { id, kind, createdAt } = event;
  const message = create(EventSchema, { id, kind, createdAt, fields: [...event.fields] });
  if (actorId !== null) {
    message.actor = create(EventActorSchema, { id: actorId, username: actorName ?? "" });
  }
  const known = {
    tokenId,
    clientIp: ip,
    requestId,
    realmId,
    resourceType: event.resourceKind,
    resourceId: event.resourceId,
    projectId: event.projectId,
    versionBefore: event.versionBefore,
    versionAfter: event.versionAfter,
    code: event.code,
    attempted: event.attempted,
  };
  return Object.assign(message, present(known));
}

const hidden = { tokenId: null, ip: null, requestId: null, realmId: null } as const;

type Nullable = Readonly<Record<string, string | number | null>>;

/** Without what is null. */
function present(fields: Nullable): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
