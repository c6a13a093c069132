// One connection of a client: a state machine over its socket.
import { BodyDecoder, BodyStep } from "../../../http1/body-decoder.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import { DEFAULT_LIMITS } from "../../../http1/limits.ts";
import { Framing } from "../../../http1/message-head.ts";
import { Method } from "../../../http1/method.ts";
import { REQUEST_ERRORS } from "../../../http1/parse-error.ts";
import { Expectation } from "../../../http1/request-head.ts";
import { RequestParser } from "../../../http1/request-parser.ts";
import type { ResponseHead } from "../../../http1/response-head.ts";
import { Step } from "../../../http1/section-parser.ts";
import type { ActiveExchange } from "../../exchange/active-exchange.ts";
import { refusedWhileActive } from "../../exchange/refusing.ts";
import type { Admission } from "../../gate/admission.ts";
import { type Refusal, refusal } from "../../gate/refusal.ts";
import type { ListenerScope } from "../../gate/request-head.ts";
import { Outbox } from "../../upstream/raw/outbox.ts";
import { bytesEndingTurn, type Yielding } from "../../upstream/raw/read-turns.ts";
import { type ForwardedRequest, failed, type Outcome } from "../../upstream/upstream.ts";
import type { UpgradedConnection } from "../upgraded-connection.ts";
import { isAgreed } from "./agreement.ts";
import { BodyStream } from "./body-stream.ts";
import { Passing, writeClientHead } from "./client-head.ts";
import type { ClientTunnel, TunnelClient } from "./client-tunnel.ts";
import { HeaderView } from "./header-view.ts";
import {
  type EarlyBody,
  ResponseRelay,
  type ResponseTarget,
  type TunnelEnd,
} from "./response-relay.ts";
import { type ResponseSink, writeResponse } from "./response-writer.ts";
import { connectionLine, errorBytes, refusalBytes } from "./wire-refusal.ts";
import { type Carrier, WireRequest } from "./wire-request.ts";
import type { WireServices } from "./wire-services.ts";
import { WireTunnel } from "./wire-tunnel.ts";
import { agreement, WireWebSocket } from "./wire-websocket.ts";

/** What a connection needs of a socket; Bun's has it. */
export interface WireSocket {
  readonly remotePort: number;
  write(bytes: Uint8Array, start: number, length: number): number;
  pause(): void;
  resume(): void;
  shutdown(): void;
  /** Closes it. */
  end(): void;
  /** Resets it. */
  terminate(): void;
}

/** A request may come. */
const HEAD = 0;
/** A request has come; its connection has had its share of this turn. */
const PACED = 1;
/** A request is being answered. */
const EXCHANGE = 2;
/** The response waits for the client to read it. */
const FLUSHING = 3;
const TUNNEL = 4;
/** Our side is ended; what comes is thrown away. */
const LINGERING = 5;
const CLOSED = 6;

/** Which reader the body of the request has. */
const BODY_UNREAD = 0;
const BODY_RAW = 1;
const BODY_STREAM = 2;
const BODY_ENDED = 3;

const FOREVER = Number.POSITIVE_INFINITY;
/** So many bytes behind a request that is being answered are held; then the client is not read. */
const HELD_BYTES_MAX = 16_384;
/** How long a client that has half-closed may get nothing of its response before it counts as gone, in milliseconds. */
const HALF_CLOSED_MS = 2_000;
const CONTINUE = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");

