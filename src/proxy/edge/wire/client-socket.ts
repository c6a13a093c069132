// The socket of a client: what has come and is not read yet, what is not written yet, and its end.
import { type ByteHolder, HeldShare } from "../../../guard/held-bytes.ts";
import { Outbox } from "../../../guard/outbox.ts";
import {
  bytesEndingTurn,
  countedBytesMin,
  lineOfClients,
  type Yielding,
} from "../../../guard/read-turns.ts";
import { pathWork } from "../../routing/path-variants.ts";
import type { BodyStart } from "../../upstream/unread-body.ts";
import type { WireServices, WireSocket } from "./wire-services.ts";

export const FOREVER: number = Number.POSITIVE_INFINITY;
/** So many bytes that cannot be read yet, or passed on, are held; then the socket is not read. */
export const HELD_BYTES_MAX = 16_384;

export abstract class WireClientSocket implements Yielding, ByteHolder {
  readonly peer: string;
  protected readonly services: WireServices;
  protected readonly socket: WireSocket;
  protected readonly outbox = new Outbox();
  /** The chunk at hand, of which what lies before `at` is read. */
  protected input: Uint8Array | null = null;
  protected at = 0;
  protected hasClientEnded = false;
  /** When bytes were written last; of the clock of the services. */
  protected wroteMs: number;
  /** Of `performance.now()`: when whatever it waits for has to have come. */
  deadlineMs: number;
  isClosed = false;
  /** Requests since something came. */
  #burst = 0;
  /** What paths had cost when its turn began. */
  #workBefore = 0;
  #queue: Uint8Array[] = [];
  #heldBytes = 0;
  #isRunning = false;
  #isPaused = false;
  #isYielding = false;
  /** What has come is not looked at before the turn that is waited for. */
  #isUnread = false;
  /** Who shares turns with it; null: not asked yet. */
  #line: string | null = null;
  #drained: (() => void) | null = null;
  #isLingering = false;
  /** Gives the place back that a connection has which is read out. */
  #releasePlace: (() => void) | null = null;
  #lingerBytes = 0;
  /** It is not read any more. */
  #isReadOut = false;
  #lingerUntilMs = 0;
  /** Bytes that waited for the client when the window at hand began in which it has to read some. */
  #tailBytes = 0;
  /** Not null: it has held bytes. */
  #share: HeldShare | null = null;

  constructor(services: WireServices, socket: WireSocket, peer: string) {
    this.services = services;
    this.socket = socket;
    this.peer = peer;
    this.wroteMs = services.clock.nowMs;
    this.deadlineMs = services.clock.nowMs + services.idleMs;
  }

  /** Reads on in the chunk at hand. False: it has to wait. */
  protected abstract step(chunk: Uint8Array): boolean;
  /** Whether a client that sends what cannot be read at once has to be stopped at once. */
  protected abstract stopsAtOnce(): boolean;
  /** All that the client has sent is read, and it sends no more. May be called again. */
  protected abstract inputEnded(): void;
  /** The client has read what waited for it. */
  protected abstract outputDrained(): void;
  /** The socket is closed. Called once. */
  protected abstract wasClosed(): void;
  /** Reading was stopped. */
  protected abstract wasPaused(): void;
  /** Whether the client has to stop though all that came is read: what it sent has nowhere to go. */
  protected abstract stopsBeforeMore(): boolean;
  /** Bytes that wait for the upstream. */
  protected abstract get upstreamBytes(): number;
  abstract get holds(): ByteHolder["holds"];
  /** See `ByteHolder`. */
  abstract endStalled(): void;

  received(chunk: Uint8Array): void {
    if (this.isClosed) return;
    if (this.input === null) {
      this.input = chunk;
      this.at = 0;
    } else {
      this.#queue.push(chunk);
    }
    this.#heldBytes += chunk.length;
    this.#burst = 0;
    if (chunk.length >= countedBytesMin) this.#count(chunk.length);
    this.run();
  }

  /** The client sends no more. */
  clientEnded(): void {
    this.hasClientEnded = true;
    if (this.#isLingering) {
      if (this.outbox.isEmpty) this.close();
    } else if (this.input === null && !this.isClosed) {
      this.inputEnded();
    }
  }

