// One connection to a program that speaks HTTP/2 in plain text: many requests at a time.
import http2 from "node:http2";
import type { ConnectAttempt } from "../../../guard/connect-attempts.ts";
import type { ReadTurns } from "../../../guard/read-turns.ts";
import type { RawFailure } from "../raw/raw-receiver.ts";
import { FrameWatch } from "./frame-watch.ts";
import { H2cSocket } from "./h2c-socket.ts";

export interface SessionLimits {
  /** Requests at a time. The upstream may allow fewer. */
  readonly streamsMax: number;
  /** Requests in all: identifiers run out. */
  readonly requestsMax: number;
  /** How long connecting may take, the upstream's settings included, in milliseconds. */
  readonly connectMs: number;
  readonly idleMs: number;
  /** Frames between two ticks that carry nothing of a response: acknowledgements, windows, priorities, what is unknown. */
  readonly idleFramesMax: number;
}

/** Bytes that a stream may send beyond what is read, fields of a head, and bytes of them as HTTP/2 counts them. */
const WINDOW_BYTES = 65_535;
const FIELDS_MAX = 256;
const FIELDS_BYTES_MAX = 65_536;
/** Megabytes that the runtime may hold for a session. */
const MEMORY_MB = 10;

/** A request on its way to a session, or in it. */
export interface SessionCall {
  /** The session takes it: now, and in this turn. */
  begin(session: H2cSession): void;
  /** The session has no room after all. */
  again(): void;
  /** The session is gone. */
  lost(failure: RawFailure): void;
  tick(nowMs: number): void;
}

export interface SessionKeeper {
  readonly turns: ReadTurns;
  readonly limits: SessionLimits;
  /** It takes no more requests, and is closed or will be. */
  retired(session: H2cSession): void;
  /** It is closed. */
  closed(session: H2cSession): void;
}

const CONNECTING = 0;
const OPEN = 1;
const RETIRED = 2;
const DEAD = 3;

export class H2cSession {
  readonly address: string;
  readonly port: number;
  /** Of one request alone: its credentials may authenticate the connection. */
  readonly isBound: boolean;
  readonly watch = new FrameWatch();
  readonly #keeper: SessionKeeper;
  readonly #attempt: ConnectAttempt;
  readonly #session: http2.ClientHttp2Session;
  readonly #waiting = new Set<SessionCall>();
  readonly #calls = new Set<SessionCall>();
  #state = CONNECTING;
  #requestCount = 0;
  /** At the last tick. */
  #idleFrames = 0;
  /** Of `performance.now()`: when it is given up, or was used last. */
  #sinceMs = performance.now();

