import type { Allowed, AuthorizationRequest, AuthorizationResult } from "../gate/authorize.ts";
import { REFUSAL_REASONS, type RefusalReason } from "../gate/refusal.ts";
import type { DirectHost } from "../routing/host.ts";

/** The most granting groups named in the access log and in X-Realmgate-Groups. */
export const groupsNamedMax = 16;

/** Why an exchange went as it did: what let the request through, or what refused it. */
export const EXCHANGE_REASONS = [
  "open",
  "granted",
  "default_allow",
  /** A CORS preflight that no group granted, sent on because one could. */
  "preflight",
  /** The client was gone before there was a response. */
  "client_gone",
  ...REFUSAL_REASONS,
] as const;

export type ExchangeReason = (typeof EXCHANGE_REASONS)[number];

/**
 * How an exchange ended. `broken`: the upstream stopped in the middle of its response, or did not begin one; `stalled`: it held
 * bytes that were not taken, and others needed the memory.
 */
export type ExchangeEnd = "complete" | "client_gone" | "broken" | "revoked" | "stalled";

/** Observes exchanges; each method is called once an exchange. */
export interface ExchangeWatch {
  /** Its response is known and about to be sent. */
  answered(exchange: Exchange): void;
  /** Its response was sent, and it is over. */
  ended(exchange: Exchange): void;
}

/** The record of one exchange, from arrival to end, for metrics and the access log. Holds no credential. */
export class Exchange {
  readonly requestId: string;
  readonly method: string;
  /** Milliseconds, as `performance.now()` has them. */
  readonly startedMs: number;
  /** The client's address; the peer's until admission has determined it. */
  client: string;
  /** Target as received; null: none. Its query may hold secrets of the upstream: it is never logged. */
  target: string | null = null;
  /** Trace id that the client sent; null: none. */
  traceId: string | null = null;
  /** The header that has the trace id, as it came. */
  traceparent: string | null = null;
  /** Milliseconds from the moment the upstream had the request until its response began; null when it did not. */
  upstreamMs: number | null = null;
  /** Id of the hook that answered in place of the program; null: none. */
  hookId: string | null = null;
  /** Bytes of the response body received from the upstream. */
  bytes = 0;
  /** Parts of bodies, messages and control frames that moved in either direction, besides those that `bytes` counts. */
  moves = 0;
  /** Whether pages of other origins may read a refusal. */
  isReadable = false;
  readonly #watch: ExchangeWatch;
  #host: DirectHost | null = null;
  #alias: string | null = null;
  #groups: readonly string[] | null = null;
  #subject: string | null = null;
  #reason: ExchangeReason = "internal_error";
  #status: number | null = null;
  #fromUpstream = false;
  #headMs = 0;
  #answered = false;
  #end: ExchangeEnd | null = null;

  constructor(watch: ExchangeWatch, requestId: string, method: string, client: string) {
    this.#watch = watch;
    this.requestId = requestId;
    this.method = method;
    this.client = client;
    this.startedMs = performance.now();
  }

  /** Changes whenever something moves. */
  get progress(): number {
    return this.bytes + this.moves;
  }

  /** The host that it was authorized for; null: the request was refused before, or its alias leads nowhere. */
  get host(): DirectHost | null {
    return this.#host;
  }

  /** The alias in its Host, whether or not it leads anywhere; null: none. */
  get alias(): string | null {
    return this.#alias;
  }

  /** The program as the client's own Host names it, once it was authorized; null: an alias stands for it. */
  get named(): DirectHost | null {
    return this.#alias === null ? this.#host : null;
  }

  /** Names of the groups that granted it; null: no group did. */
  get groups(): readonly string[] | null {
    return this.#groups;
  }

  /** Whom a credential names that matched a group; null: none does. */
  get subject(): string | null {
    return this.#subject;
  }

  get reason(): ExchangeReason {
    return this.#reason;
  }

  /** Status of the response; null when the client was gone before there was one. */
  get status(): number | null {
    return this.#status;
  }

  /** Whether the response is the upstream's; otherwise it is the gate's. */
  get fromUpstream(): boolean {
    return this.#fromUpstream;
  }

  /** Milliseconds from arrival until the response was about to be sent. */
  get headMs(): number {
    return this.#headMs;
  }

  /** Null while it is active. */
  get end(): ExchangeEnd | null {
    return this.#end;
  }

  authorized({ host }: AuthorizationRequest, result: AuthorizationResult): void {
    this.#host = result.host;
    this.#subject = result.subject;
    this.#alias = host.kind === "alias" ? host.name : null;
    if (!result.allow) {
      this.isReadable = result.isReadable;
      return;
    }
    const { route, groups, consumedCredentials } = result;
    this.#groups = groups;
    this.#reason = allowedAs(result);
    this.isReadable = route.policy?.passesPreflights ?? false;
    if (consumedCredentials.some(({ kind, name }) => kind === "header" && name === "traceparent")) {
      this.traceId = null;
    }
  }

  /** The upstream's response is passed on; with 101, its connection. */
  passes(status: number): void {
    this.#fromUpstream ||= !this.#answered;
    this.#answer(status);
  }

  /** The gate itself answers, with what the request asked for. */
  serves(status: number): void {
    this.#answer(status);
  }

  /** The gate refuses it, and so it is over. */
  refused(reason: RefusalReason, status: number): void {
    const gone = this.#end === "client_gone";
    this.#reason = gone ? "client_gone" : reason;
    this.#end = gone ? "client_gone" : "complete";
    this.#answer(gone ? null : status);
  }

  /** The first call counts. When it comes before the response is known, the upstream's part is over. */
  ended(how: ExchangeEnd): void {
    if (this.#end === null) {
      this.#end = how;
      if (this.#answered) {
        this.#watch.ended(this);
      }
    }
  }

  #answer(status: number | null): void {
    if (this.#answered) {
      return;
    }
    this.#answered = true;
    this.#status = status;
    this.#headMs = performance.now() - this.startedMs;
    this.#watch.answered(this);
    if (this.#end !== null) {
      this.#watch.ended(this);
    }
  }
}

function allowedAs({ route, groups, passedPreflight }: Allowed): ExchangeReason {
  if (passedPreflight) {
    return "preflight";
  }
  return route.policy === null ? "open" : groups === null ? "default_allow" : "granted";
}
