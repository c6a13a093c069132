// One request on a raw connection to an upstream, and who gets its response: the seam between edges and the pool.
import type { HeaderLines } from "../../../http1/header-lines.ts";
import type { ResponseHead } from "../../../http1/response-head.ts";

/** Why there is no response, or no end of it. */
export type RawFailure =
  /** No connection could be made. */
  | "unreachable"
  /** The response did not begin in time. */
  | "timeout"
  /** The connection ended, or what came is not HTTP/1.1. */
  | "broken";

/**
 * Sends one request and receives its response. The connection calls it in this order: `writeHead` (again after a retry), then any
 * number of `onInterim`, then `onHead`, `onBody`…, `onEnd`; or `onFailed` at any time, once, as the last call. Nothing is called
 * after `abort`. Heads, chunks and spans hold during the call only. What it throws ends the connection.
 */
export interface RawReceiver {
  /**
   * The request's head, and as much of the body as there is already, as one piece that holds until the next call of anything.
   * Called when there is a connection to write it to: at once where the pool has one. `null`: it does not fit, the request fails.
   */
  writeHead(): Uint8Array | null;
  /** The upstream takes bytes of the body again, after a `write` that was false, or for the first time. */
  onDrain(): void;
  /** A 1xx response other than 101. */
  onInterim(head: ResponseHead): void;
  /** The response's head. `Framing.tunnel`: what follows, both ways, is not HTTP. */
  onHead(head: ResponseHead): void;
  /** Bytes of the body: as they came where the request said `isRaw`, otherwise the payload. */
  onBody(chunk: Uint8Array, start: number, end: number): void;
  /** It is whole. `trailers` has lines only behind chunks. `isClosed`: the raw bytes had the end of the message in them. */
  onEnd(trailers: HeaderLines, isClosed: boolean): void;
  onFailed(failure: RawFailure): void;
}

/** A request under way. */
export interface RawRequest {
  /** Writes bytes of the body, or of a tunnel. What is not taken at once is kept. False: wait for `onDrain` before the next. */
  write(chunk: Uint8Array, start: number, end: number): boolean;
  /** The request is whole; in a tunnel: half-closes it. */
  finish(): void;
  /** Stops reading the response. */
  pause(): void;
  resume(): void;
  /** Ends it: the connection is closed unless it was over. */
  abort(): void;
}
