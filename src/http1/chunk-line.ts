/**
 * The line before each chunk: its size and its extensions (RFC 9112 §7.1 and §7.1.1), without the white space that only
 * bad senders put there. Each byte is looked at once, however the bytes are cut. Scanning stops before and behind the
 * extensions, so that they can be left out.
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
const EXTENSIONS = 1;
const EXTENSION_START = 2;
const EXTENSION_NAME = 3;
const EXTENSION_VALUE_START = 4;
const EXTENSION_VALUE = 5;
const QUOTED = 6;
const ESCAPED = 7;
const QUOTED_END = 8;
const LINE_CR = 9;
const LINE_LF = 10;
const DONE = 11;

const DIGITS_MAX = 16;

export class ChunkLine {
  readonly #sizeMax: number;
  readonly #extensionBytesMax: number;
  #extensionBytes = 0;
  #digits = 0;
  #state = SIZE;
  /** Of the chunk that follows; 0 is the last. */
  size = 0;
  error: ParseErrorCode | null = null;

  constructor(sizeMax: number, extensionBytesMax: number) {
    this.#sizeMax = sizeMax;
    this.#extensionBytesMax = extensionBytesMax;
  }

  /** Whether the next byte belongs to an extension, or ends them. */
  get isInExtensions(): boolean {
    return this.#state > SIZE && this.#state < LINE_CR;
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

  /** Scans on and answers where it stopped: behind the line, before or behind the extensions, at the wrong byte, or at `end`. */
  scan(bytes: Uint8Array, from: number, end: number): number {
    if (this.isInExtensions) return this.#extensionsUpTo(bytes, from, end);
    let i = from;
    if (this.#state === SIZE) {
      i = this.#sizeUpTo(bytes, from, end);
      if (this.error !== null || this.isInExtensions) return i;
    }
    for (; i < end && this.#state !== DONE; i++) {
      const byte = bytes[i] as number;
      if (this.#state === LINE_CR) {
        this.#state = LINE_LF;
      } else if (byte === LF) {
        this.#state = DONE;
      } else {
        this.error = "bare-cr";
        return i;
      }
    }
    return i;
  }

  #sizeUpTo(bytes: Uint8Array, from: number, end: number): number {
    let i = from;
    for (; i < end; i++) {
      const value = HEX_VALUE[bytes[i] as number] as number;
      if (value < 0) break;
      this.size = this.size * 16 + value;
      if (++this.#digits > DIGITS_MAX || this.size > this.#sizeMax) {
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
    this.#state = byte === SEMICOLON ? EXTENSIONS : LINE_CR;
    return i;
  }

  /** `;` name [`=` (token | quoted string)], again and again. */
  #extensionsUpTo(bytes: Uint8Array, from: number, end: number): number {
    for (let i = from; i < end; i++) {
      const byte = bytes[i] as number;
      const state = this.#state;
      const mayEnd = state === EXTENSION_NAME || state === EXTENSION_VALUE || state === QUOTED_END;
      if (mayEnd && byte === CR) {
        this.#state = LINE_CR;
        return i;
      }
      this.error = this.#extension(byte, mayEnd);
      if (this.error !== null) return i;
    }
    return end;
  }

  #extension(byte: number, mayEnd: boolean): ParseErrorCode | null {
    if (byte === LF) return "bare-lf";
    if (++this.#extensionBytes > this.#extensionBytesMax) return "chunk-extensions-too-large";
    const isToken = ((CLASS[byte] as number) & TOKEN) !== 0;
    const next = nextState(this.#state, byte, isToken, mayEnd);
    if (next === SIZE) return "bad-chunk-extension";
    this.#state = next;
    return null;
  }
}

/** The state after a byte of an extension; SIZE when the byte cannot stand there. */
function nextState(state: number, byte: number, isToken: boolean, mayEnd: boolean): number {
  if (mayEnd && byte === SEMICOLON) return EXTENSION_START;
  switch (state) {
    case EXTENSIONS:
      return byte === SEMICOLON ? EXTENSION_START : SIZE;
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
