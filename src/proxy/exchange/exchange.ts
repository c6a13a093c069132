import type { Question, Verdict } from "../gate/authorize.ts";
import { REFUSAL_REASONS, type RefusalReason } from "../gate/refusal.ts";
import type { DirectHost } from "../routing/host.ts";

/** Why an exchange went as it did: what let the request through, or what refused it. */
export const EXCHANGE_REASONS = [
  "open",
  "granted",
  "default_allow",
  /** Its client was gone before there was anything to answer. */
  "client_gone",
  ...REFUSAL_REASONS,
] as const;

export type ExchangeReason = (typeof EXCHANGE_REASONS)[number];

/** How an exchange ended once it was answered. `broken`: what came from the upstream stopped in the middle. */
export type ExchangeEnd = "complete" | "client_gone" | "broken" | "revoked";

/** Who is told of exchanges; each exchange is told of once. */
export interface ExchangeWatch {
  /** Its answer is known and about to be sent. */
  answered(exchange: Exchange): void;
  /** It was answered and is over. */
  ended(exchange: Exchange): void;
}

/** What is remembered of one exchange, from its arrival to its end, for counters and for the access log. No credential. */
export class Exchange {
  readonly requestId: string;
  readonly method: string;
  /** Milliseconds, as `performance.now()` has them. */
  readonly startedMs: number;
  /** Its client's address, as far as it is known. */
  client: string;
  /** Path and query as they came; null: there is no path. The query is nobody's business but the upstream's. */
  target: string | null = null;
  /** Id of the trace that the client says it belongs to. */
  traceId: string | null = null;
  /** How long the upstream took to begin its answer once it had the request; null when it did not. */
  upstreamMs: number | null = null;
  /** Id of the hook that it met; null: none. */
  hookId: string | null = null;
  /** Bytes of the answer's body that came from the upstream. */
  bytes = 0;
  readonly #watch: ExchangeWatch;
  #host: DirectHost | null = null;
  #alias: string | null = null;
  #groups: readonly string[] | null = null;
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

  /** What it was judged as; null: nothing there is. */
  get host(): DirectHost | null {
    return this.#host;
  }

  /** The short host it came by, whether or not that leads anywhere. */
  get alias(): string | null {
    return this.#alias;
  }

  /** Names of the groups that granted it; null: none did. */
  get groups(): readonly string[] | null {
    return this.#groups;
  }

  get reason(): ExchangeReason {
    return this.#reason;
  }

  /** Of the answer; null when nobody was there to be answered. */
  get status(): number | null {
    return this.#status;
  }

  /** Whether the answer is the upstream's; otherwise it is ours. */
  get fromUpstream(): boolean {
    return this.#fromUpstream;
  }

  /** How long it took until the answer was about to be sent. */
  get headMs(): number {
    return this.#headMs;
  }

  /** Null as long as it goes on. */
  get end(): ExchangeEnd | null {
    return this.#end;
  }

  judged({ host }: Question, verdict: Verdict): void {
    this.#host = verdict.host;
    this.#alias = host.kind === "alias" ? host.name : null;
    if (!verdict.allow) {
      return;
    }
    const { route, groups, spent } = verdict;
    this.#groups = groups;
    this.#reason = route.policy === null ? "open" : groups === null ? "default_allow" : "granted";
    if (spent.some(({ kind, name }) => kind === "header" && name === "traceparent")) {
      this.traceId = null;
    }
  }

  /** The upstream's answer is passed on; or, with 101, its connection. */
  passes(status: number): void {
    this.#fromUpstream ||= !this.#answered;
    this.#answer(status);
  }

  /** It is answered here, with what was asked for. */
  serves(status: number): void {
    this.#answer(status);
  }

  /** It is answered here, and so it is over. */
  refused(reason: RefusalReason, status: number): void {
    const gone = this.#end === "client_gone";
    this.#reason = gone ? "client_gone" : reason;
    this.#end = gone ? "client_gone" : "complete";
    this.#answer(gone ? null : status);
  }

  /** To be called whenever it may be over; the first call counts. Before the answer: what went on with the upstream is. */
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
