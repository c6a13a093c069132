/**
 * Heads of requests, from bytes as they come (RFC 9112 §3 and §5). One parser a connection; it makes nothing per request.
 *
 *     const parser = new RequestParser(DEFAULT_LIMITS);
 *     const step = parser.push(chunk, at);        // spans point into `parser.head.bytes`
 *     if (step === Step.error) answer(parser.error.status);           // and close
 *     if (step === Step.head) { at = parser.consumed; body.start(parser.head); }
 *
 * After `Step.head` the body begins at `consumed` (see `BodyDecoder`); when that has ended, the next `push` begins the next
 * request, at the same chunk where requests are pipelined. One empty line before a request is passed over (RFC 9112 §2.2).
 * The head stays readable until that next `push`, or `release`.
 */
import { CLASS, CR, HOST, isAllOf, LF, SP, TARGET, TOKEN } from "./characters.ts";
import { readFraming } from "./framing.ts";
import { Known } from "./known-header.ts";
import type { Limits } from "./limits.ts";
import { LineScanner } from "./line-scanner.ts";
import { knownMethod } from "./method.ts";
import { type ParseErrorCode, REQUEST_ERRORS } from "./parse-error.ts";
import { Expectation, ParsedRequestHead } from "./request-head.ts";
import { readTarget } from "./request-target.ts";
import { SectionParser, Step } from "./section-parser.ts";
import { versionError } from "./version.ts";

const BLANK = 0;
const BLANK_LF = 1;
const START = 2;
const METHOD = 3;
const TARGET_START = 4;
const IN_TARGET = 5;
const VERSION = 6;
const LINE_LF = 7;
const LINES = 8;

const VERSION_BYTES = 8;
const CONTINUE = Buffer.from("100-continue");

export class RequestParser extends SectionParser {
  readonly head: ParsedRequestHead = new ParsedRequestHead();
  protected readonly lines: ParsedRequestHead = this.head;
  protected readonly tooLarge: ParseErrorCode = "head-too-large";
  readonly #scanner: LineScanner;
  readonly #limits: Limits;
  #state = BLANK;
  #versionStart = 0;

  constructor(limits: Limits) {
    super(REQUEST_ERRORS, limits.headBytesMax);
    this.#limits = limits;
    this.#scanner = new LineScanner(this.head, limits.lineCountMax);
  }

  protected restart(at: number): void {
    this.#state = BLANK;
    this.#scanner.restart();
    this.head.count = 0;
    this.head.start = at;
  }

  protected isBlank(): boolean {
    return this.#state === START;
  }

  protected isScanned(): boolean {
    return this.#scanner.isDone;
  }

  protected rebase(by: number): void {
    const { head } = this;
    head.start += by;
    head.linesStart += by;
    head.methodEnd += by;
    head.targetStart += by;
    head.targetEnd += by;
    this.#versionStart += by;
  }

  protected scan(bytes: Uint8Array, from: number, end: number): number {
    const at = this.#state === LINES ? from : this.#startLine(bytes, from, end);
    if (this.#state !== LINES || this.error !== null) return at;
    const stopped = this.#scanner.scan(bytes, at, end);
    if (this.#scanner.error !== null) this.fail(this.#scanner.error);
    return stopped;
  }

  /** Up to the LF of the request line, or `end`. */
  #startLine(bytes: Uint8Array, from: number, end: number): number {
    const { head } = this;
    let state = this.#state;
    let i = from;
    while (i < end) {
      if (state === BLANK || state === START) {
        if (state === BLANK && bytes[i] === CR) {
          state = BLANK_LF;
          i++;
          continue;
        }
        head.start = i;
        state = METHOD;
      }
      if (state === METHOD) {
        const tooLong = head.start + this.#limits.methodBytesMax + 1;
        const stop = Math.min(end, tooLong);
        while (i < stop && ((CLASS[bytes[i] as number] as number) & TOKEN) !== 0) i++;
        if (i === tooLong) return this.#wrong("method-too-long", i);
        if (i === end) break;
        if (bytes[i] !== SP || i === head.start) {
          return this.#wrong(bytes[i] === LF ? "bare-lf" : "bad-method", i);
        }
        head.methodEnd = i;
        state = TARGET_START;
        i++;
        if (i === end) break;
      }
      if (state === TARGET_START) {
        head.targetStart = i;
        state = IN_TARGET;
      }
      if (state === IN_TARGET) {
        const tooLong = head.targetStart + this.#limits.targetBytesMax + 1;
        const stop = Math.min(end, tooLong);
        while (i < stop && ((CLASS[bytes[i] as number] as number) & TARGET) !== 0) i++;
        if (i === tooLong) return this.#wrong("target-too-long", i);
        if (i === end) break;
        if (bytes[i] !== SP || i === head.targetStart) {
          return this.#wrong(targetError(bytes[i] as number), i);
        }
        head.targetEnd = i;
        state = VERSION;
        i++;
        this.#versionStart = i;
      }
      if (state === VERSION) {
        while (
          i < end &&
          bytes[i] !== CR &&
          bytes[i] !== LF &&
          i - this.#versionStart <= VERSION_BYTES
        )
          i++;
        if (i === end) break;
        const error = versionError(bytes, this.#versionStart, i);
        if (error !== null) return this.#wrong(error, i);
        head.minorVersion = (bytes[i - 1] as number) - 0x30;
        if (bytes[i] !== CR) return this.#wrong("bare-lf", i);
        state = LINE_LF;
        i++;
        if (i === end) break;
      }
      if (bytes[i] !== LF) return this.#wrong("bare-cr", i);
      i++;
      if (state === BLANK_LF) {
        state = START;
        continue;
      }
      head.linesStart = i;
      this.#state = LINES;
      return i;
    }
    this.#state = state;
    return i;
  }

  protected complete(end: number): Step {
    const { head } = this;
    head.end = end;
    head.method = knownMethod(head.bytes, head.start, head.methodEnd);
    if (!readTarget(head)) return this.fail("bad-target");
    const error = readFraming(head, this.#limits.connectionOptionCountMax) ?? this.#readHost();
    return error === null ? Step.head : this.fail(error);
  }

  /** Host and Expect. */
  #readHost(): ParseErrorCode | null {
    const { head } = this;
    head.hostLine = -1;
    head.expectation = Expectation.none;
    for (let line = 0; line < head.count; line++) {
      const known = head.known(line);
      if (known === Known.host) {
        if (head.hostLine !== -1) return "host-repeated";
        if (!isAllOf(head.bytes, head.valueStart(line), head.valueEnd(line), HOST))
          return "bad-host";
        head.hostLine = line;
      } else if (known === Known.expect && head.minorVersion === 1) {
        const isContinue: boolean =
          head.valueIs(line, CONTINUE) && head.expectation !== Expectation.unknown;
        head.expectation = isContinue ? Expectation.continue : Expectation.unknown;
      }
    }
    return head.hostLine === -1 && head.minorVersion === 1 ? "host-missing" : null;
  }

  #wrong(code: ParseErrorCode, at: number): number {
    this.fail(code);
    return at;
  }
}

function targetError(byte: number): ParseErrorCode {
  if (byte === LF) return "bare-lf";
  return byte === CR ? "bad-version" : "bad-target";
}
