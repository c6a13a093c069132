// A request of a platform edge on its way to a program, whatever protocol carries it: the seam between forwarding and protocols.
import type { RawFailure } from "./raw/raw-receiver.ts";
import type { RequestFraming } from "./request-bytes.ts";

/** A request as it goes upstream. */
export interface OutgoingRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** All fields that the program gets, Host among them. */
  readonly headers: Headers;
  readonly framing: RequestFraming;
  /** The body where it has arrived as a whole. */
  readonly held: Uint8Array<ArrayBuffer> | null;
  /** Its body is still to be written. */
  readonly isStreamed: boolean;
  /** The upstream may leave the body unread: see `endsConnection`. */
  readonly isLast: boolean;
  /** An IP literal without brackets. */
  readonly address: string;
  readonly port: number;
  /** How long the upstream may take to begin its response, in milliseconds. */
  readonly responseHeaderMs: number;
}

/** The head of a final response. */
export interface ResponseStart {
  readonly status: number;
  /** Empty where the protocol has none. */
  readonly statusText: string;
  readonly headers: Headers;
  /** Bytes that the response says it has; -1: it does not say. */
  readonly contentLength: number;
  /** Whether anything may follow. */
  readonly hasBody: boolean;
}

/**
 * Gets the response. Calls come in this order: `onDrain` any number of times from when there is a connection, `onResponse`,
 * `onBody`…, `onEnd`; or `onFailed` at any time, once, as the last call. Nothing is called after `close`.
 */
export interface CallReceiver {
  /** The upstream takes bytes of the body: once after the head, unless that was all, and after each `write` that was false. */
  onDrain(): void;
  onResponse(start: ResponseStart): void;
  onBody(chunk: Uint8Array, start: number, end: number): void;
  /** It is whole. `trailers`: null where there are none. */
  onEnd(trailers: Headers | null): void;
  /** `error`: what is wrong with what came; null: nothing is known. */
  onFailed(failure: RawFailure, error: string | null): void;
}

/** Where the body of a request goes. */
export interface BodySink {
  /** How the end of the body is said where it is written. */
  framingOf(framing: RequestFraming): RequestFraming;
  /** False: wait for `onDrain` before the next. `isOwn`: the caller leaves the bytes to it. */
  write(bytes: Uint8Array, start: number, end: number, isOwn: boolean): boolean;
  /** The request is whole. */
  finish(): void;
}

/** Where the body of a response comes from. */
export interface BodyTap {
  /** Bytes that came and that nobody has taken yet. */
  readonly unreadBytes: number;
  pause(): void;
  resume(): void;
  /** Ends the request: the rest is not wanted. */
  abort(): void;
}

/** One request. */
export interface UpstreamCall extends BodySink, BodyTap {
  /** Sends it; calls the receiver, perhaps before it returns. False: it could be read as another, and is not sent. */
  send(request: OutgoingRequest): boolean;
  /** Whether responses may have trailers. */
  readonly hasTrailers: boolean;
  /** Bytes that wait for the upstream. */
  readonly waitingBytes: number;
  /** What is left of the response has to come within so many milliseconds. */
  limit(ms: number): void;
  /** Nothing more is wanted, of it and of connections that are its own. */
  close(): void;
}

/** Makes calls of one protocol. */
export type CallMaker = (receiver: CallReceiver) => UpstreamCall;
