// One connection to an upstream: a state machine over its socket.
import type { ConnectAttempt } from "../../../guard/connect-attempts.ts";
import { Outbox } from "../../../guard/outbox.ts";
import type { Yielding } from "../../../guard/read-turns.ts";
import { BodyDecoder, BodyStep } from "../../../http1/body-decoder.ts";
import { Framing } from "../../../http1/message-head.ts";
import { RESPONSE_ERRORS } from "../../../http1/parse-error.ts";
import { ResponseParser } from "../../../http1/response-parser.ts";
import { mayReuse } from "../../../http1/reuse.ts";
import { Step } from "../../../http1/section-parser.ts";
import { bindsConnection } from "./connection-binding.ts";
import type { ConnectionKeeper } from "./connection-keeper.ts";
import { gatherPayload } from "./gathered-payload.ts";
import type { RawCall, RawSocket } from "./raw-call.ts";
import type { RawFailure } from "./raw-receiver.ts";

const CONNECTING = 0;
const IDLE = 1;
const HEAD = 2;
const BODY = 3;
const TUNNEL = 4;
const DEAD = 5;

const NO_ERROR = { code: null } as const;
const FOREVER = Number.POSITIVE_INFINITY;

export class RawConnection implements Yielding {
  readonly address: string;
  readonly port: number;
  readonly #keeper: ConnectionKeeper<RawConnection>;
  readonly #parser: ResponseParser;
  readonly #body: BodyDecoder;
  readonly #outbox = new Outbox();
  #socket: RawSocket | null = null;
  #state = CONNECTING;
  #call: RawCall | null;
  /** Of a body in chunks, what was read last took so long, in milliseconds. */
  #tookMs = 0;
  /** Performance time at which it is closed, whatever it waits for. */
  #deadlineMs: number;
  #requestCount = 0;
  /** Nothing of the request is left to write. */
  #isWritten = false;
  #hasWritten = false;
  #hasReceived = false;
  #binds = false;
  #isHeld = false;
  #isYielding = false;
  #hasUpstreamEnded = false;
  readonly #attempt: ConnectAttempt;

  /** For this first call. `connectMs`: how long connecting may take, in milliseconds. */
  constructor(
    keeper: ConnectionKeeper<RawConnection>,
    address: string,
    port: number,
    call: RawCall,
    attempt: ConnectAttempt,
    connectMs: number,
  ) {
    this.#keeper = keeper;
    this.#attempt = attempt;
    this.address = address;
    this.port = port;
    this.#call = call;
    this.#parser = new ResponseParser(keeper.limits);
    this.#body = new BodyDecoder(RESPONSE_ERRORS, keeper.limits);
    this.#deadlineMs = performance.now() + Math.min(connectMs, call.responseHeaderMs);
  }

  get isDead(): boolean {
    return this.#state === DEAD;
  }

  get isIdle(): boolean {
    return this.#state === IDLE;
  }

  /** Of the response's body so far. */
  get payloadBytes(): number {
    return this.#body.payloadBytes;
  }