  drain(): void {
    const { bytes } = this.outbox;
    if (this.isClosed || !this.outbox.flush(this.socket)) return;
    if (this.outbox.bytes < bytes) this.wroteMs = this.services.clock.nowMs;
    this.#share?.update();
    if (!this.outbox.isEmpty) return;
    const drained = this.#drained;
    this.#drained = null;
    drained?.();
    if (this.#isLingering) this.#shutdown();
    else this.outputDrained();
  }

  /** The socket is closed. */
  closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.deadlineMs = FOREVER;
    this.input = null;
    this.#queue = [];
    this.outbox.clear();
    this.#share?.leave();
    this.#releasePlace?.();
    this.#releasePlace = null;
    const drained = this.#drained;
    this.#drained = null;
    drained?.();
    this.wasClosed();
  }

  /** An exception in a handler: nothing of this connection can be believed any more. */
  failed(error: unknown): void {
    this.services.log.error({ err: error }, "connection failed in the gate");
    this.reset();
  }

  reset(): void {
    if (this.isClosed) return;
    this.socket.terminate();
    this.closed();
  }

  close(): void {
    if (this.isClosed) return;
    this.socket.end();
    this.closed();
  }

  resumeReading(): void {
    this.#isYielding = false;
    if (this.#isUnread && !this.isClosed) {
      this.#isUnread = false;
      this.guarded(() => this.run());
      this.#share?.update();
    }
    if (!this.#isPaused && !this.isClosed) this.socket.resume();
  }

  /** Sends bytes, or keeps a copy. False: some are kept. */
  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.isClosed) return true;
    const taken = this.outbox.write(this.socket, bytes, start, end);
    if (taken > 0) this.wroteMs = this.services.clock.nowMs;
    if (this.outbox.isEmpty) return true;
    this.countHeld();
    return false;
  }

  whenDrained(): Promise<void> {
    if (this.outbox.isEmpty || this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  get heldBytes(): number {
    return this.isClosed ? 0 : this.outbox.bytes + this.#heldBytes + this.upstreamBytes;
  }

  /** Bytes are held. */
  countHeld(): void {
    if (this.isClosed) return;
    this.#share ??= new HeldShare(this.services.held, this);
    this.#share.update();
  }

  /** Perhaps fewer are held than before. */
  protected recountHeld(): void {
    this.#share?.update();
  }

  /** Bytes that wait for the client. */
  get waitingBytes(): number {
    return this.outbox.bytes;
  }

  /** What came behind the head that was read last. */
  get bodyStart(): BodyStart | null {
    const { input, at } = this;
    return input === null || at >= input.length
      ? null
      : { bytes: input, start: at, end: input.length };
  }

  /** More has come than what was read. */
  protected get hasMore(): boolean {
    const { input } = this;
    return input !== null && (this.at < input.length || this.#queue.length > 0);
  }

  protected get isPaused(): boolean {
    return this.#isPaused;
  }

  protected get isLingering(): boolean {
    return this.#isLingering;
  }

  /** Reads what has come, as far as it can be read. */
  protected run(): void {
    if (this.#isRunning || this.#isUnread) return;
    this.#isRunning = true;
    try {
      while (this.input !== null && this.#step(this.input)) {
        if (this.input !== null && this.at >= this.input.length) {
          this.#heldBytes -= this.input.length;
          this.input = this.#queue.length === 0 ? null : (this.#queue.shift() ?? null);
          this.at = 0;
        }
      }
    } finally {
      this.#isRunning = false;
    }
    if (this.isClosed) return;
    if (this.input === null && this.hasClientEnded && !this.#isLingering) this.inputEnded();
    this.#setPaused();
  }

  /** From now on nothing is sent but what waits: the client has to read some of it in each window of time. */
  protected awaitReader(): void {
    this.#tailBytes = this.outbox.bytes;
    this.deadlineMs = this.services.clock.nowMs + this.services.paceMs;
  }

  /** A window is over. A client that has read enough of what waits gets another. */
  protected judgeReader(): void {
    // The kernel says that it takes more only when a third of its buffer is free, which may be minutes of a slow client.
    this.drain();
    if (this.isClosed || this.outbox.isEmpty) return;
    const taken = this.#tailBytes - this.outbox.bytes;
    if (taken >= Math.max(1, this.services.bodyBytesMin)) this.awaitReader();
    else this.reset();
  }

  /**
   * Ends our side once all is written, and throws away what still comes, for a while: a close at once would reset the connection,
   * and the client might lose the response (RFC 9112 §9.6). `isUnread`: much may still come.
   */
  protected linger(isUnread: boolean): void {
    if (this.isClosed || this.#isLingering) return;
    const { clock, lingering } = this.services;
    this.#isLingering = true;
    this.#lingerUntilMs = clock.nowMs + lingering.allMs;
    if (isUnread) {
      this.#releasePlace = lingering.cap.admit(this.peer);
      if (this.#releasePlace === null) {
        this.close();
        return;
      }
    }
    if (this.outbox.isEmpty) this.#shutdown();
    else this.awaitReader();
    if (this.#releasePlace !== null) {
      this.deadlineMs = Math.min(this.deadlineMs, this.#lingerUntilMs);
    }
    this.run();
  }

  /** A deadline has passed while it lingered. */
  protected lingerLate(): void {
    if (this.outbox.isEmpty) {
      // The kernel still delivers what it has; a reset would take it back.
      this.close();
    } else if (this.#releasePlace !== null) {
      this.#stopReadingOut();
      this.awaitReader();
    } else {
      this.judgeReader();
    }
  }

  /** Whether one more request may be taken in this turn: a client may send many without waiting for responses. */
  protected takesTurn(): boolean {
    this.#workBefore = pathWork.characters;
    const { arrivals } = this.services;
    if (this.#burst++ === 0 && arrivals.isCalm()) return true;
    return arrivals.take(this.peer, this.socket.remotePort);
  }

  /** Calls it in a coming turn, unless the socket is closed by then. */
  protected onNextTurn(work: () => void): void {
    void this.services.arrivals.wait(this.peer, this.socket.remotePort).then(() => {
      if (this.isClosed) return;
      this.#burst = 0;
      this.#workBefore = pathWork.characters;
      this.guarded(work);
    });
  }

  /** The request that was just taken is judged: what its path cost is the client's. */
  protected chargeWork(): void {
    const work = pathWork.characters - this.#workBefore;
    if (work > 0) this.services.arrivals.charge(this.peer, this.socket.remotePort, work);
  }

  protected guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.failed(error);
    }
  }

  #step(chunk: Uint8Array): boolean {
    if (!this.#isLingering) return this.step(chunk);
    const { clock, lingering } = this.services;
    this.#lingerBytes += chunk.length - this.at;
    this.at = chunk.length;
    if (this.outbox.isEmpty)
      this.deadlineMs = Math.min(this.#lingerUntilMs, clock.nowMs + lingering.silentMs);
    if (this.#lingerBytes <= lingering.bytesMax) return true;
    // What waits for it would be lost with its connection.
    if (this.outbox.isEmpty) this.close();
    else this.#stopReadingOut();
    return true;
  }

  /** A client that reads slowly must not keep a place. */
  #stopReadingOut(): void {
    this.#releasePlace?.();
    this.#releasePlace = null;
    this.#isReadOut = true;
    this.#isPaused = true;
    if (!this.#isYielding) this.socket.pause();
  }

  #shutdown(): void {
    if (this.hasClientEnded) {
      this.close();
      return;
    }
    const { clock, lingering } = this.services;
    this.deadlineMs = clock.nowMs + lingering.silentMs;
    this.socket.shutdown();
  }

  #setPaused(): void {
    if (this.#isReadOut) return;
    const isBlocked =
      this.input === null
        ? this.stopsBeforeMore()
        : this.#heldBytes - this.at > HELD_BYTES_MAX || this.stopsAtOnce();
    if (isBlocked === this.#isPaused || this.isClosed) return;
    this.#isPaused = isBlocked;
    if (isBlocked) {
      this.wasPaused();
      this.countHeld();
    } else {
      this.#share?.update();
    }
    if (this.#isYielding) return;
    if (isBlocked) this.socket.pause();
    else this.socket.resume();
  }

  /** So many bytes have come. They may have to wait for a turn, and so may what comes behind them. */
  #count(bytes: number): void {
    if (this.#isYielding) return;
    const { arrivals, turns } = this.services;
    this.#line ??= lineOfClients(arrivals.networkOf(this.peer, this.socket.remotePort));
    this.#isUnread = !turns.mayTake(this.#line, bytes);
    if (!this.#isUnread && bytes < bytesEndingTurn) return;
    this.#isYielding = true;
    if (!this.#isPaused) this.socket.pause();
    turns.wait(this, this.#line, bytes, this.#isUnread);
    if (!this.#isUnread) return;
    this.wasPaused();
    this.countHeld();
  }
}
