// One request of a platform edge on its way to its upstream, from its header fields to the end of the response.
import { type ByteHolder, type HeldBytes, HeldShare } from "../../guard/held-bytes.ts";
import { WholeBody } from "../../guard/whole-body.ts";
import { methodNamed } from "../../http1/method.ts";
import type { Log } from "../../log.ts";
import { clientLine, holdsOf } from "../exchange/byte-owner.ts";
import { STALLED, type StopListener, type StopReason } from "../exchange/stop-signal.ts";
import { type Refusal, refusal } from "../gate/refusal.ts";
import { BodyPace } from "./body-pace.ts";
import { destination, failureFields, failureMessage } from "./destination.ts";
import { isShort, statedLength } from "./framing.ts";
import { isGrpc, statusLost } from "./grpc.ts";
import { FAILURE_NAMES, type RawFailure } from "./raw/raw-receiver.ts";
import type { ClientRequest } from "./request-body.ts";
import { lengthIn, type RequestFraming } from "./request-bytes.ts";
import { requestHeaders } from "./request-headers.ts";
import { type PumpOwner, RequestPump } from "./request-pump.ts";
import { hasNoBody, isFinalStatus, isTakenWhole } from "./response-checks.ts";
import { cleanResponseHeaders } from "./response-headers.ts";
import { ResponseStream } from "./response-stream.ts";
import { endsConnection, wholeBody } from "./unread-body.ts";
import {
  type Answered,
  answered,
  type ForwardedRequest,
  failed,
  type ResponseBody,
  type TrailerSection,
} from "./upstream.ts";
import type { CallMaker, CallReceiver, ResponseStart, UpstreamCall } from "./upstream-call.ts";

export interface ForwardingOptions {
  /** The response-header timeout, in milliseconds: how long an upstream that has the request may take to begin its response. */
  readonly responseHeaderMs: number;
  readonly responseBody: ResponseBody;
  /** Whether trailers of responses reach clients. */
  readonly carriesTrailers: boolean;
  /** Bytes that the body of a request must have in each minute. */
  readonly bodyBytesPerMinuteMin: number;
  /** Bytes that upstreams do not take. */
  readonly held: HeldBytes;
  readonly log: Log;
}

type ForwardOutcome = Answered<Response> | Refusal;

/** Begins when it is made. */
export class Forwarding implements CallReceiver, StopListener, PumpOwner, ByteHolder {
  /** The response as soon as its header fields are there, or with all of it where it is short. Rejects with errors of the gate. */
  readonly outcome: Promise<ForwardOutcome>;
  readonly #request: ClientRequest;
  readonly #forwarded: ForwardedRequest;
  readonly #options: ForwardingOptions;
  readonly #call: UpstreamCall;
  readonly #resolve: (outcome: ForwardOutcome) => void;
  readonly #reject: (error: unknown) => void;
  #pump: RequestPump | null = null;
  #movedAtMs: number;
  /** The response, where it is sent when all of it is there. */
  #whole: WholeBody | null = null;
  #stream: ResponseStream | null = null;
  /** Behind the response; its lines are known when it is whole. */
  readonly #trailers: TrailerSection = { lines: null };
  #headers: Headers | null = null;
  #status = 0;
  #statusText = "";
  #isAnswered = false;
  /** Not null: the upstream did not take at once what it was sent. */
  #share: HeldShare | null = null;

  constructor(
    request: ClientRequest,
    forwarded: ForwardedRequest,
    options: ForwardingOptions,
    makeCall: CallMaker,
  ) {
    this.#request = request;
    this.#forwarded = forwarded;
    this.#options = options;
    this.#movedAtMs = performance.now();
    this.#call = makeCall(this);
    const { promise, resolve, reject } = Promise.withResolvers<ForwardOutcome>();
    this.outcome = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    const { active } = forwarded;
    active.signal.on(this);
    if (active.stopped === null) this.#send();
  }

