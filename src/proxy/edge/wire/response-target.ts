// The client's connection as responses on their way to it see it.
import type { HeaderLines } from "../../../http1/header-lines.ts";
import type { ResponseHead } from "../../../http1/response-head.ts";
import type { StopReason } from "../../exchange/stop-signal.ts";
import type { Refusal } from "../../gate/refusal.ts";
import type { ForwardedRequest } from "../../upstream/upstream.ts";
import type { WireRequest } from "./wire-request.ts";

/** Where a tunnel goes once the upstream has agreed to one; null: it does not agree to what was asked for. */
export interface TunnelEnd {
  fromUpstream(chunk: Uint8Array, start: number, end: number): void;
  upstreamEnded(): void;
  upstreamLost(): void;
  upstreamDrained(): void;
  stopped(reason: StopReason): void;
}

/** The body of the request, as far as it came with the head. */
export interface EarlyBody {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** The bytes have the end of the message in them. */
  readonly isWhole: boolean;
}

/** The body of the request. */
export interface ClientBody {
  /** All of it has come. */
  readonly isEnded: boolean;
  readonly early: EarlyBody | null;
  /** The trailers that are passed on; null: the bytes had them, or there are none. */
  readonly trailers: HeaderLines | null;
}

/** The client's connection. */
export interface ResponseTarget {
  readonly minorVersion: number;
  /** Whether the connection may go on after this response. */
  readonly isKept: boolean;
  /** Sends bytes, or keeps a copy. False: some are kept, `ResponseRelay.drained` follows. */
  send(bytes: Uint8Array, start: number, end: number): boolean;
  readonly body: ClientBody;
  /** Bytes are held for the upstream. */
  countHeld(): void;
  /** The upstream takes more of the body. */
  bodyWanted(): void;
  /** An error of the gate itself: the connection is reset. */
  failed(error: unknown): void;
  /** Before there was a response. */
  refuse(request: WireRequest, refusal: Refusal): void;
  /** The response was handed to `send`, all of it. `isKept`: what it said about the connection. */
  answered(request: WireRequest, isKept: boolean): void;
  /** It broke off. `isReset`: the client sees that only by a reset. */
  brokeOff(request: WireRequest, isReset: boolean): void;
  /** Null: it is no agreement to what the client asked. */
  agreed(request: WireRequest, head: ResponseHead, forwarded: ForwardedRequest): TunnelEnd | null;
}
