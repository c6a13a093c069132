import type { Log } from "../../log.ts";
import type { CredentialLocation } from "../../policy/credential-location.ts";
import type { Inside } from "../curl/internal-request.ts";
import type { Live } from "../exchange/active-exchanges.ts";
import type { Exchange, ExchangeEnd } from "../exchange/exchange.ts";
import { type AwaitedHead, HeadDeadlines } from "../exchange/response-deadline.ts";
import { keepTrace } from "../exchange/trace-context.ts";
import { cookieWithout, targetWithout } from "../gate/credentials.ts";
import type { HookedRoute } from "../hooks/hook-route.ts";
import type { UpstreamAddress } from "../routing/upstream-address.ts";
import { boundedBody } from "./bounded-body.ts";
import { isAmbiguous } from "./framing.ts";
import { removeClaims, removeHopByHop } from "./header-rules.ts";
import { answerBody } from "./response-body.ts";
import type { UpstreamTlsOptions } from "./tls.ts";

/** An allowed request on its way to its upstream. */
export interface Forwarded {
  /** What it was allowed as, and whether that still holds: when it does no more, the exchange is broken off. */
  readonly live: Live;
  /** Is told how long the upstream took, and how many bytes came from it. */
  readonly exchange: Exchange;
  /** The path and query as they came. */
  readonly target: string;
  /** The socket peer, unmapped. */
  readonly peer: string;
  readonly peerTrusted: boolean;
  /** The client's address. */
  readonly client: string;
  /** What the client used to reach us, as far as we know. */
  readonly scheme: "http" | "https";
  /** The body where it is here already; null: it comes with the request, if there is one. */
  readonly held: Uint8Array<ArrayBuffer> | null;
  /** Not null: it was not sent by a client. */
  readonly inside: Inside | null;
  /** Not null: the script of a hook is asked instead of the program. */
  readonly hooked: HookedRoute | null;
  /** Called as soon as the connection may be idle again no longer than between requests; maybe more than once. Not when there is no answer. */
  readonly ended: (how: ExchangeEnd) => void;
}

/** Why there is no answer. */
export type ForwardFailure = "upstream_unreachable" | "upstream_timeout" | "answer_too_large";

export interface ForwardOptions {
  /** How long an upstream may take to begin its answer once it has the request. */
  readonly responseHeaderMs: number;
  /** How certificates of upstreams are looked at. */
  readonly upstreamTls: UpstreamTlsOptions;
  readonly log: Log;
}

/**
 * Shorter bodies of known length are not watched, which costs some 25 µs of CPU: those of requests are handed over natively,
 * those of answers are taken whole. The latter could be native too, but the runtime prints whatever breaks a native one
 * off, with URL and query, and there is no hook for it.
 */
const WATCHED_BODY_BYTES_MIN = 65_536;

/**
 * Requests to upstreams over fetch: the one file that knows how we dial.
 *
 * What fetch adds and cannot be told not to: `User-Agent: Bun/…` and `Accept: *`+`/*` where the client sent none. It repeats
 * GET, HEAD, PUT and DELETE once when a reused connection breaks before the answer begins. Bun runs at most 256 fetches at
 * a time unless BUN_CONFIG_MAX_HTTP_REQUESTS says otherwise when the process starts.
 */
