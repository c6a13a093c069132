// The event of a running call. The store writes it in the transaction of the call's first write that changes something, so that
// neither is there without the other.
import { AsyncLocalStorage } from "node:async_hooks";
import type { NewEvent } from "./event-records.ts";
import type { ResourceKey, Token, User } from "./records.ts";

export interface EventDraft extends NewEvent {
  /** What the resource lies in, known before the call; null: the call makes it, or it is an account or a token. */
  readonly within: ResourceKey | null;
  /** The call takes the resource away: what it was counts, not what is left. */
  readonly takesAway: boolean;
}

/** What an account is when a write of its call begins. */
export interface Standing extends Pick<User, "isAdmin" | "isBanned" | "sessionGeneration"> {
  /** The token that the call came with, its parent, and so on; empty where it is gone, or none came. */
  readonly chain: readonly Token[];
}

export class CallEvent {
  draft: EventDraft;
  /** Committed. */
  isRecorded = false;
  /** Throws where the caller may not do it any more; null: the account is gone. Whatever it throws takes the write back. */
  readonly checkActor: (standing: Standing | null) => void;

  constructor(draft: EventDraft, checkActor: CallEvent["checkActor"] = () => {}) {
    this.draft = draft;
    this.checkActor = checkActor;
  }
}

/** Set while a call runs that leaves an event. */
export const callEvent = new AsyncLocalStorage<CallEvent>();

/** Names the event otherwise, once the call knows better. */
export function renameEvent(kind: string): void {
  const event = callEvent.getStore();
  if (event !== undefined) event.draft = { ...event.draft, kind };
}

/** Whether a write's result says that it changed something: the store's refusals are null, false or a word. */
export function changedSomething(result: unknown): boolean {
  return typeof result === "object" ? result !== null : result === true;
}

/** The id of what a write made or changed: the request's, else the result's, else the caller's own account. */
export function resourceIdOf(draft: EventDraft, result: unknown): string | null {
  const { resourceKind, resourceId, actorId } = draft;
  const own = resourceKind === "user" ? actorId : null;
  return resourceId ?? idIn(resourceKind, result) ?? own;
}

function idIn(kind: string | null, result: unknown): string | null {
  if (typeof result !== "object" || result === null) return null;
  const inner = kind === null ? undefined : Reflect.get(result, kind);
  const id = Reflect.get(typeof inner === "object" && inner !== null ? inner : result, "id");
  return typeof id === "string" ? id : null;
}

/** The versions of a document that a write's result names. */
export function versionsIn(result: unknown): Pick<NewEvent, "versionBefore" | "versionAfter"> {
  const version =
    typeof result === "object" && result !== null ? Reflect.get(result, "version") : undefined;
  if (typeof version !== "number") return { versionBefore: null, versionAfter: null };
  return { versionBefore: version - 1, versionAfter: version };
}

/** Where an event's resource lies, and to whom it belongs. */
export interface EventPlace {
  readonly projectId: string | null;
  readonly ownerId: string;
  readonly realmIds: readonly string[];
}

/** The event of a write, of what was there before and after. */
export function finished(
  draft: EventDraft,
  result: unknown,
  before: EventPlace | null,
  after: EventPlace | null,
): { readonly event: NewEvent; readonly place: EventPlace | null } {
  const place = draft.takesAway ? before : (after ?? before);
  const resourceId = resourceIdOf(draft, result);
  return { event: { ...draft, resourceId, ...versionsIn(result) }, place };
}
