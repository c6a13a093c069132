/**
 * What the parsers make of all bytes of one connection, as plain data: for tests and fuzzing, and to explain a capture.
 * It uses the parsers the way an edge does, but makes strings of everything.
 */
import { BodyDecoder, BodyStep } from "./body-decoder.ts";
import { HeadWriter } from "./head-writer.ts";
import type { HeaderLines } from "./header-lines.ts";
import type { Limits } from "./limits.ts";
import { Framing, type MessageHead } from "./message-head.ts";
import type { Method } from "./method.ts";
import {
  type ParseError,
  type ParseErrors,
  REQUEST_ERRORS,
  RESPONSE_ERRORS,
} from "./parse-error.ts";
import type { ParsedRequestHead } from "./request-head.ts";
import { RequestParser } from "./request-parser.ts";
import type { ResponseHead } from "./response-head.ts";
import { ResponseParser } from "./response-parser.ts";
import { type SectionParser, Step } from "./section-parser.ts";

type Line = readonly [name: string, value: string];

export interface HeadFacts {
  readonly startLine: string;
  readonly lines: readonly Line[];
  readonly framing: Framing;
  readonly contentLength: number;
  readonly keepAlive: boolean;
  readonly isUpgrade: boolean;
  /** Lines that Connection names. */
  readonly named: readonly string[];
}

export interface RequestFacts extends HeadFacts {
  readonly method: Method;
  readonly target: string;
  readonly authority: string;
  readonly path: string;
  readonly host: string | null;
  readonly expectation: number;
}

export interface ResponseFacts extends HeadFacts {
  readonly status: number;
  readonly reason: string;
}

export interface BodyFacts {
  /** The payload as `read` tells it; or the body with its chunk lines and the kept trailers, as `pass` hands it on. */
  readonly bytes: string;
  readonly trailers: readonly Line[];
  readonly dropped: readonly string[];
}

export type Event<Head> =
  | { readonly kind: "head" | "interim"; readonly head: Head }
  | ({ readonly kind: "body" } & BodyFacts)
  | { readonly kind: "tunnel"; readonly bytes: string }
  | { readonly kind: "error"; readonly code: string; readonly status: number };

/** Bytes of one connection in the pieces in which they come; `[bytes, from, to]` says where a piece lies. */
export type Pieces = Iterable<readonly [chunk: Uint8Array, from: number, to: number]>;

interface Reader<Head> {
  readonly parser: SectionParser;
  readonly head: MessageHead;
  readonly errors: ParseErrors;
  facts(): Head;
  /** The body has ended: what comes is another message. */
  next(): void;
}

/** Whether bodies are told as payload (`read`) or as they came (`pass`). */
export type BodyForm = "payload" | "raw";

function linesOf(lines: HeaderLines): Line[] {
  return Array.from({ length: lines.count }, (_, line) => [lines.name(line), lines.value(line)]);
}

function headFacts(head: MessageHead): HeadFacts {
  return {
    startLine: head.latin1(head.start, head.linesStart),
    lines: linesOf(head),
    framing: head.framing,
    contentLength: head.contentLength,
    keepAlive: head.keepAlive,
    isUpgrade: head.isUpgrade,
    named: linesOf(head)
      .filter((_, line) => head.isNamedByConnection(line))
      .map(([name]) => name),
  };
}

function requestFacts(head: ParsedRequestHead): RequestFacts {
  return {
    ...headFacts(head),
    method: head.method,
    target: head.latin1(head.targetStart, head.targetEnd),
    authority: head.latin1(head.authorityStart, head.authorityEnd),
    path: head.latin1(head.pathStart, head.targetEnd),
    host: head.hostLine === -1 ? null : head.value(head.hostLine),
    expectation: head.expectation,
  };
}

function responseFacts(head: ResponseHead): ResponseFacts {
  return {
    ...headFacts(head),
    status: head.status,
    reason: head.latin1(head.reasonStart, head.reasonEnd),
  };
}

/** All requests of a connection, up to its end or the first error. Messages are read on whatever Connection says. */
export function readRequests(
  pieces: Pieces,
  limits: Limits,
  form: BodyForm = "payload",
): Event<RequestFacts>[] {
  const parser = new RequestParser(limits);
  const reader: Reader<RequestFacts> = {
    parser,
    head: parser.head,
    errors: REQUEST_ERRORS,
    facts: () => requestFacts(parser.head),
    next: () => {},
  };
  return new Transcript(reader, limits, form).of(pieces);
}

