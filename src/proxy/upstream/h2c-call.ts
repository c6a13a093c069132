// One request to a program that speaks HTTP/2: a stream of a session.

import http2, { type ClientHttp2Stream, type OutgoingHttpHeaders } from "node:http2";
import { copiedBytes } from "../../guard/copied-bytes.ts";
import { methodNamed } from "../../http1/method.ts";
import { mayAuthenticateConnection } from "./connection-auth.ts";
import type { H2cPool } from "./h2c/h2c-pool.ts";
import type { H2cSession, SessionCall } from "./h2c/h2c-session.ts";
import { lengthOf, receivedFields, requestFields } from "./h2c-fields.ts";
import { passableTrailers } from "./h2c-trailers.ts";
import type { RawFailure } from "./raw/raw-receiver.ts";
import { IDEMPOTENT } from "./raw/raw-request.ts";
import type { RequestFraming } from "./request-bytes.ts";
import { hasNoBody, isFinalStatus } from "./response-checks.ts";
import type { CallReceiver, OutgoingRequest, UpstreamCall } from "./upstream-call.ts";

const { NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM, HTTP2_HEADER_STATUS } = http2.constants;
/** Flag of a HEADERS frame. */
const END_STREAM = 1;
/** As for HTTP/1.1. */
const INTERIM_MAX = 16;
const FOREVER = Number.POSITIVE_INFINITY;

/** Why a response cannot be used, as the log names it. */
type Unusable =
  | "InterimFlood"
  | "BadFields"
  | "UnusableStatus"
  | "BadLength"
  | "BadTrailers"
  | "NoResponse"
  | "StreamReset"
  | "ConnectionLost"
  | "TooManySessions";

export class H2cCall implements UpstreamCall, SessionCall {
  readonly hasTrailers = true;
  readonly #pool: H2cPool;
  readonly #receiver: CallReceiver;
  #request: OutgoingRequest | null = null;
  #fields: OutgoingHttpHeaders = {};
  #session: H2cSession | null = null;
  #stream: ClientHttp2Stream | null = null;
  #streamId = 0;
  /** Of `performance.now()`. */
  #deadlineMs = FOREVER;
  #hasRetried = false;
  /** A session made no stream for it. */
  #wasDeclined = false;
  #hasResponse = false;
  #isOver = false;
  #interims = 0;
  #trailers: Headers | null = null;
  /** Bytes that the body must have; -1: any number. */
  #length = -1;
  #bytes = 0;

  constructor(pool: H2cPool, receiver: CallReceiver) {
    this.#pool = pool;
    this.#receiver = receiver;
  }

  send(request: OutgoingRequest): boolean {
    const { method, target, headers, framing, responseHeaderMs } = request;
    const fields = requestFields(method, target, headers, framing);
    if (fields === null) return false;
    this.#request = request;
    this.#fields = fields;
    const { connectMs } = this.#pool.limits;
    this.#deadlineMs = performance.now() + Math.min(connectMs, responseHeaderMs);
    this.#ask(request);
    return true;
  }

  /** Frames say where a body ends. */
  framingOf(framing: RequestFraming): RequestFraming {
    return framing === "chunked" ? "none" : framing;
  }

  write(bytes: Uint8Array, start: number, end: number, isOwn: boolean): boolean {
    const stream = this.#stream;
    if (stream === null || stream.writableEnded) return true;
    this.#sentNow();
    return stream.write(isOwn ? bytes.subarray(start, end) : copiedBytes(bytes, start, end));
  }

  finish(): void {
    this.#sentNow();
    this.#stream?.end();
  }

  get waitingBytes(): number {
    return this.#stream?.writableLength ?? 0;
  }

