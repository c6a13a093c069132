/**
 * Writes heads into one buffer that is used again and again: spans of a received head around the lines that were dropped,
 * prepared bytes, and numbers. No string is made. Shared by all connections of a thread, since a head is written in one go.
 *
 *     writer.begin().span(head.bytes, head.start, head.linesStart);      // the start line as it came
 *     writer.keptLines(head).bytes(preparedSuffix).crlf();
 *     const bytes = writer.finish();     // null when it did not fit; valid until the next `begin`
 */
import { CR, LF } from "./characters.ts";
import type { HeaderLines } from "./header-lines.ts";

/** Below it a loop is cheaper than the call. */
const LOOP_BYTES_MAX = 24;
const DIGITS_MAX = 16;
const HEX_DIGITS = Buffer.from("0123456789abcdef");
/** `HTTP/1.1 000 ` */
const STATUS_LINE = Buffer.from("HTTP/1.1 000 ");
const STATUS_AT = 9;
/** Of Buffer, but it takes any bytes. */
const { copy } = Buffer.prototype as unknown as {
  copy(this: Uint8Array, target: Uint8Array, at: number, start: number, end: number): number;
};

/** The first bytes of a buffer that is used again. */
export interface WrittenHead {
  readonly written: Uint8Array;
  /** How many of them. */
  readonly length: number;
}

export class HeadWriter implements WrittenHead {
  readonly #scratch: Buffer;
  #at = 0;
  #isOverfull = false;

  /** `bytesMax` is what one head may have at most: received head and all that is added. */
  constructor(bytesMax: number) {
    this.#scratch = Buffer.alloc(bytesMax);
  }

  /** Starts another head; the bytes of the one before are gone. */
  begin(): this {
    this.#at = 0;
    this.#isOverfull = false;
    return this;
  }

  /** What was written, in the writer's own buffer; null when it did not fit. */
  finish(): Buffer | null {
    return this.#isOverfull ? null : this.#scratch.subarray(0, this.#at);
  }

  /** Whether all of it did fit. */
  get isWhole(): boolean {
    return !this.#isOverfull;
  }

  /** Begins with what was written: what `finish` answers, without an object for it. */
  get written(): Uint8Array {
    return this.#scratch;
  }

  /** Bytes written since `begin`; what did not fit is not among them. */
  get length(): number {
    return this.#at;
  }

  /** Whether so many bytes more fit. */
  fits(length: number): boolean {
    return this.#at + length <= this.#scratch.length && !this.#isOverfull;
  }

  /** A string, one byte a character; those above U+00FF lose their upper bits. */
  text(latin1: string): this {
    if (this.#hasRoom(latin1.length)) this.#at += this.#scratch.write(latin1, this.#at, "latin1");
    return this;
  }

  span(bytes: Uint8Array, start: number, end: number): this {
    const length = end - start;
    if (!this.#hasRoom(length)) return this;
    const scratch = this.#scratch;
    const at = this.#at;
    if (length > LOOP_BYTES_MAX) {
      copy.call(bytes, scratch, at, start, end);
    } else {
      for (let k = 0; k < length; k++) scratch[at + k] = bytes[start + k] as number;
    }
    this.#at = at + length;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.span(bytes, 0, bytes.length);
  }

  byte(byte: number): this {
    if (this.#hasRoom(1)) this.#scratch[this.#at++] = byte;
    return this;
  }

  crlf(): this {
    return this.byte(CR).byte(LF);
  }

  /** All lines that are not dropped, as they came, each with its CRLF; neighbours in one copy. */
  keptLines(lines: HeaderLines): this {
    const { bytes, count } = lines;
    let start = -1;
    let end = 0;
    for (let line = 0; line < count; line++) {
      if (lines.isDropped(line)) {
        if (start !== -1) this.span(bytes, start, lines.nameStart(line));
        start = -1;
      } else {
        if (start === -1) start = lines.nameStart(line);
        end = line + 1;
      }
    }
    if (start !== -1) this.span(bytes, start, lineEnd(lines, end - 1));
    return this;
  }

  /** `HTTP/1.1 <status> `, the reason as given, CRLF. `status` has three digits. */
  statusLine(status: number, reason: Uint8Array, start = 0, end: number = reason.length): this {
    const at = this.#at;
    this.bytes(STATUS_LINE);
    if (!this.#isOverfull) {
      this.#scratch[at + STATUS_AT] = 0x30 + Math.floor(status / 100);
      this.#scratch[at + STATUS_AT + 1] = 0x30 + (Math.floor(status / 10) % 10);
      this.#scratch[at + STATUS_AT + 2] = 0x30 + (status % 10);
    }
    return this.span(reason, start, end).crlf();
  }

  /** A natural number in decimal digits, at most 2^53 - 1. */
  integer(value: number): this {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    return this.#digits(value, 10, digits);
  }

  /** The line before a chunk: its size in hexadecimal digits, CRLF. A size of 0 is the last chunk. */
  chunkLine(size: number): this {
    let digits = 1;
    for (let rest = size; rest >= 16; rest = Math.floor(rest / 16)) digits++;
    return this.#digits(size, 16, digits).crlf();
  }

  #digits(value: number, base: number, digits: number): this {
    if (digits > DIGITS_MAX || !this.#hasRoom(digits)) {
      this.#isOverfull = true;
      return this;
    }
    let rest = value;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      this.#scratch[at] = HEX_DIGITS[rest % base] as number;
      rest = Math.floor(rest / base);
    }
    this.#at += digits;
    return this;
  }

  #hasRoom(length: number): boolean {
    if (this.#at + length <= this.#scratch.length && !this.#isOverfull) return true;
    this.#isOverfull = true;
    return false;
  }
}

/** Behind the CRLF of a line: the next byte after its value that is LF, since white space and CR are all that can be between. */
function lineEnd(lines: HeaderLines, line: number): number {
  let i = lines.valueEnd(line);
  while (lines.bytes[i] !== LF) i++;
  return i + 1;
}
