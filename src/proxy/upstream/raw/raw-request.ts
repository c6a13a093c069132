// Requests of one client on raw connections to upstreams, one at a time: the upstreams' side of the seam.
import { Method } from "../../../http1/method.ts";
import type { ParseErrorCode } from "../../../http1/parse-error.ts";
import type { RawCall } from "./raw-call.ts";
import type { RawConnection } from "./raw-connection.ts";
import type { RawPool } from "./raw-pool.ts";
import type { RawFailure, RawReceiver } from "./raw-receiver.ts";

/** Methods that may be repeated where it is not known what became of the first attempt (RFC 9110 §9.2.2). */
export const IDEMPOTENT: ReadonlySet<number> = new Set([
  Method.GET,
  Method.HEAD,
  Method.OPTIONS,
  Method.TRACE,
  Method.PUT,
  Method.DELETE,
]);

/**
 * Carries requests, one after another, and outlives the connections that carry them: whoever holds it cannot reach a
 * connection that has become another's. One for each connection of a client is enough; set the fields, then `send`.
 */
export class RawRequest implements RawCall {
  readonly receiver: RawReceiver;
  method: Method = Method.other;
  /** It asks for 101. */
  isUpgrade = false;
  /**
   * Its connection is closed behind it. Set where the upstream may not read the body (`endsConnection`), and say so in the head:
   * what is left of it must not become a request.
   */
  isLast = false;
  /** Bodies come as they are, chunk lines included; otherwise their payload. */
  isRaw = false;
  /** What `writeHead` answers is the whole request. Of these, idempotent ones are repeated once on a new connection. */
  isWhole = false;
  /** Its credentials may authenticate the connection: no other client may have that. */
  isConnectionBound = false;
  /** How long the upstream may take to begin its response once it has what was sent, in milliseconds. */
  responseHeaderMs = 0;
  readonly #pool: RawPool;
  #connection: RawConnection | null = null;
  /** A connection that was authenticated as this client. */
  #bound: RawConnection | null = null;
  #address = "";
  #port = 0;
  #hasRetried = false;

  constructor(pool: RawPool, receiver: RawReceiver) {
    this.#pool = pool;
    this.receiver = receiver;
  }

  get isActive(): boolean {
    return this.#connection !== null;
  }

  /** Bytes of the response's body so far, without chunk lines and trailers. 0 when it is over. */
  get payloadBytes(): number {
    return this.#connection === null ? 0 : this.#connection.payloadBytes;
  }

  /** Sends the request to an IP address without brackets. Calls the receiver, perhaps before it returns. */
  send(address: string, port: number): void {
    this.#address = address;
    this.#port = port;
    this.#hasRetried = false;
    const connection = this.#ready();
    if (connection === null) {
      this.#connect();
    } else {
      this.#connection = connection;
      connection.begin(this);
    }
  }

  /**
   * Writes bytes of the body, or of a tunnel; only after `writeHead` was called. What is not taken at once is kept. False: wait
   * for `onDrain` before the next. `isOwn`: the caller leaves the bytes to it.
   */
  write(bytes: Uint8Array, start: number, end: number, isOwn = false): boolean {
    return this.#connection === null || this.#connection.write(bytes, start, end, isOwn);
  }

  /** Bytes that wait for the upstream. */
  get waitingBytes(): number {
    return this.#connection?.waitingBytes ?? 0;
  }

  /** The request is whole; in a tunnel: half-closes it. */
  finish(): void {
    this.#connection?.finish();
  }

  /** Stops reading the response; what was read already is still delivered. */
  pause(): void {
    this.#connection?.pause();
  }

  resume(): void {
    this.#connection?.resume();
  }

  /** What is left of the response has to come within so many milliseconds. After the head there is no limit by itself. */
  limit(ms: number): void {
    this.#connection?.limit(performance.now() + ms);
  }

  /** Ends it: its connection is reset, unless it was over. */
  abort(): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.drop();
  }

  /** The client is gone, and with it the connections that are its own. */
  close(): void {
    this.abort();
    const bound = this.#bound;
    this.#bound = null;
    bound?.close();
  }

  over(keeps: boolean): void {
    const connection = this.#connection;
    this.#connection = null;
    if (keeps && connection !== null) {
      this.#bound?.close();
      this.#bound = connection;
    }
  }

  lost(
    failure: RawFailure,
    mayRetry: boolean,
    isUnsent: boolean,
    error: ParseErrorCode | null,
  ): void {
    this.#connection = null;
    const isRepeatable = isUnsent || (this.isWhole && IDEMPOTENT.has(this.method));
    if (mayRetry && isRepeatable && !this.#hasRetried) {
      this.#hasRetried = true;
      this.#connect();
    } else {
      this.receiver.onFailed(failure, error);
    }
  }

  /** A connection that is there already. One that will be bound is not taken from the others. */
  #ready(): RawConnection | null {
    const bound = this.#bound;
    if (bound !== null && bound.address === this.#address && bound.port === this.#port) {
      this.#bound = null;
      if (bound.isIdle) return bound;
    }
    return this.isConnectionBound ? null : this.#pool.takeIdle(this.#address, this.#port);
  }

  #connect(): void {
    this.#connection = this.#pool.connect(this.#address, this.#port, this);
    if (this.#connection === null) this.receiver.onFailed("unreachable", null);
  }
}
