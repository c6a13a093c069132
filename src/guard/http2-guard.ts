// What one HTTP/2 connection of a client may leave unfinished: its preface, its requests, the bytes of their messages.
import { FLAG, FRAME, FrameFinder, type FrameHeader } from "./http2-frames.ts";
import type { ConnectionGuard } from "./relayed.ts";
import type { UnfinishedShare } from "./unfinished-bytes.ts";

export interface Http2Limits {
  /** From the connection until the preface and the first SETTINGS have come, in milliseconds. */
  readonly prefaceMs: number;
  /** From the connection until the first request, in milliseconds. */
  readonly firstRequestMs: number;
  /** From a request's first frame until its last one, in milliseconds. */
  readonly requestMs: number;
  /** The same of a header block, which holds up all other requests. */
  readonly headerBlockMs: number;
  /** How long a connection may have no request that is being sent or answered, whatever else it sends, in milliseconds. */
  readonly idleMs: number;
  /** Bytes of one frame. A client may send more than 16,384 only when the server allows it (RFC 9113 §4.2). */
  readonly frameBytesMax: number;
  /** Bytes of one header block, compressed, over its HEADERS and CONTINUATION frames. */
  readonly headerBlockBytesMax: number;
  /** Requests that are not complete, at a time. The server refuses fewer than this, with an answer. */
  readonly requestsMax: number;
  /** Bytes of requests that are not complete, at a time. */
  readonly unfinishedBytesMax: number;
  /** What a frame costs the server at least, in bytes: small ones take as much work as large ones. */
  readonly frameCostBytes: number;
}

/** What a client sends first (RFC 9113 §3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

interface OpenRequest {
  readonly sinceMs: number;
  bytes: number;
}

/** Reads along and answers whether the connection may go on. The server behind it parses all that passes anew. */
export class Http2Guard implements ConnectionGuard {
  readonly #limits: Http2Limits;
  readonly #share: UnfinishedShare;
  readonly #openedMs = performance.now();
  readonly #fromClient = new FrameFinder();
  readonly #fromServer = new FrameFinder();
  /** Requests whose last frame has not come, oldest first. */
  readonly #requests = new Map<number, OpenRequest>();
  /** Requests whose response has not ended, each with the bytes of its body that the server has not asked to have replaced. */
  readonly #unanswered = new Map<number, number>();
  #heldBytes = 0;
  #frames = 0;
  /** The server has sent a part of a header block. */
  #isServerInHeaders = false;
  /** Since when there are none. */
  #idleSinceMs = performance.now();
  #prefaceBytes = 0;
  #hasSettings = false;
  #lastRequest = 0;
  #headerBlock: { readonly sinceMs: number; bytes: number } | null = null;

  constructor(limits: Http2Limits, share: UnfinishedShare) {
    this.#limits = limits;
    this.#share = share;
  }

  /** What the bytes that came last cost: see `frameCostBytes`. */
  lastCost = 0;

