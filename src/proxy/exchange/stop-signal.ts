import type { Denial, RefusalReason } from "../gate/refusal.ts";
import type { ExchangeEnd } from "./exchange.ts";

/** Why an exchange that was allowed is no longer. */
export interface Revocation {
  readonly reason: RefusalReason;
  readonly denial: Denial | undefined;
}

/** Why an exchange, or one attempt to reach its upstream, is stopped before it is complete. */
export type StopReason =
  /** The policy no longer allows it. */
  | { readonly kind: "revoked"; readonly revocation: Revocation }
  /** The client closed its connection. */
  | { readonly kind: "client_gone" }
  /** The exchange on whose behalf the gate made this request was revoked. */
  | { readonly kind: "caller_revoked" }
  /** Nothing moved for too long. */
  | { readonly kind: "silent" }
  /** It held bytes that were not taken, and others need the memory. */
  | { readonly kind: "stalled" }
  /** The upstream did not begin its response in time. */
  | { readonly kind: "deadline" }
  /** The response is unusable: the upstream's connection is cut off. */
  | { readonly kind: "unusable" };

export const CLIENT_GONE: StopReason = { kind: "client_gone" };
export const CALLER_REVOKED: StopReason = { kind: "caller_revoked" };
export const SILENT: StopReason = { kind: "silent" };
export const STALLED: StopReason = { kind: "stalled" };
export const DEADLINE: StopReason = { kind: "deadline" };
export const UNUSABLE: StopReason = { kind: "unusable" };

/** How an exchange ends whose body is stopped for this reason. */
export function endBy({ kind }: StopReason): ExchangeEnd {
  switch (kind) {
    case "client_gone":
    case "stalled":
      return kind;
    case "silent":
      return "broken";
    default:
      return "revoked";
  }
}

export interface StopListener {
  /** Called at most once. Must not throw. */
  stopped(reason: StopReason): void;
}

/**
 * Stops work that is under way, like an AbortSignal with a typed reason, at a fraction of its cost: one small object, listeners
 * that are objects, no events. The first reason counts. After `close` no listener is called.
 */
export class StopSignal {
  #reason: StopReason | null = null;
  #closed = false;
  /** Nearly all have one. */
  #first: StopListener | null = null;
  #others: StopListener[] | null = null;

  /** Null: it was not stopped. */
  get reason(): StopReason | null {
    return this.#reason;
  }

  /** Calls `listener` when it is stopped; at once when it is stopped already. */
  on(listener: StopListener): void {
    if (this.#reason !== null) {
      listener.stopped(this.#reason);
    } else if (!this.#closed) {
      if (this.#first === null && this.#others === null) {
        this.#first = listener;
      } else {
        this.#others ??= [];
        this.#others.push(listener);
      }
    }
  }

  off(listener: StopListener): void {
    if (this.#first === listener) {
      this.#first = null;
      return;
    }
    const place = this.#others?.indexOf(listener) ?? -1;
    if (place !== -1) {
      this.#others?.splice(place, 1);
    }
  }

  /** In the order in which the listeners were added. */
  stop(reason: StopReason): void {
    if (this.#reason !== null || this.#closed) {
      return;
    }
    this.#reason = reason;
    const [first, others] = [this.#first, this.#others];
    this.#first = null;
    this.#others = null;
    first?.stopped(reason);
    for (const listener of others ?? []) {
      listener.stopped(reason);
    }
  }

  /** It is over: it can no longer be stopped, and forgets its listeners. */
  close(): void {
    this.#closed = true;
    this.#first = null;
    this.#others = null;
  }
}

/** A platform signal for what takes nothing else (fetch, sockets). Costly: a few in a hundred of a request. */
export class PlatformSignal implements StopListener {
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stopped(): void {
    this.#controller.abort();
  }
}
