// One connection of a client: a state machine over its socket.
import { DEFAULT_LIMITS } from "../../../http1/limits.ts";
import { Method } from "../../../http1/method.ts";
import { Expectation } from "../../../http1/request-head.ts";
import { RequestParser } from "../../../http1/request-parser.ts";
import type { ResponseHead } from "../../../http1/response-head.ts";
import { Step } from "../../../http1/section-parser.ts";
import type { ActiveExchange } from "../../exchange/active-exchange.ts";
import { refusedWhileActive } from "../../exchange/refusing.ts";
import type { Admission } from "../../gate/admission.ts";
import { KeptVerdict } from "../../gate/kept-verdict.ts";
import { type Refusal, type RefusalReason, refusal } from "../../gate/refusal.ts";
import type { ListenerScope } from "../../gate/request-head.ts";
import { type ForwardedRequest, failed, type Outcome } from "../../upstream/upstream.ts";
import type { UpgradedConnection } from "../upgraded-connection.ts";
import { agreedHead } from "./agreement.ts";
import { FOREVER } from "./client-socket.ts";
import { EXCHANGE, FLUSHING, HALF_CLOSED_MS, HEAD, PACED } from "./connection-state.ts";
import { compact, HeaderView } from "./header-view.ts";
import { ReceivedBody, Taken } from "./received-body.ts";
import { ResponseRelay } from "./response-relay.ts";
import type { ResponseTarget, TunnelEnd } from "./response-target.ts";
import { type ResponseSink, writeResponse } from "./response-writer.ts";
import { SameValue } from "./same-value.ts";
import { TunnelSocket } from "./tunnel-socket.ts";
import { CONTINUE, refusalTo } from "./wire-refusal.ts";
import { type Carrier, WireRequest } from "./wire-request.ts";
import type { WireServices, WireSocket } from "./wire-services.ts";
import { WireTunnel } from "./wire-tunnel.ts";

export class WireConnection extends TunnelSocket implements Carrier, ResponseTarget, ResponseSink {
  readonly listener: ListenerScope;
  readonly hostText = new SameValue();
  readonly kept = new KeptVerdict();
  readonly #leaving: { readonly leaving: boolean };
  readonly #parser = new RequestParser(DEFAULT_LIMITS);
  readonly #headers: HeaderView;
  readonly body = new ReceivedBody();
  #relay: ResponseRelay | null = null;
  #state = HEAD;
  #request: WireRequest | null = null;
  /** An upgrade was asked for: until it is agreed on nothing may come. */
  #isUpgrading = false;
  #hasBegun = false;
  /** The client broke the rules in a way that leaves the border of the next request in doubt. */
  #mustClose = false;

  constructor(
    services: WireServices,
    socket: WireSocket,
    peer: string,
    listener: ListenerScope,
    leaving: { readonly leaving: boolean },
  ) {
    super(services, socket, peer);
    this.listener = listener;
    this.#leaving = leaving;
    this.#headers = new HeaderView(this.#parser.head);
  }