  fromClient(bytes: Uint8Array): boolean {
    this.#frames = 0;
    const isRight = this.#read(bytes);
    this.lastCost = Math.max(bytes.length, this.#frames * this.#limits.frameCostBytes);
    return isRight;
  }

  #read(bytes: Uint8Array): boolean {
    let at = 0;
    for (; this.#prefaceBytes < preface.length && at < bytes.length; at++) {
      if (bytes[at] !== preface[this.#prefaceBytes++]) return false;
    }
    return this.#fromClient.read(bytes.subarray(at), (frame) => this.#clientFrame(frame));
  }

  fromServer(bytes: Uint8Array): void {
    this.#fromServer.read(bytes, ({ type, flags, stream, increment }) => {
      if (type === FRAME.RST_STREAM) this.#finish(stream);
      if (type === FRAME.HEADERS || type === FRAME.CONTINUATION) {
        this.#isServerInHeaders = (flags & FLAG.END_HEADERS) === 0;
      }
      if (type === FRAME.WINDOW_UPDATE) this.#hold(stream, -increment);
      if (endsStream(type, flags)) this.#answered(stream);
      return true;
    });
    if (this.#hasNoRequest && !this.isIdle) this.#idleSinceMs = performance.now();
  }

  isLate(nowMs: number): boolean {
    const { prefaceMs, firstRequestMs, requestMs, headerBlockMs, idleMs } = this.#limits;
    const age = nowMs - this.#openedMs;
    if (!this.#hasSettings && age > prefaceMs) return true;
    if (this.#lastRequest === 0 && age > firstRequestMs) return true;
    if (this.#headerBlock !== null && nowMs - this.#headerBlock.sinceMs > headerBlockMs)
      return true;
    if (this.isIdle && nowMs - this.#idleSinceMs > idleMs) return true;
    const [oldest] = this.#requests.values();
    return oldest !== undefined && nowMs - oldest.sinceMs > requestMs;
  }

  /** No request is being sent or answered, and all of the last frame of a response has come. */
  get isIdle(): boolean {
    return this.#hasNoRequest && this.#fromServer.isBetweenFrames;
  }

  get #hasNoRequest(): boolean {
    return this.#unanswered.size === 0 && this.#requests.size === 0;
  }

  /** The highest stream that the client has opened; 0: none. */
  get lastRequest(): number {
    return this.#lastRequest;
  }

  /** Whether a request up to this one is being sent or answered. Both maps have the oldest first. */
  hasOpen(lastStream: number): boolean {
    const [unanswered = lastStream + 1] = this.#unanswered.keys();
    const [unsent = lastStream + 1] = this.#requests.keys();
    return Math.min(unanswered, unsent) <= lastStream;
  }

  /** Whether a frame of the connection may follow what the server has sent (RFC 9113 §6.10). */
  get isBetweenFrames(): boolean {
    return this.#fromServer.isBetweenFrames && !this.#isServerInHeaders;
  }

  /** Bytes of bodies that the server has and nobody may have taken yet: all that came of requests, less what it wants more of. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  closed(): void {
    this.#requests.clear();
    this.#unanswered.clear();
    this.#heldBytes = 0;
    this.#share.leave();
  }

  #clientFrame(frame: FrameHeader): boolean {
    const { length, type, stream } = frame;
    if (length > this.#limits.frameBytesMax) return false;
    this.#frames++;
    this.#hasSettings ||= type === FRAME.SETTINGS;
    // Nothing may come before the first SETTINGS, or between the frames of a header block (RFC 9113 §3.4 and §6.10).
    if (!this.#hasSettings || (this.#headerBlock === null) === (type === FRAME.CONTINUATION)) {
      return false;
    }
    switch (type) {
      case FRAME.HEADERS:
      case FRAME.CONTINUATION:
        return this.#headers(frame);
      case FRAME.DATA:
        return this.#data(frame);
      case FRAME.RST_STREAM:
        this.#finish(stream);
        this.#answered(stream);
        return true;
      default:
        return true;
    }
  }

  #headers({ type, length, flags, stream }: FrameHeader): boolean {
    const block = this.#headerBlock ?? { sinceMs: performance.now(), bytes: 0 };
    block.bytes += length;
    this.#headerBlock = flags & FLAG.END_HEADERS ? null : block;
    if (block.bytes > this.#limits.headerBlockBytesMax) return false;
    if (type === FRAME.CONTINUATION) return true;
    if (stream > this.#lastRequest) {
      this.#lastRequest = stream;
      this.#requests.set(stream, { sinceMs: block.sinceMs, bytes: 0 });
      this.#unanswered.set(stream, 0);
    }
    if (flags & FLAG.END_STREAM) this.#finish(stream);
    return this.#requests.size <= this.#limits.requestsMax;
  }

  #data({ length, flags, stream }: FrameHeader): boolean {
    const request = this.#requests.get(stream);
    this.#hold(stream, length);
    if (request !== undefined) {
      request.bytes += length;
      this.#share.add(length);
    }
    if (flags & FLAG.END_STREAM) this.#finish(stream);
    return this.#share.bytes <= this.#limits.unfinishedBytesMax;
  }

  #finish(stream: number): void {
    const request = this.#requests.get(stream);
    if (request === undefined) return;
    this.#requests.delete(stream);
    this.#share.add(-request.bytes);
  }

  #answered(stream: number): void {
    this.#hold(stream, Number.NEGATIVE_INFINITY);
    if (this.#unanswered.delete(stream) && this.#unanswered.size === 0) {
      this.#idleSinceMs = performance.now();
    }
  }

  #hold(stream: number, more: number): void {
    const held = this.#unanswered.get(stream);
    if (held === undefined) return;
    const now = Math.max(0, held + more);
    this.#unanswered.set(stream, now);
    this.#heldBytes += now - held;
  }
}

/** Whether the server sends no more on the stream behind this frame (RFC 9113 §5.1). */
function endsStream(type: number, flags: number): boolean {
  if (type === FRAME.RST_STREAM) return true;
  return (type === FRAME.DATA || type === FRAME.HEADERS) && (flags & FLAG.END_STREAM) !== 0;
}
