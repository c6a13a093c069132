/**
 * Scans field lines up to the empty line that ends them (RFC 9112 §5), from wherever the bytes before broke off. Each
 * byte is looked at once, however the bytes are cut.
 */
import { CLASS, COLON, CR, HTAB, LF, SP, TOKEN, VALUE } from "./characters.ts";
import type { HeaderLines } from "./header-lines.ts";
import { knownHeader } from "./known-header.ts";
import type { ParseErrorCode } from "./parse-error.ts";

const LINE_START = 0;
const NAME = 1;
const VALUE_START = 2;
const IN_VALUE = 3;
const LINE_LF = 4;
const END_LF = 5;
const DONE = 6;

export class LineScanner {
  readonly #lines: HeaderLines;
  readonly #lineCountMax: number;
  #state = LINE_START;
  /** Why scanning stopped; null while it may go on. */
  error: ParseErrorCode | null = null;

  constructor(lines: HeaderLines, lineCountMax: number) {
    this.#lines = lines;
    this.#lineCountMax = lineCountMax;
  }

  /** Whether the empty line has come. */
  get isDone(): boolean {
    return this.#state === DONE;
  }

  /** Begins a new section; the lines are the caller's to clear. */
  restart(): void {
    this.#state = LINE_START;
    this.error = null;
  }

  /** Scans `bytes` from `from` to `end` and answers where it stopped: behind the last line, at the wrong byte, or at `end`. */
  scan(bytes: Uint8Array, from: number, end: number): number {
    const lines = this.#lines;
    let spans = lines.spans;
    let at = lines.count * 4;
    let state = this.#state;
    let i = from;
    while (i < end) {
      if (state === LINE_START) {
        const byte = bytes[i] as number;
        if (byte === CR) {
          state = END_LF;
          i++;
          continue;
        }
        if (lines.count === this.#lineCountMax) return this.#fail("too-many-lines", i);
        if (at === spans.length) {
          lines.grow();
          spans = lines.spans;
        }
        spans[at] = i;
        state = NAME;
      }
      if (state === NAME) {
        while (i < end && ((CLASS[bytes[i] as number] as number) & TOKEN) !== 0) i++;
        if (i === end) break;
        const start = spans[at] as number;
        if (bytes[i] !== COLON || i === start) {
          return this.#fail(nameError(bytes[i] as number, i === start), i);
        }
        spans[at + 1] = i;
        lines.kinds[at >> 2] = knownHeader(bytes, start, i);
        state = VALUE_START;
        i++;
      }
      if (state === VALUE_START) {
        while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++;
        if (i === end) break;
        spans[at + 2] = i;
        state = IN_VALUE;
      }
      if (state === IN_VALUE) {
        while (i < end && ((CLASS[bytes[i] as number] as number) & VALUE) !== 0) i++;
        if (i === end) break;
        if (bytes[i] !== CR) {
          return this.#fail(bytes[i] === LF ? "bare-lf" : "control-byte", i);
        }
        const start = spans[at + 2] as number;
        let valueEnd = i;
        while (valueEnd > start && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) {
          valueEnd--;
        }
        spans[at + 3] = valueEnd;
        state = LINE_LF;
        i++;
        if (i === end) break;
      }
      if (bytes[i] !== LF) return this.#fail("bare-cr", i);
      i++;
      if (state === END_LF) {
        this.#state = DONE;
        return i;
      }
      lines.count++;
      at += 4;
      state = LINE_START;
    }
    this.#state = state;
    return i;
  }

  #fail(code: ParseErrorCode, at: number): number {
    this.error = code;
    return at;
  }
}

/** Why a byte cannot follow a name that has no colon yet. */
function nameError(byte: number, isFirst: boolean): ParseErrorCode {
  if (byte === LF) return "bare-lf";
  if (byte === SP || byte === HTAB) return isFirst ? "obs-fold" : "space-before-colon";
  if (byte === COLON) return "empty-name";
  return byte === CR ? "no-colon" : "bad-name";
}
