// The body of a request on its way from the client: not asked for yet, passed on as it comes, or read as a stream.
import { copiedBytes } from "../../../guard/copied-bytes.ts";
import { BodyDecoder, BodyStep } from "../../../http1/body-decoder.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import { DEFAULT_LIMITS } from "../../../http1/limits.ts";
import { Framing, type MessageHead } from "../../../http1/message-head.ts";
import { REQUEST_ERRORS } from "../../../http1/parse-error.ts";
import { BodyStream } from "./body-stream.ts";
import type { EarlyBody } from "./response-target.ts";

const UNREAD = 0;
const RAW = 1;
const STREAM = 2;
const ENDED = 3;
/** It is void: what is left of it is not read. */
const BROKEN = 4;

/** What became of a piece. */
export const Taken = {
  /** Nothing: whoever reads it has to ask first. */
  nothing: 0,
  /** `consumed` says how far. */
  some: 1,
  /** It has ended there. */
  end: 2,
  /** It is malformed. */
  error: 3,
} as const;

export type Taken = (typeof Taken)[keyof typeof Taken];

/** Where raw bytes go. */
export interface RawSink {
  readonly isWritable: boolean;
  write(bytes: Uint8Array, start: number, end: number): void;
}

export class ReceivedBody {
  #state = ENDED;
  #decoder: BodyDecoder | null = null;
  #stream: BodyStream | null = null;
  #hasTail = false;
  /** What of it came with the head, until it is written. */
  early: EarlyBody | null = null;
  /** Where the last `take` stopped. */
  consumed = 0;
  /** Bytes of it in the window at hand. */
  #paceBytes = 0;
  /** The client was not read for a while in this window. */
  hasWaited = false;

  begin(head: MessageHead): void {
    this.early = null;
    this.#hasTail = false;
    this.#stream = null;
    if (head.framing === Framing.none) {
      this.#state = ENDED;
      return;
    }
    this.#decoder ??= new BodyDecoder(REQUEST_ERRORS, DEFAULT_LIMITS);
    this.#decoder.start(head);
    this.#state = UNREAD;
  }

  get isEnded(): boolean {
    return this.#state === ENDED;
  }

  get earlyBytes(): number {
    return this.early === null ? 0 : this.early.end - this.early.start;
  }

  get isUnread(): boolean {
    return this.#state === UNREAD;
  }

  get isRaw(): boolean {
    return this.#state === RAW;
  }

  /** Somebody reads it. */
  get isAsked(): boolean {
    return this.#state === RAW || this.#state === STREAM;
  }

  /** Those that are passed on; null: the raw bytes had them, or there are none. */
  get trailers(): HeaderLines | null {
    return this.#hasTail && this.#decoder !== null ? this.#decoder.trailers : null;
  }

  /** A window of time begins. `isPaused`: the client is not read at present. */
  startPace(isPaused: boolean): void {
    this.#paceBytes = 0;
    this.hasWaited = isPaused;
  }

  /** Whether so many bytes came in the window; time in which the client could not send does not count. */
  keepsPace(bytesMin: number): boolean {
    return this.hasWaited || this.#paceBytes >= bytesMin;
  }

  /** From now on it is passed on as it comes. */
  passRaw(): void {
    this.#state = RAW;
  }

  /** As much of it as came with the head. False: it is malformed. */
  takeEarly(chunk: Uint8Array, at: number): boolean {
    const decoder = this.#decoder;
    this.consumed = at;
    if (decoder === null) return true;
    const step = decoder.pass(chunk, at);
    this.consumed = decoder.consumed;
    this.#paceBytes += decoder.rawEnd - at;
    if (step === BodyStep.error) return false;
    if (step === BodyStep.end) this.#ended(decoder.rawIsClosed);
    const isWhole = step === BodyStep.end && decoder.rawIsClosed;
    this.early = { bytes: chunk, start: at, end: decoder.rawEnd, isWhole };
    return true;
  }

  /** From now on it is read as this stream; `wanted` is called when more is. */
  asStream(wanted: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#state = STREAM;
    this.#stream = new BodyStream(wanted);
    return this.#stream.readable;
  }

  take(chunk: Uint8Array, at: number, sink: RawSink | null): Taken {
    const decoder = this.#decoder;
    if (decoder === null) return Taken.nothing;
    if (this.#state === RAW && sink?.isWritable === true) {
      const step = decoder.pass(chunk, at);
      this.consumed = decoder.consumed;
      this.#paceBytes += decoder.rawEnd - at;
      if (decoder.rawEnd > at) sink.write(chunk, at, decoder.rawEnd);
      return this.#took(step, decoder.rawIsClosed);
    }
    const stream = this.#stream;
    if (this.#state === STREAM && stream?.isWanted === true) {
      const step = decoder.read(chunk, at);
      this.consumed = decoder.consumed;
      if (step === BodyStep.data)
        stream.push(copiedBytes(chunk, decoder.dataStart, decoder.dataEnd));
      // Behind the last byte of a body by length no further one may come that would say so.
      const isOver = step === BodyStep.end || (step === BodyStep.data && decoder.isEnded);
      if (isOver) stream.end();
      return this.#took(isOver ? BodyStep.end : step, true);
    }
    return Taken.nothing;
  }

  /** It is malformed, or will not come whole. */
  broke(): void {
    this.#state = BROKEN;
    this.#stream?.broke();
  }

  /** The exchange is over. */
  forget(): void {
    this.early = null;
    this.#stream?.broke();
    this.#stream = null;
  }

  #took(step: BodyStep, isClosed: boolean): Taken {
    if (step === BodyStep.error) return Taken.error;
    if (step !== BodyStep.end) return Taken.some;
    this.#ended(isClosed);
    return Taken.end;
  }

  #ended(isClosed: boolean): void {
    this.#state = ENDED;
    this.#hasTail = !isClosed;
  }
}
