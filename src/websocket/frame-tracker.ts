/**
 * Where the frames of one direction begin and end, from their headers alone (RFC 6455 §5.2): payloads are neither read nor copied,
 * and what extensions make of them does not matter.
 */
import { Opcode } from "./frame.ts";

const FIRST = 0;
const SECOND = 1;
const LENGTH = 2;
const MASK = 3;
const PAYLOAD = 4;
const MASK_BYTES = 4;

export class FrameTracker {
  #state = FIRST;
  /** Bytes that are left of the length, or of the mask. */
  #left = 0;
  #payloadLeft = 0;
  #opcode = 0;
  #isMasked = false;
  #hasClosed = false;
  /** Payload bytes of messages that have passed; those of control frames are not counted. */
  messageBytes = 0;

  /** Payload bytes that are missing of the frame at hand. */
  get payloadLeft(): number {
    return this.#payloadLeft;
  }

  /** Between two frames. */
  get isAtBorder(): boolean {
    return this.#state === FIRST;
  }

  /** A Close frame has passed. */
  get hasClosed(): boolean {
    return this.#hasClosed;
  }

  /** Takes all of a piece. */
  pass(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) at = this.#take(bytes, at, end);
  }

  /** Takes the rest of the frame at hand, and answers where it ends; `end` when it goes on. */
  finish(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.#state !== FIRST) at = this.#take(bytes, at, end);
    return at;
  }

  #take(bytes: Uint8Array, from: number, end: number): number {
    if (this.#state === PAYLOAD) {
      const length = Math.min(end - from, this.#payloadLeft);
      this.#payloadLeft -= length;
      if (this.#opcode < Opcode.close) this.messageBytes += length;
      if (this.#payloadLeft === 0) this.#over();
      return from + length;
    }
    const byte = bytes[from] as number;
    if (this.#state === FIRST) {
      this.#opcode = byte & 0x0f;
      this.#state = SECOND;
    } else if (this.#state === SECOND) {
      this.#second(byte);
    } else {
      if (this.#state === LENGTH) this.#payloadLeft = this.#payloadLeft * 256 + byte;
      if (--this.#left === 0) this.#next();
    }
    return from + 1;
  }

  #second(byte: number): void {
    const short = byte & 0x7f;
    this.#isMasked = (byte & 0x80) !== 0;
    this.#payloadLeft = short < 126 ? short : 0;
    this.#left = short < 126 ? 0 : short === 126 ? 2 : 8;
    this.#state = LENGTH;
    if (this.#left === 0) this.#next();
  }

  /** Behind the length, or the mask. */
  #next(): void {
    if (this.#state === LENGTH && this.#isMasked) {
      this.#state = MASK;
      this.#left = MASK_BYTES;
    } else if (this.#payloadLeft > 0) {
      this.#state = PAYLOAD;
    } else {
      this.#over();
    }
  }

  #over(): void {
    this.#state = FIRST;
    this.#hasClosed ||= this.#opcode === Opcode.close;
  }
}
