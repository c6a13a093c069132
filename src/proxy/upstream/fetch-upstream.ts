import { methodNamed } from "../../http1/method.ts";
import type { Log } from "../../log.ts";
import { clientLine } from "../exchange/byte-owner.ts";
import {
  ResponseHeaderTimeouts,
  type UpstreamAttempt,
} from "../exchange/response-header-timeout.ts";
import { type Refusal, refusal } from "../gate/refusal.ts";
import { boundedBody } from "./bounded-body.ts";
import { BrokenBodyError } from "./broken-body.ts";
import { mayAuthenticateConnection } from "./connection-auth.ts";
import { destination, failureFields, failureMessage } from "./destination.ts";
import { isSentAsItIs } from "./fetch-methods.ts";
import { statedLength } from "./framing.ts";
import { type ClientRequest, errorName, outgoingBody } from "./request-body.ts";
import { isSafeValue } from "./request-bytes.ts";
import { requestHeaders } from "./request-headers.ts";
import { hasNoBody, isAmbiguous, isFinalStatus, isTakenWhole } from "./response-checks.ts";
import { cleanResponseHeaders } from "./response-headers.ts";
import type { UpstreamTlsOptions } from "./tls.ts";
import { endsConnection, wholeBody } from "./unread-body.ts";
import {
  type Answered,
  answered,
  type ForwardedRequest,
  failed,
  type ResponseBody,
} from "./upstream.ts";

export interface FetchUpstreamOptions {
  /** The response-header timeout, in milliseconds: how long an upstream that has the request may take to begin its response. */
  readonly responseHeaderMs: number;
  /** How certificates of upstreams are verified. */
  readonly upstreamTls: UpstreamTlsOptions;
  readonly responseBody: ResponseBody;
  /** Bytes that the body of a request must have in each minute. */
  readonly bodyBytesPerMinuteMin: number;
  readonly log: Log;
}

/**
 * Requests to upstreams over fetch.
 *
 * What fetch adds and cannot be told not to: `User-Agent: Bun/…` and `Accept: *`+`/*` where the client sent none. It repeats
 * GET, HEAD, PUT and DELETE once when a reused connection breaks before the response begins. Bun runs at most 256 fetches at
 * a time unless BUN_CONFIG_MAX_HTTP_REQUESTS says otherwise when the process starts.
 */
export class FetchUpstream {
  readonly #options: FetchUpstreamOptions;
  readonly #timeouts: ResponseHeaderTimeouts;
  readonly #session: Bun.FetchSession;

