// Requests of platform edges over HTTP/1.1.
import type { WrittenHead } from "../../http1/head-writer.ts";
import { Framing } from "../../http1/message-head.ts";
import { methodNamed } from "../../http1/method.ts";
import type { ParseErrorCode } from "../../http1/parse-error.ts";
import type { ResponseHead } from "../../http1/response-head.ts";
import { mayAuthenticateConnection } from "./connection-auth.ts";
import { headersOf } from "./platform-headers.ts";
import type { RawPool } from "./raw/raw-pool.ts";
import type { RawFailure, RawReceiver } from "./raw/raw-receiver.ts";
import { RawRequest } from "./raw/raw-request.ts";
import { type RequestFraming, requestBytes } from "./request-bytes.ts";
import type { CallReceiver, OutgoingRequest, UpstreamCall } from "./upstream-call.ts";

export class Http1Call implements UpstreamCall, RawReceiver {
  readonly hasTrailers = false;
  readonly #raw: RawRequest;
  readonly #receiver: CallReceiver;
  #bytes: Buffer | null = null;

  constructor(pool: RawPool, receiver: CallReceiver) {
    this.#raw = new RawRequest(pool, this);
    this.#receiver = receiver;
  }

  send(request: OutgoingRequest): boolean {
    const { method, headers, isLast } = request;
    const bytes = requestBytes(request);
    if (bytes === null) return false;
    this.#bytes = bytes;
    const raw = this.#raw;
    raw.method = methodNamed(method);
    raw.isLast = isLast;
    raw.isWhole = !request.isStreamed;
    raw.isConnectionBound = mayAuthenticateConnection(headers.get("authorization"));
    raw.responseHeaderMs = request.responseHeaderMs;
    raw.send(request.address, request.port);
    return true;
  }

  framingOf(framing: RequestFraming): RequestFraming {
    return framing;
  }

  write(bytes: Uint8Array, start: number, end: number, isOwn: boolean): boolean {
    return this.#raw.write(bytes, start, end, isOwn);
  }

  finish(): void {
    this.#raw.finish();
  }

  get waitingBytes(): number {
    return this.#raw.waitingBytes;
  }

  get unreadBytes(): number {
    return 0;
  }

  pause(): void {
    this.#raw.pause();
  }

  resume(): void {
    this.#raw.resume();
  }

  limit(ms: number): void {
    this.#raw.limit(ms);
  }

  abort(): void {
    this.#raw.abort();
  }

  close(): void {
    this.#raw.close();
  }

  writeHead(): WrittenHead | null {
    const written = this.#bytes;
    return written === null ? null : { written, length: written.length };
  }

  onDrain(): void {
    this.#receiver.onDrain();
  }

  onInterim(): void {}

  onHead(head: ResponseHead): void {
    this.#receiver.onResponse({
      status: head.status,
      statusText: head.latin1(head.reasonStart, head.reasonEnd),
      headers: headersOf(head),
      contentLength: head.contentLength,
      hasBody: head.framing !== Framing.none,
    });
  }

  onBody(chunk: Uint8Array, start: number, end: number): void {
    this.#receiver.onBody(chunk, start, end);
  }

  onFlush(): void {}

  /** Trailers of HTTP/1.1 end here: no platform edge asked for them. */
  onEnd(): void {
    this.#receiver.onEnd(null);
  }

  onFailed(failure: RawFailure, error: ParseErrorCode | null): void {
    this.#receiver.onFailed(failure, error);
  }
}
