// What the audit trail keeps, and what it is asked.
import type { Scope } from "./records.ts";

export const EVENT_RESOURCES = [
  "project",
  "container",
  "alias",
  "permission",
  "token",
  "user",
  "realm",
  "node",
] as const;

export type EventResource = (typeof EVENT_RESOURCES)[number];

/** What was done, or refused. Fields: names, never values. */
export interface NewEvent {
  readonly kind: string;
  /** Of a refusal: its code, and the kind that the call would have had. */
  readonly code: string | null;
  readonly attempted: string | null;
  readonly actorId: string | null;
  readonly actorName: string | null;
  readonly tokenId: string | null;
  readonly ip: string | null;
  readonly requestId: string | null;
  /** The realm that the call was made in. */
  readonly realmId: string | null;
  readonly resourceKind: EventResource | null;
  readonly resourceId: string | null;
  readonly fields: readonly string[];
  readonly versionBefore: number | null;
  readonly versionAfter: number | null;
  /** The HTTP method and path of the call's route, over whichever transport it came; null: not kept of this event. */
  readonly method: string | null;
  readonly path: string | null;
  /** The HTTP status that it was answered with. */
  readonly status: number | null;
}

export interface StoredEvent extends NewEvent {
  readonly id: string;
  readonly createdAt: string;
  readonly projectId: string | null;
  /** The owner of the project, or whose account or token it is; null: nobody known. */
  readonly ownerId: string | null;
  /** The realms that what it is about was in. */
  readonly realmIds: readonly string[];
}

/** Who looks at events. */
export interface EventViewer {
  readonly scope: Scope;
  /** Null: a session. */
  readonly tokenId: string | null;
  /** Sees the events of all accounts. */
  readonly isOperator: boolean;
}

/** Which events; null: all. */
export interface EventFilter {
  /** These kinds, and all below them. */
  readonly kinds: readonly string[] | null;
  readonly resourceKinds: readonly EventResource[] | null;
  /** True: only of permission documents; false: only others. */
  readonly isOfDocument: boolean | null;
  readonly actorId: string | null;
  readonly resourceId: string | null;
  readonly projectId: string | null;
  /** This container, or one of its aliases. */
  readonly containerId: string | null;
  readonly since: string | null;
  readonly until: string | null;
  /** What the viewer's account did, and what was done with it. */
  readonly isActivity: boolean;
  /** Answered with a status in this range. */
  readonly minStatus: number | null;
  readonly maxStatus: number | null;
  readonly method: string | null;
}

export const EVERY_EVENT: EventFilter = {
  ...{ kinds: null, resourceKinds: null, isOfDocument: null, actorId: null, resourceId: null },
  ...{ projectId: null, containerId: null, since: null, until: null, isActivity: false },
  ...{ minStatus: null, maxStatus: null, method: null },
};

export type EventColumn = "created_at" | "event_type";

/** Of events, the newest `eventsCountedMax` at most. */
export interface EventCounts {
  /** By kind and type of resource. */
  readonly counts: readonly EventCount[];
  readonly oldest: string | null;
  readonly newest: string | null;
}

export interface EventCount {
  readonly kind: string;
  readonly resourceKind: EventResource | null;
  readonly n: number;
}

/** The kinds of events about permission documents, and all below them. */
export const documentKinds = ["proxy.permissions", "proxy.settings", "proxy.hook"] as const;