  get unreadBytes(): number {
    return this.#stream?.readableLength ?? 0;
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  limit(ms: number): void {
    this.#deadlineMs = performance.now() + ms;
  }

  abort(): void {
    if (!this.#isOver) this.#end();
  }

  close(): void {
    this.abort();
  }

  begin(session: H2cSession): void {
    const request = this.#request;
    if (request === null) return;
    const { held, isStreamed } = request;
    const stream = session.request(this.#fields, held === null && !isStreamed);
    if (stream === null) {
      session.retire();
      session.release(this, undefined);
      this.#session = null;
      // It was on its way to its end. Another one that takes no request either is not the reason.
      if (this.#wasDeclined) this.#fail("broken", "NoResponse");
      else {
        this.#wasDeclined = true;
        this.again();
      }
      return;
    }
    this.#stream = stream;
    this.#streamId = stream.id ?? 0;
    this.#sentNow();
    this.#listen(stream);
    if (held !== null) stream.end(held);
    else if (isStreamed) this.#receiver.onDrain();
  }

  again(): void {
    this.#session = null;
    if (!this.#isOver && this.#request !== null) this.#ask(this.#request);
  }

  lost(failure: RawFailure): void {
    if (this.#isOver) return;
    // All of it has come, and is still to be read.
    if (this.#hasResponse && this.#session?.watch.hasEnded(this.#streamId) === true) return;
    const wasUsed = this.#session?.wasUsed === true;
    const isRepeatable = IDEMPOTENT.has(methodNamed(this.#request?.method ?? ""));
    if (failure === "broken" && wasUsed && isRepeatable && this.#mayRetry()) this.#retry();
    else this.#fail(failure, failure === "broken" ? "ConnectionLost" : null);
  }

  tick(nowMs: number): void {
    if (!this.#isOver && nowMs >= this.#deadlineMs) this.#fail("timeout", null);
  }

  #ask({ address, port, headers }: OutgoingRequest): void {
    const isBound = mayAuthenticateConnection(headers.get("authorization"));
    const session = this.#pool.session(address, port, isBound);
    this.#session = session;
    if (session === null) this.#fail("unreachable", "TooManySessions");
    else session.take(this);
  }

  #listen(stream: ClientHttp2Stream): void {
    const isMine = () => !this.#isOver && this.#stream === stream;
    stream.on("headers", () => {
      if (isMine() && ++this.#interims > INTERIM_MAX) this.#spoil("InterimFlood");
    });
    stream.on("response", (head, flags, raw) => {
      if (isMine()) this.#responded(Number(head[HTTP2_HEADER_STATUS]), flags, rawOf(raw));
    });
    stream.on("trailers", (_fields, _flags, raw) => {
      if (!isMine()) return;
      this.#trailers = passableTrailers(rawOf(raw));
      if (this.#trailers === null) this.#spoil("BadTrailers");
    });
    stream.on("data", (chunk: Buffer) => {
      if (isMine()) this.#received(chunk);
    });
    stream.on("drain", () => {
      if (!isMine()) return;
      this.#sentNow();
      this.#receiver.onDrain();
    });
    stream.on("end", () => {
      if (isMine()) this.#ended();
    });
    // What it was is in its code, which `close` reads.
    stream.on("error", () => {});
    stream.on("close", () => {
      if (isMine()) this.#closed(stream.rstCode ?? 0);
    });
  }

  #responded(status: number, flags: number, raw: readonly string[]): void {
    const headers = receivedFields(raw);
    const length = headers === null ? null : lengthOf(headers);
    if (headers === null || length === null) {
      this.#spoil("BadFields");
      return;
    }
    if (!isFinalStatus(status)) {
      this.#spoil("UnusableStatus");
      return;
    }
    const hasBody = (flags & END_STREAM) === 0;
    const mayHaveBody = this.#request?.method !== "HEAD" && !hasNoBody(status);
    // RFC 9113 §8.1.1.
    if (mayHaveBody && !hasBody && length > 0) {
      this.#spoil("BadLength");
      return;
    }
    this.#length = mayHaveBody ? length : -1;
    this.#hasResponse = true;
    this.#deadlineMs = FOREVER;
    this.#receiver.onResponse({ status, statusText: "", headers, contentLength: length, hasBody });
  }

  #received(chunk: Buffer): void {
    if (!this.#hasResponse) {
      this.#spoil("NoResponse");
      return;
    }
    this.#bytes += chunk.length;
    if (this.#length !== -1 && this.#bytes > this.#length) this.#spoil("BadLength");
    else this.#receiver.onBody(chunk, 0, chunk.length);
  }

  /** The runtime says so of streams that were reset, too. */
  #ended(): void {
    if (!this.#hasResponse) {
      this.#spoil("NoResponse");
    } else if (this.#session?.watch.hasEnded(this.#streamId) !== true) {
      this.#spoil("StreamReset");
    } else if (this.#length !== -1 && this.#bytes !== this.#length) {
      this.#spoil("BadLength");
    } else {
      const trailers = this.#trailers;
      this.#end();
      this.#receiver.onEnd(trailers);
    }
  }

  #closed(code: number): void {
    // The upstream has not looked at it (RFC 9113 §8.7).
    if (code === NGHTTP2_REFUSED_STREAM && this.#mayRetry()) this.#retry();
    else this.#spoil(this.#hasResponse ? "StreamReset" : "NoResponse");
  }

  /** Nothing of a response came, and the request can be said again. */
  #mayRetry(): boolean {
    return !this.#hasRetried && !this.#hasResponse && this.#request?.isStreamed === false;
  }

  #retry(): void {
    this.#hasRetried = true;
    this.#session?.release(this, this.#streamId);
    this.#stream = null;
    this.again();
  }

  /** It does not keep to the rules: the session is used no more. */
  #spoil(error: Unusable): void {
    const session = this.#session;
    this.#fail("broken", error);
    session?.retire();
  }

  #fail(failure: RawFailure, error: Unusable | null): void {
    this.#end();
    this.#receiver.onFailed(failure, error);
  }

  #end(): void {
    this.#isOver = true;
    const stream = this.#stream;
    // One that is whole in both directions is closed already.
    if (stream !== null && !stream.closed) stream.close(NGHTTP2_CANCEL);
    // Nothing more of it may stay in memory.
    stream?.resume();
    this.#session?.release(this, this.#streamId);
  }

  /** The time before is not the upstream's. */
  #sentNow(): void {
    if (!this.#hasResponse) {
      this.#deadlineMs = performance.now() + (this.#request?.responseHeaderMs ?? 0);
    }
  }
}

/** The runtime's events have the fields as they came; its types do not say so. */
function rawOf(raw: unknown): readonly string[] {
  return Array.isArray(raw) ? raw : [];
}
