/**
 * Bodies, from bytes as they come: by length, chunked, until close, or none (RFC 9112 §6 and §7). Nothing is copied: the
 * decoder tells ranges of the chunk it is given. One decoder a direction of a connection.
 *
 *     body.start(head);
 *     for (;;) {
 *       const step = body.read(chunk, at);                 // also where `at` is the end of the chunk
 *       at = body.consumed;
 *       if (step === BodyStep.data) { take(chunk, body.dataStart, body.dataEnd); continue; }
 *       if (step === BodyStep.error) abort(body.error);    // and never end the message on the other side
 *       if (step === BodyStep.end) done(at);               // what follows at `at` is not of this message
 *       break;                                             // BodyStep.more: push the next chunk from 0
 *     }
 *
 * To hand on the bytes as they are, chunk lines included, use `pass` in place of `read`: it does not stop at each piece.
 * What may be written is `chunk` from `at` to `body.rawEnd`; `BodyStep.data` means that chunk extensions are left out, which
 * concern this connection alone (RFC 9112 §7.1.1), and that more follows at `consumed`. Behind `BodyStep.end`, unless
 * `rawIsClosed`, the caller still writes the trailers that it keeps and an empty line. Data and raw bytes before an error are
 * correct as far as they go.
 */
import { CR, LF } from "./characters.ts";
import { ChunkLine } from "./chunk-line.ts";
import { HeaderLines } from "./header-lines.ts";
import type { Limits } from "./limits.ts";
import { Framing, type MessageHead } from "./message-head.ts";
import type { ParseError, ParseErrorCode, ParseErrors } from "./parse-error.ts";
import { Step } from "./section-parser.ts";
import { TrailerParser } from "./trailer-parser.ts";

export const BodyStep = {
  /** The chunk is used up; the message goes on. */
  more: 0,
  /** After `read`: a piece of the payload is at `dataStart` to `dataEnd`. After `pass`: see above. */
  data: 1,
  /** The message has ended, at `consumed`. */
  end: 2,
  /** `error` says why; the message must not look whole to whoever gets it. */
  error: 3,
} as const;

export type BodyStep = (typeof BodyStep)[keyof typeof BodyStep];

const ENDED = 0;
const BY_LENGTH = 1;
const UNTIL_CLOSE = 2;
const CHUNK_LINE = 3;
const CHUNK_DATA = 4;
const CHUNK_CR = 5;
const CHUNK_LF = 6;
const TRAILERS = 7;

export class BodyDecoder {
  readonly #errors: ParseErrors;
  readonly #limits: Limits;
  readonly #chunkLine: ChunkLine;
  /** Made for the first body that has any trailer. */
  #trailerParser: TrailerParser | null = null;
  #state = ENDED;
  /** Bytes that are left of the body by length, or of the chunk. */
  #left = 0;
  #hasTrailerBegun = false;
  /** Where the last call stopped: an offset into its chunk. */
  consumed = 0;
  dataStart = 0;
  dataEnd = 0;
  /** After `pass`: the end of what may be handed on of this chunk. */
  rawEnd = 0;
  /** After `pass` that answered `BodyStep.end`: the bytes that were handed on have the end of the message in them. */
  rawIsClosed = false;
  /** Bytes of the payload so far, without chunk lines and trailers. */
  payloadBytes = 0;
  error: ParseError | null = null;
  /** Of the body that ended; forbidden ones are dropped (see `TrailerParser`). They hold until `start`. */
  readonly trailers: HeaderLines = new HeaderLines(1);

  /** `errors` are those of the side that sends: REQUEST_ERRORS or RESPONSE_ERRORS. */
  constructor(errors: ParseErrors, limits: Limits) {
    this.#errors = errors;
    this.#limits = limits;
    this.#chunkLine = new ChunkLine(limits.chunkBytesMax, limits.chunkExtensionBytesMax);
  }

  /** Begins the body of a message whose head is whole. Behind a tunnel's head there is none. */
  start(head: MessageHead): void {
    this.error = null;
    this.payloadBytes = 0;
    this.#trailerParser?.release();
    this.#left = 0;
    this.#hasTrailerBegun = false;
    switch (head.framing) {
      case Framing.length:
        this.#state = head.contentLength > 0 ? BY_LENGTH : ENDED;
        this.#left = head.contentLength;
        break;
      case Framing.chunked:
        this.#state = CHUNK_LINE;
        this.#chunkLine.restart();
        break;
      case Framing.untilClose:
        this.#state = UNTIL_CLOSE;
        break;
      default:
        this.#state = ENDED;
    }
  }

  /** Whether the body has come whole. */
  get isEnded(): boolean {
    return this.#state === ENDED && this.error === null;
  }

