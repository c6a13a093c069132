// Who gets the response to a request on a raw connection: the edge's side of the seam.
import type { WrittenHead } from "../../../http1/head-writer.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import type { ParseErrorCode } from "../../../http1/parse-error.ts";
import type { ResponseHead } from "../../../http1/response-head.ts";

/** Why there is no response, or no end of it. */
export type RawFailure =
  /** No connection could be made. */
  | "unreachable"
  /** The connection, the response or the rest of it did not come in time. */
  | "timeout"
  /** The connection ended, or what came is not HTTP/1.1. */
  | "broken";

/** As the log names them, on every edge. */
export const FAILURE_NAMES = {
  unreachable: "ConnectionRefused",
  timeout: "ETIMEDOUT",
  broken: "ECONNRESET",
} as const satisfies Record<RawFailure, string>;

/**
 * Writes one request after another and receives their responses. Calls come in this order for each of them: `writeHead` (again
 * after a retry), then any number of `onInterim`, then `onHead`, `onBody`…, `onEnd`; or `onFailed` at any time, once, as the last
 * call. Nothing is called after `abort`. Heads, chunks and spans hold during the call only. What it throws ends the connection.
 */
export interface RawReceiver {
  /**
   * The request's head, and as much of the body as there is already, as one piece that holds until the next call of anything.
   * Called when there is a connection to write it to: at once where the pool has one. `null`: it does not fit, the request fails.
   */
  writeHead(): WrittenHead | null;
  /** The upstream takes bytes of the body: once after the head, unless that was all, and after each `write` that was false. */
  onDrain(): void;
  /** A 1xx response other than 101. */
  onInterim(head: ResponseHead): void;
  /** The response's head. `Framing.tunnel`: what follows, both ways, is not HTTP. */
  onHead(head: ResponseHead): void;
  /** Bytes of the body: as they came where the request said `isRaw`, otherwise the payload; or of the tunnel. */
  onBody(chunk: Uint8Array, start: number, end: number): void;
  /** Nothing more has come for now: what was gathered should be written. `onEnd` and `onFailed` stand for it. */
  onFlush(): void;
  /**
   * It is whole. `trailers` has lines only behind chunks. `isClosed`: the raw bytes had the end of the message in them. The
   * connection is free already: another `send` may follow at once. In a tunnel: the upstream has ended its direction.
   */
  onEnd(trailers: HeaderLines, isClosed: boolean): void;
  /** `error`: what is wrong with what came; null: nothing is known. */
  onFailed(failure: RawFailure, error: ParseErrorCode | null): void;
}
