// What the audit trail keeps, and what it is asked.
import type { Scope } from "./records.ts";

export type EventResource =
  | "project"
  | "container"
  | "alias"
  | "permission"
  | "token"
  | "user"
  | "realm"
  | "node";

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
}

export interface StoredEvent extends NewEvent {
  readonly id: string;
  readonly createdAt: string;
  readonly projectId: string | null;
  /** The owner of the project, or whose account or token it is; null: nobody known. */
  readonly ownerId: string | null;
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
  /** This kind, and all below it. */
  readonly kind: string | null;
  readonly actorId: string | null;
  readonly resourceId: string | null;
  readonly projectId: string | null;
  readonly since: string | null;
  readonly until: string | null;
  /** What the viewer's account did, and what was done with it. */
  readonly isActivity: boolean;
}
