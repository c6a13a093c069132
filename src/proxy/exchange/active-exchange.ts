import type { Place } from "../../guard/fair-shares.ts";
import type { Allowed, AuthorizationRequest, AuthorizationResult } from "../gate/authorize.ts";
import type { RefusalReason } from "../gate/refusal.ts";
import type { Exchange, ExchangeEnd } from "./exchange.ts";
import {
  CALLER_REVOKED,
  CLIENT_GONE,
  type Revocation,
  type StopReason,
  StopSignal,
} from "./stop-signal.ts";

/** The client's connection, as far as an exchange on it affects it. Edges implement it. */
export interface ClientConnection {
  /** The exchange begins: suspend the idle limit, and call `active.clientGone()` when the client goes away. */
  exchangeBegan(active: ActiveExchange): void;
  /** Called once when the exchange is over, however it ended: restore the idle limit. */
  exchangeEnded(): void;
}

/** Where active exchanges are registered. */
export interface ActiveRegistry {
  /** It can no longer be revoked. */
  remove(active: ActiveExchange): void;
  /** When it must be authorized again though nothing changed, in Unix milliseconds. */
  allowedUntil(active: ActiveExchange, untilMs: number): void;
  /** It was revoked. */
  revoked(reason: RefusalReason): void;
}

/**
 * An allowed exchange while it runs: a request with its response, a WebSocket, a tunnel. The one owner of "this exchange is
 * over": whatever ends it calls `end`, which takes it off the registry, ends its record and restores the client's idle limit.
 */
export class ActiveExchange {
  /** What is remembered of it, for metrics and logs. */
  readonly exchange: Exchange;
  readonly request: AuthorizationRequest;
  /** Stops it from outside: revoked, client gone. */
  readonly signal = new StopSignal();
  /** The second in which it must be authorized again though nothing changed; kept by the registry. */
  expirySecond: number | null = null;
  /** Its place among all; kept by the registry. Null: it has given it back. */
  place: Place | null = null;
  readonly #registry: ActiveRegistry;
  #connection: ClientConnection | null;
  #allowed: Allowed;
  #ended = false;

  constructor(
    registry: ActiveRegistry,
    exchange: Exchange,
    request: AuthorizationRequest,
    allowed: Allowed,
    connection: ClientConnection,
  ) {
    this.#registry = registry;
    this.exchange = exchange;
    this.request = request;
    this.#allowed = allowed;
    this.#connection = connection;
  }

  /** The latest authorization; its container and project never change. */
  get allowed(): Allowed {
    return this.#allowed;
  }

  /** Why it was stopped from outside; null: it was not. */
  get stopped(): StopReason | null {
    return this.signal.reason;
  }

  /** It is over; the first call counts. One that was revoked ended as revoked, whatever the caller saw of it. */
  end(how: ExchangeEnd): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.signal.close();
    this.#registry.remove(this);
    const connection = this.#connection;
    this.#connection = null;
    connection?.exchangeEnded();
    this.exchange.ended(this.stopped?.kind === "revoked" ? "revoked" : how);
  }

  /** It failed before there was a response. */
  fail(): void {
    this.end(this.stopped?.kind === "client_gone" ? "client_gone" : "broken");
  }

  /** Who answers for the container ends it, though it is allowed. */
  cutOff(): void {
    if (this.#ended || this.stopped !== null) {
      return;
    }
    this.#revoke({ reason: "cut_off", denial: undefined });
  }

  clientGone(): void {
    this.signal.stop(CLIENT_GONE);
  }

  /** For an exchange that is made on behalf of another one: it stops with that one. */
  followCaller(caller: ActiveExchange): void {
    caller.signal.on({
      stopped: ({ kind }) =>
        this.signal.stop(kind === "client_gone" ? CLIENT_GONE : CALLER_REVOKED),
    });
  }

  /** The client's connection became something else and has no idle limit of ours. Lets go of the request that it began with. */
  handOver(): void {
    this.#connection = null;
  }

  /** A new authorization. An exchange whose destination changed is stopped, too: its bytes go to the old one. */
  reauthorized(result: AuthorizationResult): void {
    if (this.#ended || this.stopped !== null) {
      return;
    }
    if (result.allow && leadsTo(result, this.#allowed)) {
      this.#allowed = result;
      this.#registry.allowedUntil(this, result.untilMs);
      return;
    }
    this.#revoke(
      result.allow
        ? { reason: "no_upstream", denial: undefined }
        : { reason: result.reason, denial: result.denial },
    );
  }

  #revoke(revocation: Revocation): void {
    this.#registry.remove(this);
    this.#registry.revoked(revocation.reason);
    this.signal.stop({ kind: "revoked", revocation });
  }
}

/** The same container at the same address and, by an alias, the same path. */
function leadsTo(one: Allowed, other: Allowed): boolean {
  return (
    one.host.container === other.host.container &&
    one.host.project === other.host.project &&
    one.route.address.text === other.route.address.text &&
    one.route.port === other.route.port &&
    one.route.secure === other.route.secure &&
    one.alias?.target === other.alias?.target &&
    one.alias?.takesPaths === other.alias?.takesPaths
  );
}
