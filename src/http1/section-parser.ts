/**
 * What parsers of heads and of trailer sections share: the bytes of a section may come in any pieces, up to a limit. A
 * section that comes whole is scanned where it lies. The beginning of one that does not is copied once, and scanning
 * goes on where it stopped.
 */
import type { HeaderLines } from "./header-lines.ts";
import type { ParseError, ParseErrorCode, ParseErrors } from "./parse-error.ts";

/** Answers of `push`. */
export const Step = {
  /** The bytes are used up and the section is not whole. */
  more: 0,
  /** It is whole; what follows it begins at `consumed`. */
  head: 1,
  /** A whole 1xx response other than 101; the final one follows. Responses only. */
  interim: 2,
  /** `error` says why; the connection has to close. */
  error: 3,
} as const;

export type Step = (typeof Step)[keyof typeof Step];

const KEPT_BYTES_MIN = 1_024;

export abstract class SectionParser {
  readonly #errors: ParseErrors;
  readonly #bytesMax: number;
  /** The beginning of a section that did not come whole; null where there is none. */
  #kept: Uint8Array | null = null;
  #keptBytes = 0;
  /** Where scanning goes on: an offset into the kept bytes. */
  #at = 0;
  #isWhole = true;
  /** Why the last `push` answered `Step.error`; stays until `release`. */
  error: ParseError | null = null;
  /** Where the last `push` stopped: an offset into its chunk. Behind a whole section, what follows begins here. */
  consumed = 0;

  constructor(errors: ParseErrors, bytesMax: number) {
    this.#errors = errors;
    this.#bytesMax = bytesMax;
  }

  /** Whether a section has begun and is not whole yet. */
  get isPartial(): boolean {
    return !this.#isWhole && !this.isBlank();
  }

  /** Gives back what is kept of the last section; its spans are gone. For connections that go idle. */
  release(): void {
    this.#kept = null;
    this.#isWhole = true;
    this.error = null;
    this.lines.clear();
  }

  /**
   * Takes the bytes of `chunk` from `from` up to `to`: a new section when the one before is whole, otherwise what follows
   * of it. The chunk must stay as it is while spans into it are used.
   */
  push(chunk: Uint8Array, from = 0, to: number = chunk.length): Step {
    if (this.error !== null) return Step.error;
    this.consumed = from;
    if (from >= to) return Step.more;
    if (this.#isWhole) {
      this.#kept = null;
      this.#keptBytes = 0;
      this.#isWhole = false;
      this.restart(from);
      if (this.error !== null) return Step.error;
    }
    return this.#kept === null
      ? this.#inPlace(chunk, from, to)
      : this.#continued(this.#kept, chunk, from, to);
  }

  /** The end of the connection: null when no section was under way, otherwise why that is an error. */
  finish(): ParseError | null {
    if (this.error === null && this.isPartial) this.fail("truncated");
    return this.error;
  }

  /** The lines that the section fills. */
  protected abstract readonly lines: HeaderLines;
  /** Begins a section at an offset. */
  protected abstract restart(at: number): void;
  /** Scans on and answers where it stopped; calls `fail` or `end` there. */
  protected abstract scan(bytes: Uint8Array, from: number, end: number): number;
  /** The section is whole in `lines.bytes` and ends at `end`: what it means, or `fail`. */
  protected abstract complete(end: number): Step;
  /** The offsets that are not in `lines` move. */
  protected abstract rebase(by: number): void;
  /** Whether the scan has seen the end. */
  protected abstract isScanned(): boolean;
  /** Whether what has come so far may be left out. */
  protected abstract isBlank(): boolean;
  protected abstract readonly tooLarge: ParseErrorCode;

  protected fail(code: ParseErrorCode): Step {
    this.error = this.#errors[code];
    return Step.error;
  }

  #inPlace(chunk: Uint8Array, from: number, to: number): Step {
    const end = Math.min(to, from + this.#bytesMax);
    const at = this.scan(chunk, from, end);
    this.consumed = at;
    if (this.error !== null) return Step.error;
    if (this.isScanned()) {
      this.#isWhole = true;
      this.lines.bytes = chunk;
      return this.complete(at);
    }
    const length = end - from;
    if (length === this.#bytesMax) return this.fail(this.tooLarge);
    const kept = new Uint8Array(Math.min(this.#bytesMax, Math.max(KEPT_BYTES_MIN, length * 2)));
    kept.set(chunk.subarray(from, end));
    this.#kept = kept;
    this.#keptBytes = length;
    this.#at = at - from;
    this.lines.rebase(-from);
    this.rebase(-from);
    return Step.more;
  }

  #continued(before: Uint8Array, chunk: Uint8Array, from: number, to: number): Step {
    const length = Math.min(to - from, this.#bytesMax - this.#keptBytes);
    const keptBytes = this.#keptBytes + length;
    let kept = before;
    if (keptBytes > kept.length) {
      kept = new Uint8Array(Math.min(this.#bytesMax, Math.max(kept.length * 2, keptBytes)));
      kept.set(before.subarray(0, this.#keptBytes));
      this.#kept = kept;
    }
    kept.set(chunk.subarray(from, from + length), this.#keptBytes);
    const at = this.scan(kept, this.#at, keptBytes);
    this.consumed = from + at - this.#keptBytes;
    this.#keptBytes = keptBytes;
    this.#at = at;
    if (this.error !== null) return Step.error;
    if (this.isScanned()) {
      this.#isWhole = true;
      this.lines.bytes = kept;
      return this.complete(at);
    }
    return keptBytes === this.#bytesMax ? this.fail(this.tooLarge) : Step.more;
  }
}
