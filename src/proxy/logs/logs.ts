// The built-in logs program: who accessed this container, for those whom its document grants the program by name.
import type { ExchangeLogReader, RecentReader } from "../../exchange-log/exchange-log.ts";
import { AccountPlaces } from "../../guard/account-places.ts";
import { KeyedLimit } from "../../guard/keyed-limit.ts";
import { targetWithout } from "../gate/credentials.ts";
import { type Refusal, refusal } from "../gate/refusal.ts";
import { pathOf, queryOf } from "../routing/request-target.ts";
import type { ClientRequest } from "../upstream/request-body.ts";
import { type Answered, answered, type ForwardedRequest } from "../upstream/upstream.ts";
import { listed } from "./listed.ts";
import { type LogParameters, numberOf, parametersOf } from "./log-request.ts";
import { LogStream } from "./log-stream.ts";
import { ReadBudget } from "./read-budget.ts";

/** Streams of one container, of the containers of one account, and in all. */
const STREAMS_OF_ONE_MAX = 8;
const STREAMS_OF_ACCOUNT_MAX = 32;
const STREAMS_MAX = 256;

/** Of a list read forward: what `afterId` is to be for the next one, also where no entry passed the filter. */
const NEXT_ID = "x-realmgate-after-id";

/** It is about people, and for who asked alone. */
const GUARDS = {
  "cache-control": "no-store",
  "content-security-policy": "sandbox",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

export class LogsProgram {
  readonly #log: (ExchangeLogReader & RecentReader) | null;
  readonly #reads = new ReadBudget();
  readonly #streamsOf = new KeyedLimit(STREAMS_OF_ONE_MAX);
  readonly #streams = new AccountPlaces(STREAMS_MAX, STREAMS_OF_ACCOUNT_MAX);

  /** `log` null: there is no exchange log, and so no such program. */
  constructor(log: (ExchangeLogReader & RecentReader) | null) {
    this.#log = log;
  }

  /** Answers an admitted request for this program. */
  async answer(
    request: ClientRequest,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | Refusal> {
    const { active } = forwarded;
    const { allowed } = active;
    if (this.#log === null) return refusal("no_upstream");
    // Admission has seen to it, too.
    if (allowed.groups === null) return refusal("no_upstream");
    const target = targetWithout(forwarded.admitted.target, allowed.consumedCredentials);
    const path = pathOf(target);
    if (path !== "/_logs" && path !== "/_logs/stats" && path !== "/_logs/stream") {
      return whole(forwarded, { error: "not_found" }, 404);
    }
    if (request.method !== "GET") {
      return whole(forwarded, { error: "method_not_allowed" }, 405, { allow: "GET" });
    }
    const { container } = allowed.host;
    const { account } = allowed.route;
    const mayRead = () => this.#reads.take(container, performance.now());
    if (!mayRead()) return limited(forwarded);
    const parameters = parametersOf(queryOf(target));
    try {
      if (path === "/_logs/stream") {
        return this.#streamed(this.#log, forwarded, parameters, request.headers);
      }
      if (path === "/_logs/stats") {
        return whole(forwarded, await this.#log.stats(container, account), 200);
      }
      const of = { log: this.#log, container, account, mayRead };
      const { body, nextId } = await listed(of, parameters);
      return whole(forwarded, body, 200, nextId === null ? {} : { [NEXT_ID]: String(nextId) });
    } catch {
      return whole(forwarded, { error: "unavailable" }, 503);
    }
  }

  #streamed(
    log: ExchangeLogReader,
    forwarded: ForwardedRequest,
    parameters: LogParameters,
    headers: Headers,
  ): Answered<Response> {
    const { active } = forwarded;
    const { container } = active.allowed.host;
    const { account } = active.allowed.route;
    // Before it begins: one whose client has left already is over at once.
    if (!this.#enter(container, account)) return limited(forwarded);
    const stream = new LogStream({
      log,
      active,
      parameters,
      lastId: numberOf(headers.get("last-event-id")),
      over: () => {
        this.#streamsOf.leave(container);
        this.#streams.leave(account);
      },
    });
    active.exchange.serves(200);
    return answered(
      new Response(stream.body, {
        headers: { ...ownHeaders(forwarded), "content-type": "text/event-stream" },
      }),
    );
  }

  /** False: there is no place. Nobody loses one to somebody who comes later. */
  #enter(container: string, account: string): boolean {
    if (!this.#streamsOf.enter(container)) return false;
    if (this.#streams.enter(account)) return true;
    this.#streamsOf.leave(container);
    return false;
  }
}

function whole(
  forwarded: ForwardedRequest,
  body: unknown,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Answered<Response> {
  const { active } = forwarded;
  active.exchange.serves(status);
  active.end("complete");
  return answered(
    Response.json(body, { status, headers: { ...ownHeaders(forwarded), ...headers } }),
  );
}

function limited(forwarded: ForwardedRequest): Answered<Response> {
  return whole(forwarded, { error: "rate_limited" }, 429, { "retry-after": "2" });
}

function ownHeaders({ active }: ForwardedRequest): Record<string, string> {
  return { ...GUARDS, "x-realmgate-request-id": active.exchange.requestId };
}
