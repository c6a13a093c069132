// The response of an upstream on its way to a client: the receiving end of raw connections to upstreams.
import type { WrittenHead } from "../../../http1/head-writer.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import { Framing } from "../../../http1/message-head.ts";
import type { ParseErrorCode } from "../../../http1/parse-error.ts";
import type { ResponseHead } from "../../../http1/response-head.ts";
import type { ActiveExchange } from "../../exchange/active-exchange.ts";
import { refusedWhileActive } from "../../exchange/refusing.ts";
import { endBy, type StopListener, type StopReason } from "../../exchange/stop-signal.ts";
import { type Refusal, refusal } from "../../gate/refusal.ts";
import { destination, failureFields, failureMessage } from "../../upstream/destination.ts";
import {
  FAILURE_NAMES,
  type RawFailure,
  type RawReceiver,
} from "../../upstream/raw/raw-receiver.ts";
import { RawRequest } from "../../upstream/raw/raw-request.ts";
import { isFinalStatus } from "../../upstream/response-checks.ts";
import { type ForwardedRequest, failed } from "../../upstream/upstream.ts";
import { Binding } from "./binding.ts";
import { fitsBodyEnd, writeBodyEnd } from "./body-end.ts";
import { Passing, passingOf, writeClientHead, writeInterim } from "./client-head.ts";
import { GateLines } from "./gate-lines.ts";
import { isLastOfConnection } from "./received-start.ts";
import type { RelayServices } from "./relay-services.ts";
import type { ResponseTarget, TunnelEnd } from "./response-target.ts";
import { writeUpstreamHead } from "./upstream-head.ts";
import { upstreamTrailers } from "./upstream-trailers.ts";
import type { WireRequest } from "./wire-request.ts";

/** A body up to this size is copied behind what is written with it. */
const COPIED_BYTES_MAX = 16_384;
/** So much of a body leaves with its head. */
const EARLY_BYTES_MAX = 65_536;
const CRLF = Buffer.from("\r\n");

/** One for each connection of a client, for one request after another. */
export class ResponseRelay implements RawReceiver, StopListener {
  readonly #services: RelayServices;
  readonly #target: ResponseTarget;
  readonly #raw: RawRequest;
  readonly #gateLines = new GateLines();
  #request: WireRequest | null = null;
  #forwarded: ForwardedRequest | null = null;
  #active: ActiveExchange | null = null;
  #tunnel: TunnelEnd | null = null;
  #hasHead = false;
  #passing: Passing = Passing.nothing;
  /** What the response said about the connection. */
  #isKept = false;
  /** The shared writer has bytes of this response. */
  #isGathering = false;
  /** The upstream takes bytes of the request's body. */
  #isWritable = false;
  #hasEarlyLeft = false;
  #isFinished = false;
  /** The upstream may leave the body unread. */
  #isLast = false;
  #sentMs = 0;
  readonly #binding = new Binding();

  constructor(services: RelayServices, target: ResponseTarget) {
    this.#services = services;
    this.#target = target;
    this.#raw = new RawRequest(services.pool, this);
  }

  /** Whether bytes of the request's body may be written. */
  get isWritable(): boolean {
    return this.#isWritable;
  }

  /** Whether the response has begun. */
  get hasHead(): boolean {
    return this.#hasHead;
  }

  get isActive(): boolean {
    return this.#request !== null;
  }