  tick(nowMs: number): void {
    // An old snapshot must not stay in memory.
    if (this.#state === HEAD) this.kept.forget();
    if (nowMs < this.deadlineMs) return;
    if (this.isLingering) this.lingerLate();
    else if (this.#state === EXCHANGE) this.#lateExchange(nowMs);
    else if (this.#state === FLUSHING) this.judgeReader();
    else this.close();
  }

  /** No request is being answered, or has come in part. */
  get isIdle(): boolean {
    const isWaiting = this.#state === HEAD && !this.isTunnel && !this.#parser.isPartial;
    return isWaiting && this.input === null && this.outbox.isEmpty;
  }

  /** The first request may be on its way. */
  get isUnused(): boolean {
    return !this.#hasBegun && this.isIdle;
  }

  get minorVersion(): number {
    return this.#parser.head.minorVersion;
  }

  /** The connection goes on after the response. */
  get isKept(): boolean {
    return (
      this.#parser.head.keepAlive &&
      !this.#leaving.leaving &&
      !this.#mustClose &&
      this.body.isEnded &&
      !(this.hasClientEnded && this.input === null)
    );
  }

  get isHead(): boolean {
    return this.#parser.head.method === Method.HEAD;
  }

  protected get httpActive(): ActiveExchange | null {
    return this.#request?.active ?? null;
  }

  protected get isAnswering(): boolean {
    return this.#request !== null;
  }

  /** Nothing may come now: bytes before the 101 were meant for nobody that has agreed to them. */
  get #awaitsUpgrade(): boolean {
    return this.#isUpgrading && this.#relay?.hasHead === false;
  }

  protected get upstreamBytes(): number {
    return this.body.earlyBytes + (this.#relay?.upstream.waitingBytes ?? 0);
  }

  bodyWanted(): void {
    this.body.early = null;
    this.recountHeld();
    this.run();
  }

  refuse(request: WireRequest, reason: Refusal): void {
    if (this.#request !== request) return;
    const { isKept } = this;
    const bytes = refusalTo(request, reason, this.isHead, isKept, this.body.isEnded);
    this.send(bytes, 0, bytes.length);
    this.#over(isKept);
  }

  answered(request: WireRequest, isKept: boolean): void {
    if (this.#request === request) this.#over(isKept && this.isKept);
  }

  brokeOff(request: WireRequest, isReset: boolean): void {
    if (this.#request !== request) return;
    if (isReset) this.reset();
    else this.#over(false);
  }

  agreed(request: WireRequest, head: ResponseHead, forwarded: ForwardedRequest): TunnelEnd | null {
    const relay = this.#relay;
    const { clientWriter, tunnels } = this.services;
    if (relay === null || this.#request !== request) return null;
    // Nothing may come before the handshake is over (RFC 6455 §4.1).
    const bytes = this.hasMore ? null : agreedHead(clientWriter, head, forwarded);
    if (bytes === null) return null;
    const { active } = forwarded;
    active.handOver();
    active.exchange.passes(101);
    const tunnel = new WireTunnel(this, relay.upstream, active, tunnels);
    this.becomeTunnel(tunnel, active);
    this.send(bytes, 0, bytes.length);
    return tunnel;
  }

  forward(request: WireRequest, forwarded: ForwardedRequest): void {
    this.#relay ??= new ResponseRelay(this.services, this);
    const isRight = !this.body.isUnread || this.#readEarly();
    if (isRight) this.#relay.begin(request, forwarded, false);
    else this.#refuseLast(request, forwarded, "bad_request");
  }

  tunnel(request: WireRequest, forwarded: ForwardedRequest): void {
    this.#relay ??= new ResponseRelay(this.services, this);
    this.#isUpgrading = !this.hasMore;
    if (this.#isUpgrading) this.#relay.begin(request, forwarded, true);
    else this.#refuseLast(request, forwarded, "bad_upgrade");
  }

  #refuseLast(request: WireRequest, { active }: ForwardedRequest, reason: RefusalReason): void {
    this.#mustClose = true;
    this.refuse(request, refusedWhileActive(active, refusal(reason)));
  }

  bodyOf(request: WireRequest): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (this.#request !== request || !this.body.isUnread) return null;
    return this.body.asStream(() => this.run());
  }

  accept(request: WireRequest, connection: UpgradedConnection, headers: Headers): boolean {
    const key = request.headers.get("sec-websocket-key");
    if (this.#request !== request || key === null || this.hasMore) return false;
    this.join(key, connection, headers, request.active);
    return true;
  }

  began(request: WireRequest, active: ActiveExchange): void {
    if (this.#request !== request) active.clientGone();
  }

  /** Of the request only the lines are kept, which may be read again. */
  protected leaveHttp(): void {
    compact(this.#parser.head);
    this.kept.forget();
    this.#request = null;
    this.services.over();
  }

  protected readHttp(chunk: Uint8Array): boolean {
    if (this.#state === EXCHANGE) return this.#readBody(chunk);
    if (this.#state !== HEAD) return false;
    this.#readHead(chunk);
    return true;
  }

  protected httpStopsAtOnce(): boolean {
    return this.body.isAsked;
  }

  protected httpIsClogged(): boolean {
    return this.body.isRaw && this.#relay?.isWritable === false;
  }

  protected wasPaused(): void {
    this.body.hasWaited = true;
  }

  protected httpDrained(): void {
    if (this.#state === FLUSHING) this.#next();
    else this.#relay?.drained();
  }

  protected httpClosed(): void {
    this.body.forget();
    this.#request?.active?.clientGone();
    this.#forget();
    this.#relay?.close();
  }

  protected httpEnded(): void {
    if (this.#state === HEAD) this.close();
    else if (this.#state !== EXCHANGE) return;
    else if (this.body.isAsked) this.#bodyBroke();
    else if (this.body.isUnread || this.#awaitsUpgrade) this.reset();
    else this.deadlineMs = this.services.clock.nowMs + HALF_CLOSED_MS;
  }

  #readHead(chunk: Uint8Array): void {
    const parser = this.#parser;
    const wasPartial = parser.isPartial;
    const step = parser.push(chunk, this.at);
    this.at = parser.consumed;
    if (step === Step.more) {
      if (!wasPartial) this.deadlineMs = this.services.clock.nowMs + this.services.headMs;
      return;
    }
    if (step === Step.error || parser.head.expectation === Expectation.unknown) {
      this.refuseMalformed(parser.error);
      return;
    }
    if (this.takesTurn()) {
      this.#begin();
      return;
    }
    this.#state = PACED;
    this.deadlineMs = FOREVER;
    this.onNextTurn(() => {
      this.#begin();
      this.run();
    });
  }

  #begin(): void {
    const { begin, pipeline, upstream } = this.services;
    this.#state = EXCHANGE;
    this.#hasBegun = true;
    this.deadlineMs = FOREVER;
    this.#isUpgrading = false;
    this.body.begin(this.#parser.head);
    const request = new WireRequest(this, this.#parser.head, this.#headers, upstream, begin);
    this.#request = request;
    this.services.began(request.exchange.startedMs);
    const admission = pipeline.admit(request, request.exchange);
    this.chargeWork();
    if (admission instanceof Promise) {
      void admission.then((later) => this.guarded(() => this.#admitted(request, later)));
    } else {
      this.#admitted(request, admission);
    }
  }

  #admitted(request: WireRequest, admission: Admission): void {
    const isWaiting =
      this.body.isUnread && this.#parser.head.expectation === Expectation.continue && !this.hasMore;
    if (isWaiting && admission.kind === "admitted" && this.#request === request) {
      this.send(CONTINUE, 0, CONTINUE.length);
    }
    const outcome = this.services.pipeline.carryOut(admission, request);
    if (outcome instanceof Promise) {
      void outcome.then((later) => this.guarded(() => this.#settled(request, later)));
    } else {
      this.#settled(request, outcome);
    }
  }

  #settled(request: WireRequest, outcome: Outcome<Response>): void {
    if (this.#request !== request) {
      if (outcome.kind === "answered") void outcome.reply.body?.cancel().catch(() => {});
    } else if (outcome.kind === "refused") {
      this.refuse(request, outcome);
    } else if (outcome.kind === "answered") {
      const { isKept } = this;
      void writeResponse(this, outcome, isKept).then((isWhole) => {
        this.guarded(() => {
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
    if (this.isClosed) return;
    if (!isKept) {
      this.linger(!this.body.isEnded);
    } else if (this.outbox.isEmpty) {
      this.#next();
    } else {
      this.#state = FLUSHING;
      this.awaitReader();
    }
  }

  /** Another request may come. */
  #next(): void {
    this.#state = HEAD;
    this.deadlineMs = this.services.clock.nowMs + this.services.idleMs;
    this.run();
  }

  #forget(): void {
    if (this.#request === null) return;
    this.#request = null;
    this.body.forget();
    this.recountHeld();
    this.#parser.release();
    this.services.over();
  }

  /** False: it is malformed. */
  #readEarly(): boolean {
    this.body.passRaw();
    this.#startPace();
    if (this.input === null || !this.hasMore) return true;
    const isRight = this.body.takeEarly(this.input, this.at);
    this.at = this.body.consumed;
    if (this.body.isEnded) this.deadlineMs = FOREVER;
    return isRight;
  }

  #readBody(chunk: Uint8Array): boolean {
    if (this.#awaitsUpgrade) {
      this.#mustClose = true;
      this.#isUpgrading = false;
      this.#relay?.abandon(refusal("bad_upgrade"));
      return true;
    }
    const taken = this.body.take(chunk, this.at, this.#relay);
    if (taken === Taken.nothing) return false;
    this.at = this.body.consumed;
    if (taken === Taken.error) {
      this.#bodyBroke();
    } else if (taken === Taken.end) {
      this.deadlineMs = FOREVER;
      this.#relay?.finish();
    }
    return true;
  }

  /** The body is malformed, or ended early: the request is void. */
  #bodyBroke(): void {
    this.at = this.input?.length ?? 0;
    this.body.broke();
    if (this.#relay?.isActive === true) this.#relay.abandon(refusal("bad_request"));
  }

  #startPace(): void {
    this.body.startPace(this.isPaused);
    this.deadlineMs = this.services.clock.nowMs + this.services.paceMs;
  }

  #lateExchange(nowMs: number): void {
    const relay = this.#relay;
    if (this.hasClientEnded && this.body.isEnded) {
      this.lateHalf(nowMs);
    } else if (!this.body.isRaw || relay === null || relay.hasHead) {
      this.deadlineMs = FOREVER;
    } else if (this.body.keepsPace(this.services.bodyBytesMin)) {
      this.#startPace();
    } else {
      relay.abandon(failed("upstream_timeout"));
    }
  }
}