export class WireConnection
  implements Carrier, ResponseTarget, ResponseSink, TunnelClient, Yielding
{
  readonly peer: string;
  readonly listener: ListenerScope;
  readonly #services: WireServices;
  readonly #socket: WireSocket;
  readonly #leaving: { readonly leaving: boolean };
  readonly #parser = new RequestParser(DEFAULT_LIMITS);
  readonly #headers: HeaderView;
  readonly #outbox = new Outbox();
  #body: BodyDecoder | null = null;
  #relay: ResponseRelay | null = null;
  #state = HEAD;
  #bodyState = BODY_ENDED;
  #stream: BodyStream | null = null;
  #early: EarlyBody | null = null;
  #hasTail = false;
  #request: WireRequest | null = null;
  #tunnel: ClientTunnel | null = null;
  /** Our side of the tunnel ends once all is written. */
  #isEnding = false;
  /** An upgrade was asked for: until it is agreed on nothing may come. */
  #isUpgrading = false;
  /** The client broke the rules in a way that leaves the border of the next request in doubt. */
  #mustClose = false;
  /** What has come and is not read yet: the chunk at hand from `#at` on, and those behind it. */
  #input: Uint8Array | null = null;
  #at = 0;
  #queue: Uint8Array[] = [];
  #heldBytes = 0;
  #isRunning = false;
  #isPaused = false;
  #isYielding = false;
  #hasClientEnded = false;
  /** Requests in the run at hand. */
  #burst = 0;
  #drained: (() => void) | null = null;
  /** Given back when lingering is over. */
  #lingering: (() => void) | null = null;
  #lingerBytes = 0;
  #lingerUntilMs = 0;
  /** Bytes of the body in the window at hand, for its pace. */
  #paceBytes = 0;
  #hasWaited = false;
  #wroteMs: number;
  /** Of `performance.now()`: when whatever it waits for has to have come. */
  deadlineMs: number;

  constructor(
    services: WireServices,
    socket: WireSocket,
    peer: string,
    listener: ListenerScope,
    leaving: { readonly leaving: boolean },
  ) {
    this.#services = services;
    this.#socket = socket;
    this.peer = peer;
    this.listener = listener;
    this.#leaving = leaving;
    this.#headers = new HeaderView(this.#parser.head);
    this.#wroteMs = services.clock.nowMs;
    this.deadlineMs = services.clock.nowMs + services.idleMs;
  }

  /** Whether no request is being answered, and none has come in part. */
  get isIdle(): boolean {
    return this.#state === HEAD && !this.#parser.isPartial && this.#input === null;
  }

  get isClosed(): boolean {
    return this.#state === CLOSED;
  }

  // ---- events of the socket

  received(chunk: Uint8Array): void {
    if (this.#state === CLOSED) return;
    if (chunk.length >= bytesEndingTurn) this.#yieldTurn();
    if (this.#input === null) {
      this.#input = chunk;
      this.#at = 0;
    } else {
      this.#queue.push(chunk);
    }
    this.#heldBytes += chunk.length;
    this.#burst = 0;
    this.#run();
  }

  /** The client sends no more. */
  clientEnded(): void {
    this.#hasClientEnded = true;
    if (this.#state === LINGERING) {
      if (this.#outbox.isEmpty) this.#socket.end();
    } else if (this.#input === null) {
      this.#afterInput();
    }
  }

  drain(): void {
    if (!this.#outbox.flush(this.#socket) || !this.#outbox.isEmpty) {
      this.#wroteMs = this.#services.clock.nowMs;
      return;
    }
    this.#wroteMs = this.#services.clock.nowMs;
    const drained = this.#drained;
    this.#drained = null;
    drained?.();
    if (this.#state === FLUSHING) this.#next();
    else if (this.#state === LINGERING) this.#shutdown();
    else if (this.#tunnel === null) this.#relay?.drained();
    else if (this.#isEnding) this.#socket.shutdown();
    else this.#tunnel.clientDrained();
  }

  /** The socket is closed. */
  closed(): void {
    if (this.#state === CLOSED) return;
    const request = this.#request;
    this.#state = CLOSED;
    this.deadlineMs = FOREVER;
    this.#input = null;
    this.#queue = [];
    this.#outbox.clear();
    this.#lingering?.();
    this.#lingering = null;
    const drained = this.#drained;
    this.#drained = null;
    drained?.();
    this.#stream?.broke();
    if (request !== null) {
      request.active?.clientGone();
      this.#forget();
    }
    const tunnel = this.#tunnel;
    if (tunnel === null) {
      this.#relay?.close();
    } else {
      this.#tunnel = null;
      this.#services.upgraded(-1);
      tunnel.clientClosed();
    }
    this.#services.closed(this);
  }

  /** An exception in a handler: nothing of this connection can be believed any more. */
  failed(error: unknown): void {
    this.#services.log.error({ err: error }, "connection failed in the gate");
    this.reset();
  }

  reset(): void {
    if (this.#state === CLOSED) return;
    this.#socket.terminate();
    this.closed();
  }

  /** The deadline has passed. */
  late(nowMs: number): void {
    switch (this.#state) {
      case HEAD:
        this.#socket.end();
        this.closed();
        return;
      case EXCHANGE:
        this.#lateExchange(nowMs);
        return;
      default:
        this.reset();
    }
  }

  /** Ends it unless a request is being answered. */
  closeIdle(): void {
    if (this.isIdle && this.#outbox.isEmpty) {
      this.#socket.end();
      this.closed();
    }
  }

  resumeReading(): void {
    this.#isYielding = false;
    if (!this.#isPaused && this.#state !== CLOSED) this.#socket.resume();
  }

  // ---- what the relay and writers of responses ask

  get minorVersion(): number {
    return this.#parser.head.minorVersion;
  }

  /** The connection goes on after the response. */
  get isKept(): boolean {
    return (
      this.#parser.head.keepAlive &&
      !this.#leaving.leaving &&
      !this.#mustClose &&
      this.#bodyState === BODY_ENDED &&
      !(this.#hasClientEnded && this.#input === null)
    );
  }

  get isBodyEnded(): boolean {
    return this.#bodyState === BODY_ENDED;
  }

  get earlyBody(): EarlyBody | null {
    return this.#early;
  }

  get trailers(): HeaderLines | null {
    return this.#hasTail && this.#body !== null ? this.#body.trailers : null;
  }

  get isHead(): boolean {
    return this.#parser.head.method === Method.HEAD;
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#state === CLOSED) return true;
    const taken = this.#outbox.write(this.#socket, bytes, start, end);
    if (taken > 0) this.#wroteMs = this.#services.clock.nowMs;
    return this.#outbox.isEmpty;
  }

  whenDrained(): Promise<void> {
    if (this.#outbox.isEmpty || this.#state === CLOSED) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  bodyWanted(): void {
    this.#early = null;
    this.#run();
  }

  refuse(request: WireRequest, reason: Refusal): void {
    if (this.#request !== request) return;
    const { requestId, isReadable } = request.exchange;
    const { headers } = request;
    const { isKept } = this;
    const bytes = refusalBytes(
      reason,
      {
        requestId,
        accept: headers.get("accept"),
        hasBody: !isKept && this.#bodyState !== BODY_ENDED,
        origin: isReadable ? headers.get("origin") : null,
      },
      this.isHead,
      connectionLine(this.minorVersion, isKept),
    );
    this.send(bytes, 0, bytes.length);
    this.#over(isKept);
  }

  answered(request: WireRequest, isKept: boolean): void {
    if (this.#request === request) this.#over(isKept && this.isKept);
  }

  brokeOff(request: WireRequest, isReset: boolean): void {
    if (this.#request !== request) return;
    if (isReset) {
      this.reset();
      return;
    }
    this.#over(false);
  }

  agreed(request: WireRequest, head: ResponseHead, forwarded: ForwardedRequest): TunnelEnd | null {
    const relay = this.#relay;
    const { clientWriter, tunnels } = this.#services;
    if (relay === null || this.#request !== request) return null;
    // Nothing may come before the handshake is over (RFC 6455 §4.1).
    if (this.#hasMore || !isAgreed(head, request.headers)) return null;
    writeClientHead(clientWriter, head, forwarded, true, 1, Passing.nothing);
    const bytes = clientWriter.finish();
    if (bytes === null) return null;
    const { active } = forwarded;
    active.handOver();
    active.exchange.passes(101);
    const tunnel = new WireTunnel(this, relay.upstream, active, tunnels);
    this.#upgraded(tunnel);
    this.send(bytes, 0, bytes.length);
    return tunnel;
  }

  get waitingBytes(): number {
    return this.#outbox.isEmpty ? 0 : this.#outbox.bytes;
  }

  endTunnel(): void {
    if (this.#outbox.isEmpty) this.#socket.shutdown();
    else this.#isEnding = true;
  }

  leaveTunnel(): void {
    if (this.#state === TUNNEL) this.#linger();
  }

  // ---- what requests ask

  forward(request: WireRequest, forwarded: ForwardedRequest): void {
    this.#relay ??= new ResponseRelay(this.#services, this);
    if (this.#bodyState === BODY_UNREAD) this.#readEarly();
    this.#relay.begin(request, forwarded, false);
  }

  tunnel(request: WireRequest, forwarded: ForwardedRequest): void {
    this.#relay ??= new ResponseRelay(this.#services, this);
    if (this.#hasMore) {
      this.#mustClose = true;
      this.refuse(request, refusedWhileActive(forwarded.active, refusal("bad_upgrade")));
      return;
    }
    this.#isUpgrading = true;
    this.#relay.begin(request, forwarded, true);
  }

  bodyOf(request: WireRequest): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (this.#request !== request || this.#bodyState !== BODY_UNREAD) return null;
    this.#bodyState = BODY_STREAM;
    this.#stream = new BodyStream(() => this.#run());
    return this.#stream.readable;
  }

  accept(request: WireRequest, connection: UpgradedConnection, headers: Headers): boolean {
    const key = request.headers.get("sec-websocket-key");
    if (this.#request !== request || key === null || this.#hasMore) return false;
    const bytes = agreement(key, headers);
    const socket = new WireWebSocket(this, connection);
    this.#upgraded(socket);
    this.send(bytes, 0, bytes.length);
    connection.joined(socket);
    queueMicrotask(() => this.#guarded(() => this.#run()));
    return true;
  }

  began(request: WireRequest, active: ActiveExchange): void {
    if (this.#request !== request) active.clientGone();
  }

  // ---- the machine

  /** More has come than the request at hand. */
  get #hasMore(): boolean {
    const input = this.#input;
    return input !== null && (this.#at < input.length || this.#queue.length > 0);
  }

  /** From here on it is HTTP no longer. Of the request only the lines are kept, which may be read again. */
  #upgraded(tunnel: ClientTunnel): void {
    const { head } = this.#parser;
    const { start } = head;
    head.bytes = head.bytes.slice(start, head.end);
    head.rebase(-start);
    this.#tunnel = tunnel;
    this.#request = null;
    this.#state = TUNNEL;
    this.deadlineMs = FOREVER;
    this.#services.over();
    this.#services.upgraded(1);
  }

  /** Reads what has come, as far as the state lets it. */
  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#input !== null && this.#step(this.#input)) {
        if (this.#input !== null && this.#at >= this.#input.length) {
          this.#heldBytes -= this.#input.length;
          this.#input = this.#queue.length === 0 ? null : (this.#queue.shift() ?? null);
          this.#at = 0;
        }
      }
    } finally {
      this.#isRunning = false;
    }
    if (this.#state === CLOSED) return;
    if (this.#input === null && this.#hasClientEnded) this.#afterInput();
    this.#setPaused();
  }

  /** False: it has to wait. */
  #step(chunk: Uint8Array): boolean {
    switch (this.#state) {
      case HEAD:
        this.#readHead(chunk);
        return true;
      case EXCHANGE:
        return this.#readBody(chunk);
      case TUNNEL:
        if (this.#tunnel === null || !this.#tunnel.isReady) return false;
        this.#passTunnel(this.#tunnel, chunk);
        return true;
      case LINGERING:
        this.#discard(chunk.length - this.#at);
        this.#at = chunk.length;
        return true;
      default:
        return false;
    }
  }

  #passTunnel(tunnel: ClientTunnel, chunk: Uint8Array): void {
    const start = this.#at;
    this.#at = chunk.length;
    tunnel.fromClient(chunk, start, chunk.length);
  }

  #setPaused(): void {
    const isBlocked =
      this.#input !== null &&
      (this.#heldBytes - this.#at > HELD_BYTES_MAX ||
        this.#state === TUNNEL ||
        (this.#bodyState !== BODY_ENDED && this.#bodyState !== BODY_UNREAD));
    if (isBlocked === this.#isPaused || this.#state === CLOSED) return;
    this.#isPaused = isBlocked;
    this.#hasWaited ||= isBlocked;
    if (this.#isYielding) return;
    if (isBlocked) this.#socket.pause();
    else this.#socket.resume();
  }

  #yieldTurn(): void {
    if (this.#isYielding) return;
    this.#isYielding = true;
    if (!this.#isPaused) this.#socket.pause();
    this.#services.turns.wait(this);
  }

  /** All that the client has sent is read, and it sends no more. */
  #afterInput(): void {
    switch (this.#state) {
      case HEAD:
        this.#close();
        return;
      case TUNNEL:
        this.#tunnel?.clientEnded();
        return;
      case EXCHANGE:
        if (this.#bodyState !== BODY_ENDED && this.#bodyState !== BODY_UNREAD) this.#bodyBroke();
        else if (this.#bodyState === BODY_UNREAD || this.#parser.head.isUpgrade) this.reset();
        else this.deadlineMs = this.#services.clock.nowMs + HALF_CLOSED_MS;
    }
  }

  #readHead(chunk: Uint8Array): void {
    const parser = this.#parser;
    const wasPartial = parser.isPartial;
    const step = parser.push(chunk, this.#at);
    this.#at = parser.consumed;
    if (step === Step.more) {
      if (!wasPartial) this.deadlineMs = this.#services.clock.nowMs + this.#services.headMs;
      return;
    }
    if (step === Step.error || parser.head.expectation === Expectation.unknown) {
      const bytes = errorBytes(parser.error?.status ?? 417);
      this.#at = chunk.length;
      this.send(bytes, 0, bytes.length);
      this.#linger();
      return;
    }
    this.#arrived();
  }

  /** Requests that a client sends without waiting for responses are taken a few in a turn. */
  #arrived(): void {
    const { arrivals } = this.#services;
    const { remotePort } = this.#socket;
    if (this.#burst++ === 0 || arrivals.take(this.peer, remotePort)) {
      this.#begin();
      return;
    }
    this.#state = PACED;
    this.deadlineMs = FOREVER;
    void arrivals.wait(this.peer, remotePort).then(() => {
      if (this.#state !== PACED) return;
      this.#guarded(() => {
        this.#burst = 0;
        this.#begin();
        this.#run();
      });
    });
  }

  #begin(): void {
    const { head } = this.#parser;
    const { pipeline, upstream } = this.#services;
    this.#state = EXCHANGE;
    this.deadlineMs = FOREVER;
    this.#early = null;
    this.#hasTail = false;
    this.#stream = null;
    this.#isUpgrading = false;
    if (head.framing === Framing.none) {
      this.#bodyState = BODY_ENDED;
    } else {
      this.#body ??= new BodyDecoder(REQUEST_ERRORS, DEFAULT_LIMITS);
      this.#body.start(head);
      this.#bodyState = BODY_UNREAD;
    }
    const request = new WireRequest(this, head, this.#headers, upstream, this.#services.begin);
    this.#request = request;
    this.#services.began(request.exchange.startedMs);
    const admission = pipeline.admit(request, request.exchange);
    if (admission instanceof Promise) {
      void admission.then((later) => this.#guarded(() => this.#admitted(request, later)));
    } else {
      this.#admitted(request, admission);
    }
  }

  #admitted(request: WireRequest, admission: Admission): void {
    const { pipeline } = this.#services;
    const isWaiting =
      this.#bodyState === BODY_UNREAD &&
      this.#parser.head.expectation === Expectation.continue &&
      (this.#input === null || this.#at >= this.#input.length);
    if (isWaiting && admission.kind === "admitted" && this.#request === request) {
      this.send(CONTINUE, 0, CONTINUE.length);
    }
    const outcome = pipeline.carryOut(admission, request);
    if (outcome instanceof Promise) {
      void outcome.then((later) => this.#guarded(() => this.#settled(request, later)));
    } else {
      this.#settled(request, outcome);
    }
  }

  #settled(request: WireRequest, outcome: Outcome<Response>): void {
    if (this.#request !== request) {
      if (outcome.kind === "answered") void outcome.reply.body?.cancel().catch(() => {});
      return;
    }
    if (outcome.kind === "refused") {
      this.refuse(request, outcome);
    } else if (outcome.kind === "answered") {
      const { isKept } = this;
      void writeResponse(this, outcome.reply, isKept).then((isWhole) => {
        this.#guarded(() => {
          if (this.#request !== request) return;
          if (isWhole === "broken") this.reset();
          else this.#over(isKept && isWhole === "kept");
        });
      });
    }
  }

  /** The response is sent, or kept to be sent. */
  #over(isKept: boolean): void {
    this.#forget();
    if (!isKept) {
      this.#linger();
      return;
    }
    if (this.#outbox.isEmpty) {
      this.#next();
    } else {
      this.#state = FLUSHING;
      this.deadlineMs = this.#services.clock.nowMs + this.#services.idleMs;
    }
  }

  /** Another request may come. */
  #next(): void {
    this.#state = HEAD;
    this.deadlineMs = this.#services.clock.nowMs + this.#services.idleMs;
    this.#run();
  }

  /** The exchange is over. */
  #forget(): void {
    if (this.#request === null) return;
    this.#request = null;
    this.#early = null;
    this.#stream?.broke();
    this.#stream = null;
    this.#parser.release();
    this.#services.over();
  }

  /** As much of the body as came with the head. */
  #readEarly(): void {
    const body = this.#body;
    const chunk = this.#input;
    this.#bodyState = BODY_RAW;
    this.#startPace();
    if (body === null || chunk === null || this.#at >= chunk.length) return;
    const start = this.#at;
    const step = body.pass(chunk, start);
    this.#at = body.consumed;
    // What is wrong with it is found again, and told, when the upstream wants more.
    if (step === BodyStep.error) return;
    if (step === BodyStep.end) this.#bodyEnded(body.rawIsClosed);
    this.#paceBytes += body.rawEnd - start;
    this.#early = {
      bytes: chunk,
      start,
      end: body.rawEnd,
      isWhole: step === BodyStep.end && body.rawIsClosed,
    };
  }

  #bodyEnded(isClosed: boolean): void {
    this.#bodyState = BODY_ENDED;
    this.#hasTail = !isClosed;
    this.deadlineMs = FOREVER;
  }

  #readBody(chunk: Uint8Array): boolean {
    if (this.#isUpgrading) {
      this.#mustClose = true;
      this.#isUpgrading = false;
      this.#relay?.abandon(refusal("bad_upgrade"));
      return true;
    }
    switch (this.#bodyState) {
      case BODY_RAW:
        return this.#passBody(chunk);
      case BODY_STREAM:
        return this.#streamBody(chunk);
      default:
        return false;
    }
  }

  #passBody(chunk: Uint8Array): boolean {
    const body = this.#body;
    const relay = this.#relay;
    if (body === null || relay === null || !relay.isWritable) return false;
    const start = this.#at;
    const step = body.pass(chunk, start);
    this.#at = body.consumed;
    this.#paceBytes += body.rawEnd - start;
    if (body.rawEnd > start) relay.write(chunk, start, body.rawEnd);
    if (step === BodyStep.error) {
      this.#bodyBroke();
    } else if (step === BodyStep.end) {
      this.#bodyEnded(body.rawIsClosed);
      relay.finish();
    }
    return true;
  }

  #streamBody(chunk: Uint8Array): boolean {
    const body = this.#body;
    const stream = this.#stream;
    if (body === null || stream === null || !stream.isWanted) return false;
    const step = body.read(chunk, this.#at);
    this.#at = body.consumed;
    if (step === BodyStep.data) stream.push(chunk.slice(body.dataStart, body.dataEnd));
    else if (step === BodyStep.error) this.#bodyBroke();
    else if (step === BodyStep.end) {
      this.#bodyEnded(true);
      stream.end();
    }
    return true;
  }

  /** The body is malformed, or ended early: the request is void. */
  #bodyBroke(): void {
    const relay = this.#relay;
    this.#at = this.#input?.length ?? 0;
    if (this.#bodyState === BODY_STREAM) {
      this.#stream?.broke();
      this.#bodyState = BODY_UNREAD;
    } else if (relay?.isActive) {
      relay.abandon(refusal("bad_request"));
    }
  }

  #startPace(): void {
    this.#paceBytes = 0;
    this.#hasWaited = this.#isPaused;
    this.deadlineMs = this.#services.clock.nowMs + this.#services.paceMs;
  }

  #lateExchange(nowMs: number): void {
    const relay = this.#relay;
    if (this.#hasClientEnded && this.#bodyState === BODY_ENDED) {
      if (nowMs - this.#wroteMs >= HALF_CLOSED_MS) this.reset();
      else this.deadlineMs = this.#wroteMs + HALF_CLOSED_MS;
      return;
    }
    if (this.#bodyState !== BODY_RAW || relay === null || relay.hasHead) {
      this.deadlineMs = FOREVER;
      return;
    }
    if (this.#hasWaited || this.#paceBytes >= this.#services.bodyBytesMin) {
      this.#startPace();
      return;
    }
    relay.abandon(failed("upstream_timeout"));
  }

  /** Ends our side once all is written, and throws away what still comes, for a while. */
  #linger(): void {
    this.#state = LINGERING;
    const { clock, lingering } = this.#services;
    this.#lingerUntilMs = clock.nowMs + lingering.allMs;
    this.deadlineMs = clock.nowMs + lingering.silentMs;
    if (this.#bodyState !== BODY_ENDED) {
      this.#lingering = lingering.cap.admit(this.peer);
      if (this.#lingering === null) {
        this.#close();
        return;
      }
    }
    if (this.#outbox.isEmpty) this.#shutdown();
    if (!this.#isRunning) this.#run();
  }

  #shutdown(): void {
    if (this.#hasClientEnded) this.#close();
    else this.#socket.shutdown();
  }

  #discard(length: number): void {
    const { clock, lingering } = this.#services;
    this.#lingerBytes += length;
    this.deadlineMs = Math.min(this.#lingerUntilMs, clock.nowMs + lingering.silentMs);
    if (this.#lingerBytes > lingering.bytesMax) this.#close();
  }

  #close(): void {
    if (this.#state === CLOSED) return;
    this.#socket.end();
    this.closed();
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.failed(error);
    }
  }
}