  constructor(options: FetchUpstreamOptions) {
    this.#options = options;
    this.#timeouts = new ResponseHeaderTimeouts(options.responseHeaderMs);
    this.#session = new Bun.FetchSession({
      // No proxy variable of the environment may divert what was decided for one address.
      proxy: false,
      tls: options.upstreamTls,
    });
  }

  /** The upstream's response as it arrives. Cut off when the exchange is stopped. */
  async forward(
    request: ClientRequest,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | Refusal> {
    if (!isSentAsItIs(request.method)) return refusal("method_not_allowed");
    const { active, detour, internal } = forwarded;
    const { exchange } = active;
    const { bodyBytesPerMinuteMin } = this.#options;
    const { address, port, secure, target } = destination(forwarded);
    const scheme = secure ? "https" : "http";
    const ownMs = active.allowed.route.settings.responseHeaderMs;
    const limitMs = detour === null ? ownMs : detour.timeoutMs;
    const attempt = limitMs === null ? this.#timeouts.start() : this.#timeouts.startFor(limitMs);
    active.signal.on(attempt);
    const headers = requestHeaders(request.headers, forwarded);
    if (![...headers.values()].every(isSafeValue)) return refusal("bad_request");
    const isLast = isLastOf(request, forwarded.held);
    if (isLast) headers.set("connection", "close");
    try {
      const response = await fetch(`${scheme}://${address.urlHost}:${port}${target}`, {
        session: this.#session,
        method: request.method,
        headers,
        // Connections are shared by all clients: one that authenticates itself serves this request alone.
        keepalive: !isLast && !mayAuthenticateConnection(headers.get("authorization")),
        body:
          forwarded.held ??
          outgoingBody(request, bodyBytesPerMinuteMin, clientLine(active), {
            moved: () => {
              attempt.moved(performance.now());
              exchange.moves++;
            },
            // Once there is an answer it is a stream in both directions, whose silence alone is limited.
            tooSlow: () => {
              if (exchange.upstreamMs === null) attempt.expire();
            },
          }),
        signal: attempt.signal,
        redirect: "manual",
        decompress: false,
        timeout: false,
      });
      const nowMs = performance.now();
      exchange.upstreamMs = nowMs - attempt.movedAtMs;
      if (!isFinalStatus(response.status) || isAmbiguous(response.headers)) {
        attempt.cutOff();
        this.#warn(
          forwarded,
          isFinalStatus(response.status) ? "AmbiguousFraming" : "UnusableStatus",
        );
        return failed("upstream_unreachable");
      }
      if (isTakenWhole(request.method, response)) {
        attempt.moved(nowMs);
        this.#timeouts.adopt(attempt, ownMs);
        const whole = await response.blob();
        cleanResponseHeaders(response.headers, forwarded);
        exchange.bytes = whole.size;
        active.end("complete");
        return answered(new Response(whole, response));
      }
      if (internal !== null && internal.wholeBytesMax !== null && response.body !== null) {
        attempt.moved(nowMs);
        this.#timeouts.adopt(attempt, ownMs);
        return await readWhole(response, response.body, internal.wholeBytesMax, forwarded, attempt);
      }
      return answered(this.#streamed(request.method, response, forwarded, attempt));
    } catch (error) {
      if (attempt.expired) {
        return failed("upstream_timeout");
      }
      if (error instanceof BrokenBodyError) return refusal("bad_request");
      if (active.stopped === null) {
        this.#warn(forwarded, errorName(error));
      }
      return failed("upstream_unreachable");
    } finally {
      this.#timeouts.end(attempt);
      active.signal.off(attempt);
    }
  }

  /**
   * The response with its body as it arrives. To HEAD without a length it has a stream that is never read: the runtime calls no
   * body at all 0 bytes long, which GET would not. Within the gate it would be read, and has no end.
   */
  #streamed(
    method: string,
    response: Response,
    forwarded: ForwardedRequest,
    attempt: UpstreamAttempt,
  ): Response {
    const { active, internal } = forwarded;
    const length = statedLength(response.headers);
    cleanResponseHeaders(response.headers, forwarded);
    const { body, headers, status, statusText } = response;
    if (body === null || method === "HEAD") {
      active.end("complete");
      const isUnsized = method === "HEAD" && internal === null && length === null;
      return isUnsized && !hasNoBody(status)
        ? new Response(new ReadableStream<Uint8Array>(), { status, statusText, headers })
        : response;
    }
    // From here on the body listens to the exchange's signal, and cuts off the upstream itself.
    active.signal.off(attempt);
    // The runtime calls a short body without a type application/octet-stream, and browsers then save what they should show.
    // A stream of our own is left as it is.
    const passed = this.#options.responseBody(body, {
      active,
      length,
      source: null,
      cutOffUpstream: () => attempt.cutOff(),
    });
    return new Response(passed, { status, statusText, headers });
  }

  #warn(forwarded: ForwardedRequest, error: string): void {
    this.#options.log.warn(failureFields(forwarded, error), failureMessage(forwarded));
  }

  /** Closes idle connections and stops the timeouts. */
  stop(): void {
    this.#timeouts.stop();
    this.#session.close();
  }
}

/** See `endsConnection`. */
function isLastOf(
  { method, headers, body, bodyStart }: ClientRequest,
  held: Uint8Array | null,
): boolean {
  const number = methodNamed(method);
  if (held !== null) return endsConnection(number, held.byteLength, wholeBody(held));
  if (body === null) return false;
  return endsConnection(number, statedLength(headers) ?? -1, bodyStart ?? null);
}

/** The response with all of its body, for a caller within the gate. */
async function readWhole(
  response: Response,
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
  forwarded: ForwardedRequest,
  attempt: UpstreamAttempt,
): Promise<Answered<Response> | Refusal> {
  const { active } = forwarded;
  const whole = await boundedBody(body, bytesMax, destination(forwarded).address.text);
  if (!(whole instanceof Uint8Array)) {
    const { expired } = attempt;
    attempt.cutOff();
    if (whole === "too_long") {
      return failed("answer_too_large");
    }
    return failed(expired ? "upstream_timeout" : "upstream_unreachable");
  }
  cleanResponseHeaders(response.headers, forwarded);
  active.exchange.bytes = whole.byteLength;
  active.end("complete");
  const { status, headers } = response;
  return answered(new Response(hasNoBody(status) ? null : whole, { status, headers }));
}
