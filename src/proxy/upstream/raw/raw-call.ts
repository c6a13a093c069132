// What a connection knows of its surroundings: its socket, and the request that it carries.
import type { Method } from "../../../http1/method.ts";
import type { ParseErrorCode } from "../../../http1/parse-error.ts";
import type { RawFailure, RawReceiver } from "./raw-receiver.ts";

/** What a connection needs of a socket; Bun's has it. */
export interface RawSocket {
  /** Bytes taken; negative when it is closed. */
  write(bytes: Uint8Array, start: number, length: number): number;
  pause(): void;
  resume(): void;
  /** Ends the direction of writing. */
  shutdown(): void;
  /** Closes it. */
  end(): void;
  /** Resets it. */
  terminate(): void;
}

/** The request that a connection carries. */
export interface RawCall {
  readonly method: Method;
  readonly isUpgrade: boolean;
  /** Its connection carries no other request after it. */
  readonly isLast: boolean;
  readonly isRaw: boolean;
  readonly isWhole: boolean;
  readonly isConnectionBound: boolean;
  /** How long the upstream may take to begin its response, in milliseconds, from the last byte of the request on. */
  readonly responseHeaderMs: number;
  readonly receiver: RawReceiver;
  /**
   * The response is whole, and the connection carries the call no longer. `keeps`: the connection is idle and the call's own,
   * since it may be authenticated as its client.
   */
  over(keeps: boolean): void;
  /** The connection is dead. `mayRetry`: nothing of a response came. `isUnsent`: nothing of the request was written. */
  lost(
    failure: RawFailure,
    mayRetry: boolean,
    isUnsent: boolean,
    error: ParseErrorCode | null,
  ): void;
}
