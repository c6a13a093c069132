/**
 * The line before each chunk: its size and its extensions (RFC 9112 §7.1 and §7.1.1), without the white space that only
 * bad senders put there. Each byte is looked at once, however the bytes are cut.
 */
import {
  BACKSLASH,
  CLASS,
  CR,
  EQUALS,
  HEX_VALUE,
  LF,
  QUOTE,
  SEMICOLON,
  TOKEN,
  VALUE,
} from "./characters.ts";
import type { ParseErrorCode } from "./parse-error.ts";

const SIZE = 0;
const EXTENSION_START = 1;
const EXTENSION_NAME = 2;
const EXTENSION_VALUE_START = 3;
const EXTENSION_VALUE = 4;
const QUOTED = 5;
const ESCAPED = 6;
const QUOTED_END = 7;
const LINE_LF = 8;
const DONE = 9;

const DIGITS_MAX = 16;

export class ChunkLine {
  readonly #extensionBytesMax: number;
  #extensionBytes = 0;
  #digits = 0;
  #state = SIZE;
  /** Of the chunk that follows; 0 is the last. */
  size = 0;
  error: ParseErrorCode | null = null;

  constructor(extensionBytesMax: number) {
    this.#extensionBytesMax = extensionBytesMax;
  }

  get isDone(): boolean {
    return this.#state === DONE;
  }

  /** Begins a body: extensions are counted over all its chunks. */
  restart(): void {
    this.#extensionBytes = 0;
    this.error = null;
    this.next();
  }

  /** Begins the line of another chunk. */
  next(): void {
    this.#state = SIZE;
    this.#digits = 0;
    this.size = 0;
  }

  /** Scans on and answers where it stopped: behind the line, at the wrong byte, or at `end`. */
  scan(bytes: Uint8Array, from: number, end: number): number {
    let i = from;
    if (this.#state === SIZE) {
      i = this.#sizeUpTo(bytes, from, end);
      if (this.error !== null) return i;
    }
    while (i < end && this.#state !== DONE) {
      const byte = bytes[i] as number;
      const error = this.#state === LINE_LF ? this.#lineFeed(byte) : this.#extension(byte);
      if (error !== null) {
        this.error = error;
        return i;
      }
      i++;
    }
    return i;
  }

  #sizeUpTo(bytes: Uint8Array, from: number, end: number): number {
    let i = from;
    for (; i < end; i++) {
      const value = HEX_VALUE[bytes[i] as number] as number;
      if (value < 0) break;
      this.size = this.size * 16 + value;
      if (++this.#digits > DIGITS_MAX || this.size > Number.MAX_SAFE_INTEGER) {
        this.error = "chunk-too-large";
        return i;
      }
    }
    if (i === end) return i;
    const byte = bytes[i] as number;
    if (this.#digits === 0 || (byte !== CR && byte !== SEMICOLON)) {
      this.error = byte === LF ? "bare-lf" : "bad-chunk-size";
      return i;
    }
    if (byte === SEMICOLON) {
      this.#state = EXTENSION_START;
      return this.#countExtensionByte(i);
    }
    this.#state = LINE_LF;
    return i + 1;
  }

  #countExtensionByte(at: number): number {
    if (++this.#extensionBytes <= this.#extensionBytesMax) return at + 1;
    this.error = "chunk-extensions-too-large";
    return at;
  }

  #lineFeed(byte: number): ParseErrorCode | null {
    if (byte !== LF) return "bare-cr";
    this.#state = DONE;
    return null;
  }

  /** `;` name [`=` (token | quoted string)], again and again. */
  #extension(byte: number): ParseErrorCode | null {
    const state = this.#state;
    const isToken = ((CLASS[byte] as number) & TOKEN) !== 0;
    const mayEnd = state === EXTENSION_NAME || state === EXTENSION_VALUE || state === QUOTED_END;
    if (mayEnd && byte === CR) {
      this.#state = LINE_LF;
      return null;
    }
    if (byte === LF) return "bare-lf";
    if (++this.#extensionBytes > this.#extensionBytesMax) return "chunk-extensions-too-large";
    const next = nextState(state, byte, isToken, mayEnd);
    if (next === SIZE) return "bad-chunk-extension";
    this.#state = next;
    return null;
  }
}

/** The state after a byte of an extension; SIZE when the byte cannot stand there. */
function nextState(state: number, byte: number, isToken: boolean, mayEnd: boolean): number {
  if (mayEnd && byte === SEMICOLON) return EXTENSION_START;
  switch (state) {
    case EXTENSION_START:
      return isToken ? EXTENSION_NAME : SIZE;
    case EXTENSION_NAME:
      if (byte === EQUALS) return EXTENSION_VALUE_START;
      return isToken ? EXTENSION_NAME : SIZE;
    case EXTENSION_VALUE_START:
      if (byte === QUOTE) return QUOTED;
      return isToken ? EXTENSION_VALUE : SIZE;
    case EXTENSION_VALUE:
      return isToken ? EXTENSION_VALUE : SIZE;
    case QUOTED:
      if (byte === QUOTE) return QUOTED_END;
      if (byte === BACKSLASH) return ESCAPED;
      return ((CLASS[byte] as number) & VALUE) !== 0 ? QUOTED : SIZE;
    case ESCAPED:
      return ((CLASS[byte] as number) & VALUE) !== 0 ? QUOTED : SIZE;
    default:
      return SIZE;
  }
}