export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #deadlines: HeadDeadlines;
  readonly #session: Bun.FetchSession;

  constructor(options: ForwardOptions) {
    this.#options = options;
    this.#deadlines = new HeadDeadlines(options.responseHeaderMs);
    this.#session = new Bun.FetchSession({
      // No proxy variable of the environment may divert what was decided for one address.
      proxy: false,
      tls: options.upstreamTls,
    });
  }

  /** The upstream's answer as it comes, or why there is none. Cancelled when the client goes away. */
  async forward(request: Request, forwarded: Forwarded): Promise<Response | ForwardFailure> {
    const { live, hooked, inside } = forwarded;
    const { address, port, secure, target } = destination(forwarded);
    const scheme = secure ? "https" : "http";
    const head =
      hooked === null ? this.#deadlines.start() : this.#deadlines.startFor(hooked.hook.timeoutMs);
    request.signal.addEventListener("abort", head);
    if (request.signal.aborted) {
      head.break();
    }
    whenRevoked(forwarded, () => head.break());
    try {
      const response = await fetch(`${scheme}://${address.urlHost}:${port}${target}`, {
        session: this.#session,
        method: request.method,
        headers: requestHeaders(request, forwarded),
        body: forwarded.held ?? bodyOf(request, head),
        signal: head.signal,
        redirect: "manual",
        decompress: false,
        timeout: false,
      });
      const nowMs = performance.now();
      forwarded.exchange.upstreamMs = nowMs - head.movedAtMs;
      if (!isResponse(response.status) || isAmbiguous(response.headers)) {
        head.break();
        this.#warn(forwarded, isResponse(response.status) ? "AmbiguousFraming" : "UnusableStatus");
        return "upstream_unreachable";
      }
      if (isTakenWhole(request.method, response)) {
        head.moved(nowMs);
        this.#deadlines.adopt(head);
        const whole = await response.blob();
        removeHopByHop(response.headers);
        forwarded.exchange.bytes = whole.size;
        forwarded.ended("complete");
        return new Response(whole, response);
      }
      if (inside !== null && inside.wholeBytesMax !== null && response.body !== null) {
        head.moved(nowMs);
        this.#deadlines.adopt(head);
        return await takenWhole(response, response.body, inside.wholeBytesMax, forwarded, head);
      }
      return streamed(request, response, forwarded, head);
    } catch (error) {
      if (head.expired) {
        return "upstream_timeout";
      }
      if (!request.signal.aborted && live.revoked === null) {
        this.#warn(forwarded, nameOf(error));
      }
      return "upstream_unreachable";
    } finally {
      this.#deadlines.end(head);
    }
  }

  #warn(forwarded: Forwarded, error: string): void {
    const { requestId } = forwarded.exchange;
    const { address, port } = destination(forwarded);
    this.#options.log.warn(
      { requestId, address: address.text, port, error },
      forwarded.hooked === null ? "upstream failed" : "hook failed",
    );
  }

  /** Closes idle connections and stops the deadlines. */
  stop(): void {
    this.#deadlines.stop();
    this.#session.close();
  }
}

/** The exchange it is made for is broken off like its own. */
function whenRevoked({ live, inside }: Forwarded, listener: () => void): void {
  live.whenRevoked(listener);
  inside?.live.whenRevoked(listener);
}

/** Where an exchange goes: its program, or the script of its hook. */
export interface Destination {
  readonly address: UpstreamAddress;
  readonly port: number;
  readonly secure: boolean;
  /** Path and query, without spent credentials. */
  readonly target: string;
}

/** Scripts are asked in plain HTTP, as `exec` is by everyone. */
export function destination({ live, hooked, target }: Forwarded): Destination {
  if (hooked !== null) {
    return { address: hooked.address, port: hooked.port, secure: false, target: hooked.target };
  }
  const { route, spent } = live.allowed;
  const { address, port, secure } = route;
  return { address, port, secure, target: targetWithout(target, spent) };
}

/** What goes upstream of the client's headers, and what we say besides. */
export function requestHeaders(request: Request, forwarded: Forwarded): Headers {
  const received = request.headers;
  const { route, groups, spent } = forwarded.live.allowed;
  const headers = new Headers(received);
  removeHopByHop(headers);
  removeClaims(headers, received, forwarded.peerTrusted);
  removeSpent(headers, spent);
  keepTrace(headers, forwarded.exchange.traceId);
  // Ours are added last: neither Connection nor anything else the client sent can touch them.
  const theirs = forwarded.peerTrusted ? headers.get("x-forwarded-for") : null;
  headers.set(
    "x-forwarded-for",
    theirs === null ? forwarded.client : `${theirs}, ${forwarded.peer}`,
  );
  setUnlessTold(headers, "x-forwarded-proto", forwarded.scheme);
  setUnlessTold(headers, "x-forwarded-host", received.get("host") ?? "");
  headers.set("x-realmgate-program", route.program);
  headers.set("x-realmgate-instance", String(route.instance));
  if (groups !== null) {
    headers.set("x-realmgate-groups", groups.join(","));
  }
  headers.set("x-realmgate-request-id", forwarded.exchange.requestId);
  for (const [name, value] of forwarded.hooked?.headers ?? []) {
    headers.set(name, value);
  }
  return headers;
}

