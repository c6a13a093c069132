// The built-in logs program: who accessed this container, for those whom its document grants the program by name.
import type { ExchangeLogReader, RecentReader } from "../../exchange-log/exchange-log.ts";
import { targetWithout } from "../gate/credentials.ts";
import { type Refusal, refusal } from "../gate/refusal.ts";
import { pathOf, queryOf } from "../routing/request-target.ts";
import type { ClientRequest } from "../upstream/request-body.ts";
import { type Answered, answered, type ForwardedRequest } from "../upstream/upstream.ts";
import { listed } from "./listed.ts";
import { type LogParameters, numberOf, parametersOf } from "./log-request.ts";
import { LogStream } from "./log-stream.ts";
import { ReadBudget } from "./read-budget.ts";

/** Streams of one container, of one project, and in all. */
const STREAMS_OF_ONE_MAX = 8;
const STREAMS_OF_PROJECT_MAX = 32;
const STREAMS_MAX = 64;

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
  /** By project, the oldest first. */
  readonly #streams = new Map<string, Set<OpenStream>>();
  #streamsInAll = 0;

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
    const mayRead = () => this.#reads.take(container, performance.now());
    if (!mayRead()) return limited(forwarded);
    const parameters = parametersOf(queryOf(target));
    try {
      if (path === "/_logs/stream") {
        return this.#streamed(this.#log, forwarded, parameters, request.headers);
      }
      if (path === "/_logs/stats") return whole(forwarded, await this.#log.stats(container), 200);
      const { body, nextId } = await listed({ log: this.#log, container, mayRead }, parameters);
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
    const { container, project } = active.allowed.host;
    if (!this.#hasRoom(project, container)) return limited(forwarded);
    const open: OpenStream = { container, end: () => stream.displaced() };
    // Before it begins: one whose client has left already is over at once.
    this.#add(project, open);
    const stream = new LogStream({
      log,
      active,
      parameters,
      lastId: numberOf(headers.get("last-event-id")),
      over: () => this.#remove(project, open),
    });
    active.exchange.serves(200);
    return answered(
      new Response(stream.body, {
        headers: { ...ownHeaders(forwarded), "content-type": "text/event-stream" },
      }),
    );
  }

  /** When all places are taken, the project with the most gives up its oldest to one that has fewer by two or more. */
  #hasRoom(project: string, container: string): boolean {
    const own = this.#streams.get(project) ?? new Set();
    const ofContainer = [...own].filter((each) => each.container === container).length;
    if (ofContainer >= STREAMS_OF_ONE_MAX || own.size >= STREAMS_OF_PROJECT_MAX) return false;
    if (this.#streamsInAll < STREAMS_MAX) return true;
    const [largest] = [...this.#streams.values()].toSorted((one, other) => other.size - one.size);
    if (largest === undefined || largest.size < own.size + 2) return false;
    const [oldest] = largest;
    oldest?.end();
    return true;
  }

  #add(project: string, stream: OpenStream): void {
    const own = this.#streams.get(project) ?? new Set();
    this.#streams.set(project, own.add(stream));
    this.#streamsInAll++;
  }

  #remove(project: string, stream: OpenStream): void {
    const own = this.#streams.get(project);
    if (own?.delete(stream) !== true) return;
    this.#streamsInAll--;
    if (own.size === 0) this.#streams.delete(project);
  }
}

interface OpenStream {
  readonly container: string;
  /** Ends it; it is removed at once. */
  end(): void;
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
