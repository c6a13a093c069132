// Which events a request asks for: its filters, by our names and by those of the documented product.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type {
  GetActivityStatsRequest,
  GetEventStatsRequest,
  ListActivityRequest,
  ListEventsRequest,
} from "../../../proto/gen/realmgate/v1/events_pb.ts";
import { isoTimeMs } from "../api/iso-time.ts";
import {
  documentKinds,
  EVENT_RESOURCES,
  type EventFilter,
  type EventResource,
} from "../store/event-records.ts";

type Request =
  | ListEventsRequest
  | GetEventStatsRequest
  | ListActivityRequest
  | GetActivityStatsRequest;

type Filters = Partial<
  Omit<ListEventsRequest, "$typeName" | "$unknown"> &
    Omit<ListActivityRequest, "$typeName" | "$unknown">
>;

const DOCUMENT = "proxy_permissions";

/** The documented types of what we keep under other names. */
const documentedTypes: Partial<Record<EventResource, string>> = {
  alias: "proxy_alias",
  token: "auth_token",
};

/** Other names of types in newer clients. */
const alsoCalled: Partial<Record<EventResource, string>> = { permission: "project_permission" };

/** Documented kinds that tell of states, and the calls that lead there. */
const statesOf: Readonly<Record<string, readonly string[]>> = {
  "container.creating": ["container.created"],
  "container.running": ["container.started", "container.resumed", "container.restarted"],
  "container.deleting": ["container.deleted"],
  "container.stopped": ["container.stopped", "container.force_stopped"],
};

const REFUSED_FROM = 400;

/** Throws ApiError INVALID_PARAMETER_VALUE for times that are none, and where both names of a filter say different things. */
export function filterOf(request: Request): EventFilter {
  const asked: Filters = request;
  const kind = one("event_type", asked.kind, asked.eventType);
  const { method, resourceId, projectId, containerId, actorId } = asked;
  const errorsFrom = asked.errorsOnly === true ? REFUSED_FROM : 0;
  const minStatus = Math.max(errorsFrom, asked.minStatus ?? 0);
  return {
    kinds: kind === undefined ? null : kindsOf(kind),
    ...typeFilter(asked.resourceType),
    actorId: actorId ?? null,
    resourceId: resourceId ?? null,
    projectId: projectId ?? null,
    containerId: containerId ?? null,
    since: timeOf("since", one("start_date", asked.since, asked.startDate)),
    until: timeOf("until", one("end_date", asked.until, asked.endDate)),
    isActivity: false,
    minStatus: minStatus === 0 ? null : minStatus,
    maxStatus: asked.maxStatus ?? null,
    method: method ?? null,
  };
}

/** Whoever asks names the kind: it may be the name of anything that objects have. */
function kindsOf(kind: string): readonly string[] {
  return (Object.hasOwn(statesOf, kind) ? statesOf[kind] : undefined) ?? [kind];
}

/** As the documented product names what an event is about; null: nothing known. */
export function resourceType(kind: string, resource: EventResource | null): string | null {
  if (resource === null) return null;
  const isDocument = documentKinds.some((each) => kind === each || kind.startsWith(`${each}.`));
  return isDocument ? DOCUMENT : (documentedTypes[resource] ?? resource);
}

function typeFilter(type: string | undefined): Pick<EventFilter, "resourceKinds" | "isOfDocument"> {
  if (type === undefined) return { resourceKinds: null, isOfDocument: null };
  if (type === DOCUMENT) return { resourceKinds: null, isOfDocument: true };
  // Types of the documented product that are not here have no events.
  const kinds = EVENT_RESOURCES.filter(
    (each) => type === (documentedTypes[each] ?? each) || type === alsoCalled[each],
  );
  return { resourceKinds: kinds, isOfDocument: false };
}

function one(name: string, ours: string | undefined, documented: string | undefined) {
  if (ours !== undefined && documented !== undefined && ours !== documented) {
    throw invalid(`/${name}`, "says something else than the filter of our name");
  }
  return ours ?? documented;
}

/** As events keep times: UTC, milliseconds. */
function timeOf(name: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  const ms = isoTimeMs(text);
  if (ms === null) throw invalid(`/${name}`, "must be a time in ISO 8601");
  return new Date(ms).toISOString();
}

export function invalid(instancePath: string, message: string): ApiError {
  return new ApiError(ErrorCode.INVALID_PARAMETER_VALUE, [{ instancePath, message }]);
}