/** A trusted proxy in front of us knows better than we do what the client used; an untrusted peer's word is gone by now. */
function setUnlessTold(headers: Headers, name: string, value: string): void {
  if (headers.get(name) === null) {
    headers.set(name, value);
  }
}

function removeSpent(headers: Headers, spent: readonly CredentialLocation[]): void {
  for (const { kind, name } of spent) {
    if (kind === "header") {
      headers.delete(name);
    }
  }
  const line = spent.length === 0 ? null : headers.get("cookie");
  if (line === null) {
    return;
  }
  const rest = cookieWithout(line, spent);
  if (rest === null) {
    headers.delete("cookie");
  } else {
    headers.set("cookie", rest);
  }
}

/** Never the message: the runtime's errors carry the URL, and the query may hold a secret. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return "unknown";
  }
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

function bodyOf(request: Request, head: AwaitedHead): ReadableStream<Uint8Array> | null {
  const { body } = request;
  return body === null || isShort(request.headers)
    ? body
    : watched(body, () => head.moved(performance.now()));
}

/** Whatever the length says, a body that has a transfer coding goes on until it ends. */
export function isShort(headers: Headers): boolean {
  const length = headers.get("content-length");
  return (
    length !== null &&
    Number(length) < WATCHED_BODY_BYTES_MIN &&
    headers.get("transfer-encoding") === null
  );
}

/** The same bytes, at the pace they are taken. `moved` is told of each chunk and of the end. */
function watched(body: ReadableStream<Uint8Array>, moved: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await reader.read().catch((error: unknown) => {
        // The runtime prints what ends a stream.
        throw new Error(`body broke off: ${nameOf(error)}`);
      });
      moved();
      if (done) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Statuses whose answers have no body, whatever their headers say. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** Without a type the runtime would make one up. */
function isTakenWhole(method: string, { status, headers }: Response): boolean {
  return (
    method !== "HEAD" &&
    !BODILESS.has(status) &&
    isShort(headers) &&
    headers.get("content-type") !== null
  );
}

/** A Response can only be made of these; 101 was not asked for. */
function isResponse(status: number): boolean {
  return status >= 200 && status <= 599;
}

/** The answer with all of its body, which is kept. */
async function takenWhole(
  response: Response,
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
  { exchange, ended }: Forwarded,
  head: AwaitedHead,
): Promise<Response | ForwardFailure> {
  if (!isResponse(response.status)) {
    head.break();
    return "upstream_unreachable";
  }
  const whole = await boundedBody(body, bytesMax);
  if (!(whole instanceof Uint8Array)) {
    head.break();
    return whole === "too_long"
      ? "answer_too_large"
      : head.expired
        ? "upstream_timeout"
        : "upstream_unreachable";
  }
  removeHopByHop(response.headers);
  exchange.bytes = whole.byteLength;
  ended("complete");
  const { status, headers } = response;
  return new Response(BODILESS.has(status) ? null : whole, { status, headers });
}

function streamed(
  { method, signal }: Request,
  response: Response,
  forwarded: Forwarded,
  head: AwaitedHead,
): Response {
  const { exchange, ended } = forwarded;
  removeHopByHop(response.headers);
  const { body, headers, status, statusText } = response;
  if (body === null || method === "HEAD") {
    ended("complete");
    return response;
  }
  // The runtime calls a short body without a type application/octet-stream, and browsers then save what they should show.
  // A stream of our own is left as it is.
  const passed = answerBody(body, {
    live: { whenRevoked: (listener) => whenRevoked(forwarded, listener) },
    gone: signal,
    letGo: () => head.break(),
    moved: (bytes) => {
      exchange.bytes += bytes;
    },
    over: ended,
  });
  return new Response(passed, { status, statusText, headers });
}