/** All responses of a connection to requests of these methods; bytes behind them are an error. */
export function readResponses(
  pieces: Pieces,
  limits: Limits,
  requests: readonly { readonly method: Method; readonly isUpgrade?: boolean }[],
  form: BodyForm = "payload",
): Event<ResponseFacts>[] {
  const parser = new ResponseParser(limits);
  const expected = [...requests];
  const next = () => {
    const request = expected.shift();
    if (request !== undefined) parser.expect(request.method, request.isUpgrade ?? false);
  };
  next();
  const reader: Reader<ResponseFacts> = {
    parser,
    head: parser.head,
    errors: RESPONSE_ERRORS,
    facts: () => responseFacts(parser.head),
    next,
  };
  return new Transcript(reader, limits, form).of(pieces);
}

class Transcript<Head> {
  readonly #reader: Reader<Head>;
  readonly #body: BodyDecoder;
  readonly #form: BodyForm;
  readonly #writer: HeadWriter;
  readonly #events: Event<Head>[] = [];
  #state: "head" | "body" | "tunnel" | "failed" = "head";
  #bytes = "";

  constructor(reader: Reader<Head>, limits: Limits, form: BodyForm) {
    this.#reader = reader;
    this.#body = new BodyDecoder(reader.errors, limits);
    this.#form = form;
    this.#writer = new HeadWriter(limits.trailerBytesMax);
  }

  of(pieces: Pieces): Event<Head>[] {
    for (const [chunk, from, to] of pieces) {
      for (let at: number | null = from; at !== null; ) at = this.#step(chunk, at, to);
    }
    if (this.#state === "tunnel") this.#events.push({ kind: "tunnel", bytes: this.#bytes });
    else if (this.#state === "head") this.#fail(this.#reader.parser.finish());
    else if (this.#state === "body" && !this.#fail(this.#body.finish())) this.#endBody(true);
    return this.#events;
  }

  /** Where the next step begins; null when the piece is used up. */
  #step(chunk: Uint8Array, at: number, to: number): number | null {
    switch (this.#state) {
      case "head":
        return this.#readHead(chunk, at, to);
      case "body":
        return this.#readBody(chunk, at, to);
      case "tunnel":
        this.#bytes += latin1(chunk, at, to);
        return null;
      case "failed":
        return null;
    }
  }

  #readHead(chunk: Uint8Array, at: number, to: number): number | null {
    const { parser, head } = this.#reader;
    const step = parser.push(chunk, at, to);
    if (step === Step.more || this.#fail(parser.error)) return null;
    this.#events.push({
      kind: step === Step.interim ? "interim" : "head",
      head: this.#reader.facts(),
    });
    if (step === Step.head) {
      this.#state = head.framing === Framing.tunnel ? "tunnel" : "body";
      this.#body.start(head);
    }
    return parser.consumed;
  }

  #readBody(chunk: Uint8Array, at: number, to: number): number | null {
    const body = this.#body;
    const isRaw = this.#form === "raw";
    const step = isRaw ? body.pass(chunk, at, to) : body.read(chunk, at, to);
    if (this.#fail(body.error)) return null;
    if (isRaw) this.#bytes += latin1(chunk, at, body.rawEnd);
    else if (step === BodyStep.data) this.#bytes += latin1(chunk, body.dataStart, body.dataEnd);
    if (step === BodyStep.more) return null;
    if (step === BodyStep.end) this.#endBody(!isRaw || body.rawIsClosed);
    return body.consumed;
  }

  #endBody(isClosed: boolean): void {
    const { trailers } = this.#body;
    if (!isClosed) {
      this.#bytes += this.#writer.begin().keptLines(trailers).crlf().finish()?.toString("latin1");
    }
    const lines = linesOf(trailers);
    const dropped = lines.filter((_, line) => trailers.isDropped(line)).map(([name]) => name);
    this.#events.push({ kind: "body", bytes: this.#bytes, trailers: lines, dropped });
    this.#bytes = "";
    this.#state = "head";
    this.#reader.next();
  }

  #fail(error: ParseError | null): boolean {
    if (error === null) return false;
    this.#events.push({ kind: "error", code: error.code, status: error.status });
    this.#state = "failed";
    return true;
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString("latin1");
}