  /** Takes up to one piece of payload from `chunk`, beginning at `from`. */
  read(chunk: Uint8Array, from = 0, to: number = chunk.length): BodyStep {
    return this.#run(chunk, from, to, true);
  }

  /** Takes all of `chunk` that is of this message, or up to chunk extensions and these. */
  pass(chunk: Uint8Array, from = 0, to: number = chunk.length): BodyStep {
    return this.#run(chunk, from, to, false);
  }

  /** The end of the connection: null when the message is whole with it, otherwise why that is an error. */
  finish(): ParseError | null {
    if (this.#state === UNTIL_CLOSE) this.#state = ENDED;
    if (this.#state !== ENDED && this.error === null) this.#fail("truncated");
    return this.error;
  }

  #run(chunk: Uint8Array, from: number, to: number, stopsAtData: boolean): BodyStep {
    if (this.error !== null) return BodyStep.error;
    this.rawIsClosed = this.#state === ENDED;
    let i = from;
    let rawEnd = from;
    while (i < to && this.#state !== ENDED) {
      const state = this.#state;
      if (state === TRAILERS) {
        const step = this.#readTrailers(chunk, i, to);
        if (step === BodyStep.end && this.consumed === i + 2 && !this.#hasTrailerBegun) {
          rawEnd = this.consumed;
          this.rawIsClosed = true;
        }
        this.rawEnd = rawEnd;
        return step;
      }
      if (state === CHUNK_LINE) {
        const isLeftOut = !stopsAtData && this.#chunkLine.isInExtensions;
        i = this.#readChunkLine(chunk, i, to);
        if (isLeftOut) {
          this.consumed = i;
          this.rawEnd = rawEnd;
          return this.error === null ? BodyStep.data : BodyStep.error;
        }
      } else if (state === CHUNK_CR || state === CHUNK_LF) {
        i = this.#readChunkEnd(chunk, i);
      } else {
        this.dataStart = i;
        i = this.#readData(i, to);
        this.dataEnd = i;
        if (stopsAtData) {
          this.consumed = i;
          this.rawEnd = i;
          return BodyStep.data;
        }
      }
      rawEnd = i;
      if (this.error !== null) break;
    }
    this.consumed = i;
    this.rawEnd = rawEnd;
    if (this.error !== null) return BodyStep.error;
    if (this.#state !== ENDED) return BodyStep.more;
    this.rawIsClosed = true;
    return BodyStep.end;
  }

  #readData(from: number, to: number): number {
    const state = this.#state;
    const length = state === UNTIL_CLOSE ? to - from : Math.min(to - from, this.#left);
    this.payloadBytes += length;
    if (state !== UNTIL_CLOSE) {
      this.#left -= length;
      if (this.#left === 0) this.#state = state === BY_LENGTH ? ENDED : CHUNK_CR;
    }
    return from + length;
  }

  #readChunkLine(chunk: Uint8Array, from: number, to: number): number {
    const line = this.#chunkLine;
    const at = line.scan(chunk, from, to);
    if (line.error !== null) {
      this.#fail(line.error);
    } else if (line.isDone) {
      this.#left = line.size;
      this.#state = line.size === 0 ? TRAILERS : CHUNK_DATA;
    }
    return at;
  }

  #readChunkEnd(chunk: Uint8Array, at: number): number {
    const isCr = this.#state === CHUNK_CR;
    if (chunk[at] !== (isCr ? CR : LF)) {
      this.#fail(isCr ? (chunk[at] === LF ? "bare-lf" : "bad-chunk-end") : "bare-cr");
      return at;
    }
    this.#state = isCr ? CHUNK_LF : CHUNK_LINE;
    if (!isCr) this.#chunkLine.next();
    return at + 1;
  }

  #readTrailers(chunk: Uint8Array, from: number, to: number): BodyStep {
    if (!this.#hasTrailerBegun) {
      if (chunk[from] === CR && from + 1 < to && chunk[from + 1] === LF) {
        this.consumed = from + 2;
        this.#state = ENDED;
        return BodyStep.end;
      }
      this.#hasTrailerBegun = true;
    }
    this.#trailerParser ??= new TrailerParser(this.#errors, this.#limits, this.trailers);
    const parser = this.#trailerParser;
    const step = parser.push(chunk, from, to);
    this.consumed = parser.consumed;
    this.error = parser.error;
    if (step === Step.head) this.#state = ENDED;
    return step === Step.head ? BodyStep.end : step === Step.error ? BodyStep.error : BodyStep.more;
  }

  #fail(code: ParseErrorCode): void {
    this.error = this.#errors[code];
  }
}
