/**
 * What must hold for any bytes at all, given to the parsers of src/http1: they do not throw, the events are the same
 * however the bytes are cut and whatever lies around them, what was accepted parses to the same when it is written anew,
 * and the runtime's own parser (llhttp, behind node:http) sees the same messages in it.
 */
import type { Limits } from "../../src/http1/limits.ts";
import { DEFAULT_LIMITS } from "../../src/http1/limits.ts";
import { Framing } from "../../src/http1/message-head.ts";
import { Method } from "../../src/http1/method.ts";
import {
  type BodyForm,
  type Event,
  type HeadFacts,
  type Pieces,
  readRequests,
  readResponses,
} from "../../src/http1/transcript.ts";
import type { Random } from "../arbitrary/random.ts";
import { llhttpMessages, type Message, unlike } from "./llhttp.ts";

export type Side = "request" | "response";

/** Small enough that a mutation can reach them. */
const FUZZ_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  headBytesMax: 700,
  lineCountMax: 12,
  targetBytesMax: 120,
  trailerBytesMax: 200,
  chunkExtensionBytesMax: 60,
  connectionOptionCountMax: 6,
  interimCountMax: 3,
};

type Asked = { readonly method: Method; readonly isUpgrade?: boolean };

/** What a response may be a response to. */
const EXPECTATIONS: readonly (readonly Asked[])[] = [
  Array.from({ length: 8 }, () => ({ method: Method.GET })),
  [{ method: Method.HEAD }, { method: Method.HEAD }],
  [{ method: Method.CONNECT }],
  [{ method: Method.GET, isUpgrade: true }],
];

const MARGIN = 24;
const INPUT_BYTES_MAX = 4_096;

/** What may lie around a piece: the same bytes again and again. */
function repeated(text: string): Uint8Array {
  return new Uint8Array(Buffer.alloc(INPUT_BYTES_MAX + 2 * MARGIN, text, "latin1"));
}

const LINE_ENDS = repeated("\r\n");
const LETTERS = repeated("A");
const LAST_CHUNKS = repeated("0\r\n\r\n");

/** The bytes cut at `cuts` (sorted), each piece in the midst of other bytes, which change as soon as it was read. */
function* pieces(bytes: Uint8Array, cuts: readonly number[], around: Uint8Array): Pieces {
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    const chunk = around.slice(0, end - start + 2 * MARGIN);
    chunk.set(bytes.subarray(start, end), MARGIN);
    yield [chunk, MARGIN, MARGIN + end - start];
    chunk.fill(0x0a);
    start = end;
  }
}

type Read = (pieces: Pieces, form?: BodyForm) => Event<HeadFacts>[];

function readers(side: Side): { read: Read; asked: readonly Asked[] }[] {
  if (side === "request") {
    return [{ read: (all, form) => readRequests(all, FUZZ_LIMITS, form), asked: [] }];
  }
  return EXPECTATIONS.map((asked) => ({
    read: (all, form) => readResponses(all, FUZZ_LIMITS, asked, form),
    asked,
  }));
}

/** How the parsers break a promise on these bytes; null when they do not. */
export function brokenPromise(side: Side, bytes: Uint8Array, random: Random): string | null {
  for (const { read, asked } of readers(side)) {
    let events: Event<HeadFacts>[];
    try {
      events = read(pieces(bytes, [], LINE_ENDS));
      const broken = cutOtherwise(read, bytes, events, random) ?? writtenAnew(read, bytes, events);
      if (broken !== null) return broken;
    } catch (error) {
      return `throws ${error}`;
    }
    const other = unlike(messagesOf(events, asked), llhttpMessages(side, bytes, asked));
    if (other !== null) return `${other}; asked ${JSON.stringify(asked[0])}`;
  }
  return null;
}

function cutOtherwise(
  read: Read,
  bytes: Uint8Array,
  events: readonly unknown[],
  random: Random,
): string | null {
  const inner = Array.from({ length: Math.max(0, bytes.length - 1) }, (_, index) => index + 1);
  const some = inner.filter(() => random.chance(0.05));
  for (const cuts of [inner, some, inner.filter(() => random.chance(0.5))]) {
    for (const form of ["payload", "raw"] as const) {
      const whole = form === "payload" ? events : read(pieces(bytes, [], LETTERS), form);
      if (!Bun.deepEquals(read(pieces(bytes, cuts, LAST_CHUNKS), form), whole)) {
        return `${form} differs when cut at ${cuts.length === inner.length ? "each byte" : cuts}`;
      }
    }
  }
  return null;
}

/** Complete messages, written as head, lines and raw body, are the same messages. */
function writtenAnew(
  read: Read,
  bytes: Uint8Array,
  events: readonly Event<HeadFacts>[],
): string | null {
  const raw = read(pieces(bytes, [], LETTERS), "raw");
  let lastWhole = -1;
  let text = "";
  let open = "";
  raw.forEach((event, index) => {
    if (event.kind === "head" || event.kind === "interim") {
      const { startLine, lines } = event.head;
      open += `${startLine}${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
    }
    if (event.kind === "body" || event.kind === "tunnel") {
      text += open + event.bytes;
      open = "";
      lastWhole = index;
    }
  });
  if (text.length > 600) return null;
  const kept = events.slice(0, lastWhole + 1).map((event) => {
    if (event.kind !== "body") return event;
    const trailers = event.trailers.filter(([name]) => !event.dropped.includes(name));
    return { ...event, trailers, dropped: [] };
  });
  const again = read(pieces(Buffer.from(text, "latin1"), [], LETTERS));
  return Bun.deepEquals(again, kept) ? null : "is another message when it is written anew";
}

/** The messages that came whole, as far as another parser can be asked about them. */
function messagesOf(events: readonly Event<HeadFacts>[], asked: readonly Asked[]): Message[] {
  const messages: Message[] = [];
  let head: HeadFacts | null = null;
  let answered = 0;
  for (const event of events) {
    if (event.kind === "interim") {
      messages.push({ ...factsOf(event.head), body: "", trailers: [] });
      // llhttp sees nothing behind it; here it only ends the connection after the final response.
      if (!event.head.keepAlive) break;
    } else if (event.kind === "head") {
      head = event.head;
    } else if (event.kind === "body" && head !== null) {
      const { bytes, trailers } = event;
      messages.push({ ...factsOf(head), body: bytes, trailers: trailers.flat() });
      answered++;
      if (!head.keepAlive || head.isUpgrade || head.framing === Framing.untilClose) break;
      if (asked.length > 0 && answered === asked.length) break;
      // llhttp believes trailers that speak of the connection; here they are dropped.
      if (event.dropped.some((name) => /^(proxy-)?connection$|^upgrade$/i.test(name))) break;
    }
  }
  return messages;
}

function factsOf({ startLine, lines }: HeadFacts): Pick<Message, "startLine" | "lines"> {
  return { startLine: startLine.trimEnd(), lines: lines.flat() };
}