  /** `attempt`: that of connecting its socket. */
  constructor(
    keeper: SessionKeeper,
    address: string,
    port: number,
    isBound: boolean,
    attempt: ConnectAttempt,
  ) {
    this.#keeper = keeper;
    this.#attempt = attempt;
    this.address = address;
    this.port = port;
    this.isBound = isBound;
    const socket = new H2cSocket({
      address,
      port,
      turns: keeper.turns,
      watch: (chunk) => this.#saw(chunk),
      settled: () => attempt.settled(),
    });
    const host = address.includes(":") ? `[${address}]` : address;
    const session = http2.connect(`http://${host}:${port}`, {
      createConnection: () => socket,
      settings: {
        enablePush: false,
        initialWindowSize: WINDOW_BYTES,
        maxHeaderListSize: FIELDS_BYTES_MAX,
      },
      maxHeaderListPairs: FIELDS_MAX,
      maxSessionMemory: MEMORY_MB,
    });
    this.#session = session;
    session.once("remoteSettings", () => this.#ready());
    session.on("goaway", () => this.retire());
    session.on("error", () => this.#die("broken"));
    session.on("close", () => this.#die("broken"));
    // What the runtime says of the socket alone.
    socket.on("error", () => this.#die("broken"));
    socket.on("close", () => this.#die("broken"));
  }

  /** Whether `take` may be called. */
  get hasRoom(): boolean {
    const { streamsMax } = this.#keeper.limits;
    if (this.#state === CONNECTING) return this.#waiting.size < streamsMax;
    return this.#state === OPEN && this.#calls.size < this.#streamsMax;
  }

  /** Whether a request may have come too late for a connection that was ended. */
  get wasUsed(): boolean {
    return this.#requestCount > 1;
  }

  take(call: SessionCall): void {
    if (this.#state === CONNECTING) this.#waiting.add(call);
    else this.#begin(call);
  }

  /** Null: it takes no more. */
  request(fields: http2.OutgoingHttpHeaders, endStream: boolean): http2.ClientHttp2Stream | null {
    try {
      const stream = this.#session.request(fields, { endStream });
      if (stream.id === undefined) {
        stream.on("error", () => {});
        stream.close(http2.constants.NGHTTP2_CANCEL);
        return null;
      }
      this.watch.expect(stream.id);
      return stream;
    } catch {
      return null;
    }
  }

  /** The call is over, or waits no longer. */
  release(call: SessionCall, stream: number | undefined): void {
    this.#waiting.delete(call);
    if (stream !== undefined) this.watch.forget(stream);
    if (!this.#calls.delete(call)) return;
    this.#sinceMs = performance.now();
    if (this.isBound || this.#requestCount >= this.#keeper.limits.requestsMax) this.retire();
    else this.#closeUnused();
  }

  /** Takes no more requests; those that are under way go on. */
  retire(): void {
    if (this.#state !== OPEN) return;
    this.#state = RETIRED;
    this.#keeper.retired(this);
    this.#closeUnused();
  }

  /** Something of it threw. */
  fail(): void {
    this.#die("broken");
  }

  tick(nowMs: number): void {
    const { connectMs, idleMs } = this.#keeper.limits;
    this.#idleFrames = this.watch.idleFrames;
    for (const call of [...this.#waiting, ...this.#calls]) call.tick(nowMs);
    const sinceMs = nowMs - this.#sinceMs;
    if (this.#state === CONNECTING && sinceMs >= connectMs) this.#die("timeout");
    else if (this.#state === OPEN && this.#calls.size === 0 && sinceMs >= idleMs) this.retire();
  }

  /** Ends it when nothing is under way, now or later. */
  stop(): void {
    if (this.#state === CONNECTING && this.#waiting.size === 0) this.#die("broken");
    else this.retire();
  }

  get #streamsMax(): number {
    const { maxConcurrentStreams } = this.#session.remoteSettings ?? {};
    return Math.min(this.#keeper.limits.streamsMax, maxConcurrentStreams ?? Number.MAX_VALUE);
  }

  #begin(call: SessionCall): void {
    this.#calls.add(call);
    this.#requestCount++;
    call.begin(this);
  }

  /** The first that an upstream says are its settings (RFC 9113 §3.4): it does speak HTTP/2. */
  #ready(): void {
    if (this.#state !== CONNECTING) return;
    this.#state = OPEN;
    this.#sinceMs = performance.now();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    // Of one that takes no requests the next would be as good.
    if (this.#streamsMax < 1) {
      this.#die("unreachable");
      for (const call of waiting) call.lost("unreachable");
      return;
    }
    for (const call of waiting) {
      if (this.hasRoom) this.#begin(call);
      else call.again();
    }
  }

  /** False: it is given up, and gets nothing of the chunk. */
  #saw(chunk: Uint8Array): boolean {
    const { watch } = this;
    watch.read(chunk);
    const idleFrames = watch.idleFrames - this.#idleFrames;
    if (idleFrames <= this.#keeper.limits.idleFramesMax && !watch.hasBegunStream) return true;
    watch.giveUp();
    this.#die("broken");
    return false;
  }

  #closeUnused(): void {
    if (this.#state === RETIRED && this.#calls.size === 0) this.#die("broken");
  }

  #die(failure: RawFailure): void {
    if (this.#state === DEAD) return;
    const how = this.#state === CONNECTING && failure === "broken" ? "unreachable" : failure;
    this.#state = DEAD;
    this.#session.destroy();
    this.#attempt.drop();
    this.#keeper.closed(this);
    const left = [...this.#waiting, ...this.#calls];
    this.#waiting.clear();
    for (const call of left) call.lost(how);
  }
}
