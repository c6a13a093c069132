/**
 * Heads of responses, from bytes as they come (RFC 9112 §4 and §5). One parser a connection; it makes nothing per response.
 *
 *     const parser = new ResponseParser(DEFAULT_LIMITS);
 *     parser.expect(Method.GET, false);            // when the request is written
 *     const step = parser.push(chunk, at);         // spans point into `parser.head.bytes`
 *     if (step === Step.interim) { pass(parser.head); at = parser.consumed; }     // and push again
 *     if (step === Step.head) { body.start(parser.head); at = parser.consumed; }
 *
 * A head with `Framing.tunnel` ends HTTP: bytes from `consumed` on are the other protocol's. Bytes that come while nothing
 * is expected are an error: whoever sent them is out of step. `mayReuse` says what a pool may keep.
 */
import { CLASS, CR, LF, SP, VALUE } from "./characters.ts";
import { readFraming } from "./framing.ts";
import type { Limits } from "./limits.ts";
import { LineScanner } from "./line-scanner.ts";
import { Framing } from "./message-head.ts";
import { Method } from "./method.ts";
import { type ParseErrorCode, RESPONSE_ERRORS } from "./parse-error.ts";
import { ResponseHead } from "./response-head.ts";
import { SectionParser, Step } from "./section-parser.ts";
import { versionError } from "./version.ts";

const VERSION = 0;
const STATUS = 1;
const BEFORE_REASON = 2;
const IN_REASON = 3;
const LINE_LF = 4;
const LINES = 5;

const VERSION_BYTES = 8;
const STATUS_DIGITS = 3;

export class ResponseParser extends SectionParser {
  readonly head: ResponseHead = new ResponseHead();
  protected readonly lines: ResponseHead = this.head;
  protected readonly tooLarge: ParseErrorCode = "head-too-large";
  readonly #scanner: LineScanner;
  readonly #limits: Limits;
  #state = VERSION;
  #statusStart = 0;
  #isExpected = false;
  #method: Method = Method.other;
  #isUpgrade = false;
  #interimCount = 0;
  /** An interim response said that the connection ends; the final one need not say so again. */
  #hasInterimClose = false;

  constructor(limits: Limits) {
    super(RESPONSE_ERRORS, limits.headBytesMax);
    this.#limits = limits;
    this.#scanner = new LineScanner(this.head, limits.lineCountMax);
  }

  /**
   * A request of this method was written; `isUpgrade` when it asked for 101. Its final response ends the expectation: one
   * request at a time.
   */
  expect(method: Method, isUpgrade: boolean): void {
    this.#isExpected = true;
    this.#method = method;
    this.#isUpgrade = isUpgrade;
    this.#interimCount = 0;
    this.#hasInterimClose = false;
  }

  protected restart(at: number): void {
    this.#state = VERSION;
    this.#scanner.restart();
    this.head.count = 0;
    this.head.start = at;
    if (!this.#isExpected) this.fail("unasked");
  }

  protected isBlank(): boolean {
    return false;
  }

  protected isScanned(): boolean {
    return this.#scanner.isDone;
  }

  protected rebase(by: number): void {
    this.head.start += by;
    this.head.linesStart += by;
    this.head.reasonStart += by;
    this.head.reasonEnd += by;
    this.#statusStart += by;
  }

  protected scan(bytes: Uint8Array, from: number, end: number): number {
    const at = this.#state === LINES ? from : this.#startLine(bytes, from, end);
    if (this.#state !== LINES || this.error !== null) return at;
    const stopped = this.#scanner.scan(bytes, at, end);
    if (this.#scanner.error !== null) this.fail(this.#scanner.error);
    return stopped;
  }

  /** Up to the LF of the status line, or `end`. A status without a reason may come without the space before it. */
  #startLine(bytes: Uint8Array, from: number, end: number): number {
    const { head } = this;
    let state = this.#state;
    let i = from;
    while (i < end) {
      if (state === VERSION) {
        while (i < end && bytes[i] !== SP && i - head.start <= VERSION_BYTES) i++;
        if (i === end) break;
        const error = versionError(bytes, head.start, i);
        if (error !== null) return this.#wrong(error, i);
        head.minorVersion = (bytes[i - 1] as number) - 0x30;
        state = STATUS;
        i++;
        this.#statusStart = i;
        head.status = 0;
      }
      if (state === STATUS) {
        for (; i < end && i - this.#statusStart < STATUS_DIGITS; i++) {
          const digit = (bytes[i] as number) - 0x30;
          if (digit < 0 || digit > 9) return this.#wrong("bad-status", i);
          head.status = head.status * 10 + digit;
        }
        if (i === end) break;
        if (head.status < 100 || (bytes[i] !== SP && bytes[i] !== CR)) {
          return this.#wrong(bytes[i] === LF ? "bare-lf" : "bad-status", i);
        }
        if (bytes[i] === SP) i++;
        state = BEFORE_REASON;
        if (i === end) break;
      }
      if (state === BEFORE_REASON) {
        head.reasonStart = i;
        state = IN_REASON;
      }
      if (state === IN_REASON) {
        while (i < end && ((CLASS[bytes[i] as number] as number) & VALUE) !== 0) i++;
        if (i === end) break;
        if (bytes[i] !== CR) return this.#wrong(bytes[i] === LF ? "bare-lf" : "control-byte", i);
        head.reasonEnd = i;
        state = LINE_LF;
        i++;
        if (i === end) break;
      }
      if (bytes[i] !== LF) return this.#wrong("bare-cr", i);
      i++;
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
    const error = readFraming(head, this.#limits.connectionOptionCountMax);
    if (error !== null) return this.fail(error);
    if (head.status < 200 && head.status !== 101) {
      head.framing = Framing.none;
      this.#hasInterimClose ||= !head.keepAlive;
      return ++this.#interimCount > this.#limits.interimCountMax
        ? this.fail("too-many-interim")
        : Step.interim;
    }
    if (head.status === 101 && !(this.#isUpgrade && head.isUpgrade)) {
      return this.fail("unasked-switch");
    }
    head.framing = this.#framing();
    if (head.framing >= Framing.untilClose || this.#hasInterimClose) head.keepAlive = false;
    this.#isExpected = false;
    return Step.head;
  }

  /** RFC 9112 §6.3, in its order. */
  #framing(): Framing {
    const { head } = this;
    const { status } = head;
    if (status === 101) return Framing.tunnel;
    if (this.#method === Method.HEAD || status === 204 || status === 304) return Framing.none;
    if (this.#method === Method.CONNECT && status < 300) return Framing.tunnel;
    return head.framing === Framing.none && head.contentLength === -1
      ? Framing.untilClose
      : head.framing;
  }

  #wrong(code: ParseErrorCode, at: number): number {
    this.fail(code);
    return at;
  }
}