  /** Writes the call's head. The connection has to be idle. */
  begin(call: RawCall): void {
    this.#call = call;
    this.#state = HEAD;
    this.#isWritten = call.isWhole;
    this.#hasWritten = false;
    this.#hasReceived = false;
    this.#binds = call.isConnectionBound;
    this.#requestCount++;
    this.#parser.expect(call.method, call.isUpgrade);
    const head = call.receiver.writeHead();
    if (this.#call !== call) return;
    if (head === null) {
      this.#kill(true);
      call.lost("broken", false, true, null);
      return;
    }
    this.#sentNow();
    const taken = this.#send(head.written, 0, head.length, false);
    if (taken < 0) {
      this.#lose("broken");
    } else if (!call.isWhole && this.#outbox.isEmpty) {
      call.receiver.onDrain();
    }
  }

  /** Bytes that wait for the upstream. */
  get waitingBytes(): number {
    return this.#outbox.bytes;
  }

  /** See `RawRequest.write`. */
  write(bytes: Uint8Array, start: number, end: number, isOwn: boolean): boolean {
    this.#sentNow();
    // A closed socket says so by itself, behind what came before it.
    this.#send(bytes, start, end, isOwn);
    return this.#outbox.isEmpty;
  }

  finish(): void {
    if (this.#isWritten) return;
    this.#isWritten = true;
    this.#sentNow();
    this.#finishTunnel();
  }

  pause(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    if (!this.#isYielding) this.#socket?.pause();
  }

  resume(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (!this.#isYielding) this.#socket?.resume();
  }

  /** From now on, not the response but the time of performance.now() ends the call. */
  limit(atMs: number): void {
    this.#deadlineMs = atMs;
  }

  /** Closes it; the call learns nothing. */
  drop(): void {
    this.#kill(false);
  }

  /** Closes it where nothing more is expected. */
  close(): void {
    this.#kill(true);
  }

  tick(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    if (this.#state === IDLE) this.close();
    else this.#lose("timeout");
  }

  opened(socket: RawSocket): void {
    this.#attempt.settled();
    const call = this.#call;
    if (call === null) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    this.begin(call);
  }

  /** Called once or twice. */
  refused(): void {
    this.#attempt.settled();
    this.#lose("unreachable");
  }

  received(chunk: Uint8Array): void {
    const { turns } = this.#keeper;
    const isCostly = this.#state === BODY && this.#parser.head.framing === Framing.chunked;
    if (turns.endsTurn(this.address, chunk.length, isCostly)) this.#yieldTurn(chunk.length);
    const startedMs = isCostly ? performance.now() : 0;
    const call = this.#call;
    switch (this.#state) {
      case HEAD:
        this.#receivedHead(chunk);
        break;
      case BODY:
        this.#receivedBody(chunk, 0);
        break;
      case TUNNEL:
        this.#call?.receiver.onBody(chunk, 0, chunk.length);
        break;
      case IDLE:
        // Nothing was asked: whatever sent this is out of step.
        this.drop();
        this.#keeper.outOfStep(this);
    }
    if (call !== null && this.#call === call) call.receiver.onFlush();
    this.#tookMs = isCostly ? performance.now() - startedMs : 0;
  }

  drained(): void {
    const call = this.#call;
    if (this.#outbox.isEmpty || call === null) return;
    if (!this.#flush() || !this.#outbox.isEmpty) return;
    if (this.#isWritten) this.#finishTunnel();
    else call.receiver.onDrain();
  }

  /** The upstream sends no more. */
  ended(): void {
    switch (this.#state) {
      case BODY:
        // Only a body until close is whole with the connection.
        if (this.#parser.head.framing !== Framing.untilClose) this.#lose("broken");
        else if (this.#body.finish() === null) this.#completed(0);
        break;
      case TUNNEL:
        this.#hasUpstreamEnded = true;
        this.#call?.receiver.onEnd(this.#body.trailers, true);
        this.#finishTunnel();
        break;
      case HEAD:
        this.#lose("broken");
        break;
      case IDLE:
        this.close();
    }
  }

  /** The socket is closed. `isReset`: the upstream reset it. */
  gone(isReset: boolean): void {
    // Once our direction is ended, the end of the other is not said by itself.
    if (this.#state === TUNNEL && this.#isWritten && !this.#hasUpstreamEnded && !isReset) {
      this.ended();
    } else if (this.#state !== DEAD) {
      // A reset ends no body in good order.
      this.#lose("broken");
    }
  }

  /** A receiver threw. */
  failed(error: unknown): void {
    this.#keeper.threw(error);
    this.#lose("broken");
  }

  resumeReading(): void {
    this.#isYielding = false;
    if (!this.#isHeld) this.#socket?.resume();
  }

  #yieldTurn(bytes: number): void {
    if (this.#isYielding) return;
    this.#isYielding = true;
    if (!this.#isHeld) this.#socket?.pause();
    this.#keeper.turns.yield(this, this.address, bytes, this.#tookMs);
  }

  #receivedHead(chunk: Uint8Array): void {
    const call = this.#call;
    const parser = this.#parser;
    this.#hasReceived = true;
    let at = 0;
    for (;;) {
      const step = parser.push(chunk, at);
      at = parser.consumed;
      if (step === Step.more) return;
      if (step === Step.error || call === null) {
        this.#lose("broken");
        return;
      }
      if (step === Step.head) break;
      call.receiver.onInterim(parser.head);
      if (this.#call !== call) return;
    }
    const { head } = parser;
    if (bindsConnection(head)) this.#binds = true;
    this.#deadlineMs = FOREVER;
    if (head.framing === Framing.tunnel) {
      this.#state = TUNNEL;
      this.#isWritten = false;
    } else {
      this.#state = BODY;
      this.#body.start(head);
    }
    call.receiver.onHead(head);
    if (this.#call !== call) return;
    if (this.#state === BODY) this.#receivedBody(chunk, at);
    else if (at < chunk.length) call.receiver.onBody(chunk, at, chunk.length);
  }

  #receivedBody(chunk: Uint8Array, from: number): void {
    const call = this.#call;
    if (call === null) return;
    const body = this.#body;
    let step: BodyStep = BodyStep.data;
    for (let at = from; step === BodyStep.data; at = body.consumed) {
      step = call.isRaw ? body.pass(chunk, at) : gatherPayload(body, chunk, at);
      const start = call.isRaw ? at : body.dataStart;
      const end = call.isRaw ? body.rawEnd : body.dataEnd;
      if (end > start) call.receiver.onBody(chunk, start, end);
      if (this.#call !== call) return;
    }
    if (step === BodyStep.end) this.#completed(chunk.length - body.consumed);
    else if (step === BodyStep.error) this.#lose("broken");
  }

  /** The response is whole; `bytesAfter` bytes came behind it. */
  #completed(bytesAfter: number): void {
    const call = this.#call;
    if (call === null) return;
    const body = this.#body;
    const isClosed = body.rawIsClosed;
    const binds = this.#binds;
    const isWritten = this.#isWritten && this.#outbox.isEmpty;
    if (bytesAfter > 0) this.#keeper.outOfStep(this);
    if (!call.isLast && isWritten && mayReuse(this.#parser.head, body, bytesAfter)) {
      this.#call = null;
      this.#state = IDLE;
      this.#parser.release();
      this.#deadlineMs = performance.now() + this.#keeper.idleMs;
      this.resume();
      if (!binds) this.#keeper.released(this);
    } else {
      this.close();
    }
    call.over(binds && this.isIdle);
    call.receiver.onEnd(body.trailers, isClosed);
  }

  /** The time before is not the upstream's. */
  #sentNow(): void {
    const call = this.#call;
    if (this.#state === HEAD && call !== null) {
      this.#deadlineMs = performance.now() + call.responseHeaderMs;
    }
  }

  /** Bytes taken at once; negative: the socket is closed. */
  #send(bytes: Uint8Array, start: number, end: number, isOwn: boolean): number {
    const socket = this.#socket;
    if (socket === null) return -1;
    const taken = this.#outbox.write(socket, bytes, start, end, isOwn);
    if (taken > 0) this.#hasWritten = true;
    return taken;
  }

  /** False: it is closed. */
  #flush(): boolean {
    const socket = this.#socket;
    if (socket === null || !this.#outbox.flush(socket)) return false;
    this.#hasWritten = true;
    this.#sentNow();
    return true;
  }

  /** Ends our direction of a tunnel once all of it is written, and the tunnel when both are ended. */
  #finishTunnel(): void {
    if (this.#state !== TUNNEL || !this.#isWritten || !this.#outbox.isEmpty) return;
    if (!this.#hasUpstreamEnded) {
      this.#socket?.shutdown();
      return;
    }
    const call = this.#call;
    this.close();
    call?.over(false);
  }

  #lose(failure: RawFailure): void {
    if (this.#state === DEAD) return;
    const call = this.#call;
    const mayRetry = this.#state === HEAD && this.#requestCount > 1 && !this.#hasReceived;
    const isUnsent = !this.#hasWritten;
    const { code } = this.#parser.error ?? this.#body.error ?? NO_ERROR;
    this.#kill(false);
    call?.lost(failure, mayRetry && failure === "broken", isUnsent, code);
  }

  /** The socket is closed; in good order where nothing of ours is left to read or write, otherwise by a reset. */
  #kill(isInOrder: boolean): void {
    if (this.#state === DEAD) return;
    this.#state = DEAD;
    this.#call = null;
    this.#deadlineMs = FOREVER;
    this.#outbox.clear();
    const socket = this.#socket;
    // One that is not connected yet cannot be closed.
    if (isInOrder) socket?.end();
    else socket?.terminate();
    this.#attempt.drop();
    this.#keeper.closed(this);
  }
}