  begin(request: WireRequest, forwarded: ForwardedRequest, isUpgrade: boolean): void {
    const { active } = forwarded;
    const { address, port } = destination(forwarded);
    const raw = this.#raw;
    const { early, isEnded } = this.#target.body;
    this.#request = request;
    this.#forwarded = forwarded;
    this.#active = active;
    this.#tunnel = null;
    this.#hasHead = false;
    this.#isWritable = false;
    this.#isFinished = false;
    raw.method = request.lines.method;
    raw.isUpgrade = isUpgrade;
    // An upstream that declines an upgrade may have switched all the same.
    this.#isLast = isLastOfConnection(request.lines, early);
    raw.isLast = isUpgrade || this.#isLast;
    raw.isRaw = request.lines.minorVersion === 1;
    raw.isWhole =
      isEnded && (early === null || (early.isWhole && early.end - early.start <= EARLY_BYTES_MAX));
    raw.isConnectionBound = this.#binding.mayBind(request.headers.get("authorization"));
    raw.responseHeaderMs =
      active.allowed.route.settings.responseHeaderMs ?? this.#services.responseHeaderMs;
    active.signal.on(this);
    if (this.#request === request) raw.send(address.text, port);
    // It waits for the connection.
    if (early !== null && early === this.#target.body.early && !raw.isWhole) {
      this.#target.countHeld();
    }
  }

  /** Bytes of the request's body, as they came. */
  write(bytes: Uint8Array, start: number, end: number): void {
    this.#sentMs = performance.now();
    if (this.#active !== null) this.#active.exchange.moves++;
    if (this.#raw.write(bytes, start, end)) return;
    this.#isWritable = false;
    this.#target.countHeld();
  }

  /** The request's body has ended: call it when `write` was called with all of it. */
  finish(): void {
    if (this.#isFinished || this.#raw.isWhole || !this.#isWritable) return;
    const { trailers } = this.#target.body;
    this.#isFinished = true;
    if (trailers !== null) {
      const route = this.#active?.allowed.route;
      const places = (route?.policy?.readers ?? []).map(({ location }) => location);
      const { upstreamWriter } = this.#services;
      const tail = upstreamTrailers(upstreamWriter, trailers, places, route?.hooks ?? []);
      if (tail === null) {
        this.#breakOff();
        return;
      }
      // There are programs that take them for the next request, which none can be, and answer that.
      this.#raw.isLast = true;
      this.#raw.write(tail, 0, tail.length);
    }
    this.#sentMs = performance.now();
    this.#raw.finish();
  }

  /** The request is not what it promised to be. */
  abandon(reason: Refusal): void {
    const request = this.#request;
    if (request === null) return;
    this.#raw.abort();
    this.#close(request, reason);
  }

  /** The client has read what waited for it. */
  drained(): void {
    this.#raw.resume();
  }

  /** The client's connection is closed. */
  close(): void {
    this.#raw.close();
  }

  /** For a tunnel: the upstream's end of it. */
  get upstream(): RawRequest {
    return this.#raw;
  }

  writeHead(): WrittenHead | null {
    const request = this.#request;
    const forwarded = this.#forwarded;
    if (request === null || forwarded === null) return null;
    const { upstreamWriter } = this.#services;
    writeUpstreamHead(upstreamWriter, request, forwarded, this.#gateLines, this.#isLast);
    const early = this.#target.body.early;
    this.#hasEarlyLeft = early !== null;
    if (early !== null && early.end - early.start <= EARLY_BYTES_MAX) {
      upstreamWriter.span(early.bytes, early.start, early.end);
      this.#hasEarlyLeft = false;
    }
    this.#sentMs = performance.now();
    return upstreamWriter.isWhole ? upstreamWriter : null;
  }

  onDrain(): void {
    if (this.#tunnel !== null) {
      this.#tunnel.upstreamDrained();
      return;
    }
    this.#isWritable = true;
    const early = this.#target.body.early;
    if (this.#hasEarlyLeft && early !== null) {
      this.#hasEarlyLeft = false;
      this.write(early.bytes, early.start, early.end);
      if (!this.#isWritable) return;
    }
    if (this.#target.body.isEnded) this.finish();
    else this.#target.bodyWanted();
  }

  onInterim(head: ResponseHead): void {
    if (this.#forwarded === null || this.#target.minorVersion === 0 || head.status === 100) return;
    const { clientWriter } = this.#services;
    writeInterim(clientWriter, head, this.#forwarded);
    const bytes = clientWriter.finish();
    if (bytes !== null) this.#target.send(bytes, 0, bytes.length);
  }

  onHead(head: ResponseHead): void {
    const request = this.#request;
    const forwarded = this.#forwarded;
    if (request === null || forwarded === null) return;
    const { exchange } = forwarded.active;
    exchange.upstreamMs = performance.now() - this.#sentMs;
    if (head.framing === Framing.tunnel) {
      this.#tunnel = this.#target.agreed(request, head, forwarded);
      if (this.#tunnel === null) {
        this.#breakOff();
      } else {
        this.#target.bodyWanted();
      }
      return;
    }
    if (!isFinalStatus(head.status)) {
      this.#breakOff();
      return;
    }
    const { clientWriter } = this.#services;
    const { minorVersion } = this.#target;
    this.#passing = passingOf(head, minorVersion);
    this.#isKept = this.#target.isKept && this.#passing !== Passing.untilClose;
    writeClientHead(clientWriter, head, forwarded, this.#isKept, minorVersion, this.#passing);
    if (!clientWriter.isWhole) {
      this.#breakOff();
      return;
    }
    this.#hasHead = true;
    this.#isGathering = true;
    exchange.passes(head.status);
  }

  onBody(chunk: Uint8Array, start: number, end: number): void {
    if (this.#tunnel !== null) {
      this.#tunnel.fromUpstream(chunk, start, end);
      return;
    }
    if (this.#active === null) return;
    this.#active.exchange.bytes = this.#raw.payloadBytes;
    this.#active.exchange.moves++;
    const isOurs = this.#passing === Passing.inChunks;
    const { clientWriter } = this.#services;
    const length = end - start;
    if (isOurs) {
      if (!this.#isGathering) clientWriter.begin();
      this.#isGathering = true;
      clientWriter.chunkLine(length);
    }
    if (this.#isGathering && length <= COPIED_BYTES_MAX && clientWriter.fits(length + 32)) {
      clientWriter.span(chunk, start, end);
    } else {
      this.#flush();
      this.#send(chunk, start, end);
      if (isOurs) {
        clientWriter.begin();
        this.#isGathering = true;
      }
    }
    if (isOurs) clientWriter.bytes(CRLF);
  }

  onFlush(): void {
    this.#flush();
  }

  onEnd(trailers: HeaderLines, isClosed: boolean): void {
    try {
      if (this.#tunnel !== null) this.#tunnel.upstreamEnded();
      else this.#ended(trailers, isClosed);
    } catch (error) {
      this.#threw(error);
    }
  }

  #ended(trailers: HeaderLines, isClosed: boolean): void {
    const request = this.#request;
    if (request === null) return;
    const { clientWriter } = this.#services;
    if (this.#passing === Passing.inChunks || (this.#passing === Passing.asItCame && !isClosed)) {
      if (!fitsBodyEnd(clientWriter)) this.#flush();
      if (!this.#isGathering) clientWriter.begin();
      this.#isGathering = true;
      writeBodyEnd(clientWriter, this.#passing, trailers);
    }
    this.#flush();
    if (this.#request !== request) return;
    this.#active?.end("complete");
    this.#release();
    // A connection that was authenticated as this client is not kept: through one connection of a client may come many people.
    this.#raw.close();
    this.#target.answered(request, this.#isKept);
  }

  /** The upstream's connection is gone already, so nobody but the client can learn of an error in here. */
  onFailed(failure: RawFailure, error: ParseErrorCode | null): void {
    try {
      if (this.#tunnel !== null) this.#tunnel.upstreamLost();
      else this.#fail(failure, error);
    } catch (thrown) {
      this.#threw(thrown);
    }
  }

  #threw(error: unknown): void {
    const request = this.#request;
    const active = this.#active;
    if (this.#tunnel !== null || request === null || active === null || this.#hasHead) {
      this.#target.failed(error);
      return;
    }
    const { requestId } = active.exchange;
    this.#services.log.error({ requestId, err: error }, "request failed in the gate");
    this.#close(request, refusal("internal_error"));
  }

  stopped(reason: StopReason): void {
    if (this.#tunnel !== null) {
      this.#tunnel.stopped(reason);
      return;
    }
    const request = this.#request;
    const active = this.#active;
    if (request === null || active === null) return;
    this.#raw.abort();
    if (!this.#hasHead) {
      const isSlow = reason.kind === "stalled";
      this.#close(request, failed(isSlow ? "upstream_timeout" : "upstream_unreachable"));
      return;
    }
    this.#isGathering = false;
    active.end(endBy(reason));
    this.#release();
    this.#target.brokeOff(request, true);
  }

  #breakOff(): void {
    this.#raw.abort();
    this.#fail("broken");
  }

  #fail(failure: RawFailure, error: string | null = null): void {
    const request = this.#request;
    const forwarded = this.#forwarded;
    if (request === null || forwarded === null) return;
    if (failure !== "timeout" || this.#hasHead) {
      const fields = failureFields(forwarded, error ?? FAILURE_NAMES[failure]);
      this.#services.log.warn(fields, failureMessage(forwarded));
    }
    const isLate = failure === "timeout";
    this.#close(request, failed(isLate ? "upstream_timeout" : "upstream_unreachable"));
  }

  /** There is no response, or no end of it. */
  #close(request: WireRequest, reason: Refusal): void {
    const active = this.#active;
    if (active === null) return;
    if (!this.#hasHead) {
      this.#release();
      this.#target.refuse(request, refusedWhileActive(active, reason));
      return;
    }
    // The client is to see all that came, and that it broke off.
    this.#flush();
    active.end("broken");
    const hasOwnEnd = this.#passing !== Passing.untilClose;
    this.#release();
    this.#target.brokeOff(request, !hasOwnEnd);
  }

  #release(): void {
    this.#active?.signal.off(this);
    this.#request = null;
    this.#forwarded = null;
    this.#active = null;
    this.#tunnel = null;
    this.#isGathering = false;
    this.#isWritable = false;
  }

  #flush(): void {
    if (!this.#isGathering) return;
    this.#isGathering = false;
    const { clientWriter } = this.#services;
    // No part of a response is passed over.
    if (!clientWriter.isWhole) throw new Error("more was gathered than there is room for");
    this.#send(clientWriter.written, 0, clientWriter.length);
  }

  #send(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#target.send(bytes, start, end)) this.#raw.pause();
  }
}