  #send(): void {
    const forwarded = this.#forwarded;
    const { detour, held } = forwarded;
    const { address, port, target } = destination(forwarded);
    const request = this.#request;
    const headers = requestHeaders(request.headers, forwarded);
    const framing = framingOf(headers, request.body, held);
    if (framing === null) {
      this.#refuseUnsafe();
      return;
    }
    const call = this.#call;
    if (held === null && request.body !== null) {
      const pace = isShort(headers) ? null : new BodyPace(this.#options.bodyBytesPerMinuteMin);
      this.#pump = new RequestPump(
        request.body,
        call,
        framing,
        pace,
        this,
        clientLine(forwarded.active),
      );
    }
    const start = held === null ? (request.bodyStart ?? null) : wholeBody(held);
    const isSent = call.send({
      method: request.method,
      target,
      headers,
      framing,
      held,
      isStreamed: this.#pump !== null,
      isLast: endsConnection(methodNamed(request.method), lengthIn(framing), start),
      address: address.text,
      port,
      responseHeaderMs: detour?.timeoutMs ?? this.#ownMs,
    });
    if (!isSent) this.#refuseUnsafe();
  }

  /** The runtime let something through that the upstream could read as another message. */
  #refuseUnsafe(): void {
    this.#stop();
    this.#answer(refusal("bad_request"));
  }

  /** The time limit of its program. */
  get #ownMs(): number {
    const { responseHeaderMs } = this.#forwarded.active.allowed.route.settings;
    return responseHeaderMs ?? this.#options.responseHeaderMs;
  }

  onDrain(): void {
    this.#pump?.drained();
  }

  onResponse(start: ResponseStart): void {
    try {
      this.#begun(start);
    } catch (error) {
      this.#threw(error);
    }
  }

  #begun(start: ResponseStart): void {
    const { active, internal } = this.#forwarded;
    const { method } = this.#request;
    const { status, headers, contentLength } = start;
    active.exchange.upstreamMs = performance.now() - this.#movedAtMs;
    if (!isFinalStatus(status)) {
      this.#refuse("UnusableStatus");
      return;
    }
    this.#headers = headers;
    this.#status = status;
    this.#statusText = start.statusText;
    if (method === "HEAD" || hasNoBody(status) || !start.hasBody) {
      this.#withoutBody(start);
    } else if (this.#call.hasTrailers && isGrpc(headers)) {
      this.#grpc(headers);
    } else if (isTakenWhole(method, { status, headers })) {
      this.#whole = new WholeBody(contentLength, contentLength);
      this.#call.limit(this.#ownMs);
    } else if (internal !== null && internal.wholeBytesMax !== null) {
      this.#whole = new WholeBody(null, internal.wholeBytesMax);
      this.#call.limit(this.#ownMs);
    } else {
      this.#streamed(headers);
    }
  }

  onBody(chunk: Uint8Array, start: number, end: number): void {
    const whole = this.#whole;
    if (whole === null) {
      // The runtime gives each read a buffer of its own.
      this.#stream?.push(chunk.subarray(start, end));
    } else if (!whole.push(chunk, start, end)) {
      this.#stop();
      this.#answer(failed("answer_too_large"));
    }
  }

  onEnd(trailers: Headers | null): void {
    const whole = this.#whole;
    this.#trailers.lines = trailers;
    this.#stop();
    this.#stream?.close();
    if (whole === null) return;
    try {
      const bytes = whole.bytes();
      this.#forwarded.active.exchange.bytes = bytes.byteLength;
      this.#answerWith(bytes, true);
    } catch (error) {
      this.#threw(error);
    }
  }

  onFailed(failure: RawFailure, error: string | null): void {
    this.#stop();
    if (this.#isAnswered) this.#stream?.fail(failure);
    else if (failure === "timeout") this.#answer(failed("upstream_timeout"));
    else this.#refuse(error ?? FAILURE_NAMES[failure]);
  }

  /** The exchange is stopped before there was a response; later the response's body listens itself. */
  stopped({ kind }: StopReason): void {
    if (kind !== "stalled") {
      this.#refuse(kind);
      return;
    }
    this.#stop();
    this.#answer(failed("upstream_timeout"));
  }

  get heldBytes(): number {
    return this.#call.waitingBytes;
  }

  get holds(): ByteHolder["holds"] {
    return holdsOf(this.#forwarded.active);
  }

  endStalled(): void {
    this.#forwarded.active.signal.stop(STALLED);
  }

  clogged(): void {
    this.#share ??= new HeldShare(this.#options.held, this);
    this.#share.update();
  }

  moved(): void {
    this.#movedAtMs = performance.now();
    this.#forwarded.active.exchange.moves++;
  }

  /** Once there is an answer it is a stream in both directions, whose silence alone is limited. */
  tooSlow(): void {
    if (this.#isAnswered) return;
    this.#stop();
    this.#answer(failed("upstream_timeout"));
  }

  brokeOff(): void {
    this.#stop();
    if (this.#isAnswered) this.#stream?.fail("request");
    else this.#answer(refusal("bad_request"));
  }

  /**
   * To HEAD without a length the response has a stream that is never read: the runtime calls no body at all 0 bytes long. Within
   * the gate it would be read, and has no end.
   */
  #withoutBody({ status, contentLength, hasBody }: ResponseStart): void {
    const isHead = this.#request.method === "HEAD" && this.#forwarded.internal === null;
    const isUnsized = isHead && contentLength === -1 && !hasNoBody(status);
    // One that may have no body and has one ends its connection.
    if (hasBody) this.#stop();
    this.#answerWith(isUnsized ? new ReadableStream<Uint8Array>() : null, true);
  }

  /** Its status comes behind the body, which no length may keep from being sent in chunks. */
  #grpc(headers: Headers): void {
    const forwarded = this.#forwarded;
    if (this.#options.carriesTrailers) {
      headers.delete("content-length");
      this.#streamed(headers);
      return;
    }
    // Messages without a status are a failure to every client: it learns which at once.
    this.#stop();
    this.#options.log.warn(failureFields(forwarded, "TrailersLost"), failureMessage(forwarded));
    this.#headers = statusLost(headers);
    this.#answerWith(null, false);
    forwarded.active.end("broken");
  }

  #streamed(headers: Headers): void {
    const { active } = this.#forwarded;
    const stream = new ResponseStream(this.#call);
    this.#stream = stream;
    const length = statedLength(headers);
    // From here on the body listens to the exchange's signal, and cuts off the upstream itself.
    active.signal.off(this);
    const body = this.#options.responseBody(stream.body, {
      active,
      length,
      source: stream,
      cutOffUpstream: () => {
        this.#stop();
        // The body has still to end as it wants to; what it waits for is over afterwards.
        setImmediate(() => stream.fail("cut off"));
      },
    });
    this.#answerWith(body, false);
  }

  #answerWith(body: BodyInit | null, isComplete: boolean): void {
    const { active } = this.#forwarded;
    const headers = this.#headers ?? new Headers();
    cleanResponseHeaders(headers, this.#forwarded);
    if (isComplete) active.end("complete");
    const response = new Response(body, {
      status: this.#status,
      statusText: this.#statusText,
      headers,
    });
    this.#answer(answered(response, this.#trailers));
  }

  /** Neither the rest of the request nor of the response is wanted. */
  #stop(): void {
    this.#pump?.stop();
    this.#call.close();
    this.#share?.leave();
  }

  #refuse(error: string): void {
    this.#stop();
    if (this.#isAnswered) return;
    const forwarded = this.#forwarded;
    try {
      if (forwarded.active.stopped === null) {
        this.#options.log.warn(failureFields(forwarded, error), failureMessage(forwarded));
      }
      this.#answer(failed("upstream_unreachable"));
    } catch (thrown) {
      this.#threw(thrown);
    }
  }

  /** An error of the gate itself: the pipeline answers it. */
  #threw(error: unknown): void {
    this.#stop();
    this.#stream?.fail("internal error");
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#forwarded.active.signal.off(this);
    this.#reject(error);
  }

  #answer(outcome: ForwardOutcome): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#forwarded.active.signal.off(this);
    this.#resolve(outcome);
  }
}

/** Null: the length that the client said is none. */
function framingOf(
  headers: Headers,
  body: ReadableStream<Uint8Array> | null,
  held: Uint8Array | null,
): RequestFraming | null {
  if (held !== null) return held.byteLength;
  const said = headers.get("content-length");
  if (body === null) return said === "0" ? 0 : "none";
  if (said === null) return "chunked";
  const length = /^\d{1,15}$/.test(said) ? Number(said) : null;
  return length;
}
