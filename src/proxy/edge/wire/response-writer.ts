// Writes a Response of the platform: of the curl program, of scripts, and of upstreams over HTTPS.

import type { ListenerScope } from "../../gate/request-head.ts";
import { isSafeValue } from "../../upstream/request-bytes.ts";
import { hasNoBody } from "../../upstream/response-checks.ts";
import type { Answered } from "../../upstream/upstream.ts";
import { transportSecurityLine } from "./client-head.ts";
import { dateLine } from "./date-line.ts";
import { connectionLine, reasonOf } from "./wire-refusal.ts";

/** Where it goes. */
export interface ResponseSink {
  readonly listener: ListenerScope;
  readonly minorVersion: number;
  /** The request was HEAD. */
  readonly isHead: boolean;
  readonly isClosed: boolean;
  send(bytes: Uint8Array, start: number, end: number): boolean;
  whenDrained(): Promise<void>;
}

/** `kept`: whole, and the connection may go on; `last`: only its end ends the response; `broken`: the client has to see that. */
export type WrittenResponse = "kept" | "last" | "broken";

/** Never rejects. `isKept`: whether the connection may go on after it. */
export async function writeResponse(
  sink: ResponseSink,
  { reply: response, trailers }: Answered<Response>,
  isKept: boolean,
): Promise<WrittenResponse> {
  const { status, headers, body } = response;
  const reader = body?.getReader() ?? null;
  try {
    if (sink.isHead || hasNoBody(status)) {
      // 205 has no body, but a client that follows RFC 9112 §6.3 believes what it says of one.
      const length = status === 205 ? "0" : headers.get("content-length");
      sendHead(sink, response, length, false, isKept);
      await reader?.cancel();
      return "kept";
    }
    let piece = (await reader?.read()) ?? { done: true, value: undefined };
    let next = piece.done ? null : (reader?.read() ?? null);
    next?.catch(() => {});
    // A body that is here as a whole has a length, whoever made it.
    if (next !== null && Bun.peek.status(next) === "pending") await Promise.resolve();
    let length = headers.get("content-length");
    const isWhole = next === null || (Bun.peek.status(next) === "fulfilled" && (await next).done);
    const hasTrailers = isWhole && (trailers?.lines ?? null) !== null;
    if (length === null && isWhole && !hasTrailers) length = String(piece.value?.byteLength ?? 0);
    const isChunked = length === null && sink.minorVersion === 1;
    const isLast = length === null && !isChunked;
    sendHead(sink, response, length, isChunked, isKept && !isLast);
    let left = length === null ? null : Number(length);
    while (!piece.done && piece.value !== undefined) {
      if (left !== null) left -= piece.value.byteLength;
      // Beyond its length the client reads the next response.
      if (left !== null && !(left >= 0)) {
        await reader?.cancel().catch(() => {});
        return "broken";
      }
      sendPiece(sink, piece.value, isChunked);
      await sink.whenDrained();
      if (sink.isClosed) {
        await reader?.cancel().catch(() => {});
        return "broken";
      }
      piece = (await (next ?? reader?.read())) ?? { done: true, value: undefined };
      next = null;
    }
    if (left !== null && left !== 0) return "broken";
    if (isChunked) sendText(sink, `0\r\n${linesOf(trailers?.lines ?? null)}\r\n`);
    return isLast ? "last" : "kept";
  } catch {
    return "broken";
  }
}

function sendHead(
  sink: ResponseSink,
  { status, statusText, headers }: Response,
  length: string | null,
  isChunked: boolean,
  isKept: boolean,
): void {
  const { transportSecurity } = sink.listener;
  let head = `HTTP/1.1 ${status} ${isReason(statusText) ? statusText : reasonOf(status)}\r\n`;
  for (const [name, value] of headers) {
    if (!OURS.has(name) && !(transportSecurity !== null && name === STS))
      head += `${name}: ${value}\r\n`;
  }
  if (!headers.has("date")) head += dateLine();
  if (transportSecurity !== null) head += transportSecurityLine(transportSecurity);
  if (length !== null && status !== 204) {
    head += `content-length: ${length.replace(LEADING_ZEROS, "")}\r\n`;
  }
  if (isChunked) head += "transfer-encoding: chunked\r\n";
  sendText(sink, `${head}${connectionLine(sink.minorVersion, isKept)}\r\n`);
}

/** The platform reads reasons as UTF-8: as one byte a character, U+010D U+010A would end the line. */
function isReason(text: string): boolean {
  return text !== "" && isSafeValue(text);
}

function linesOf(trailers: Headers | null): string {
  let lines = "";
  for (const [name, value] of trailers ?? []) lines += `${name}: ${value}\r\n`;
  return lines;
}

/** There are clients that read `010` as eight. */
const LEADING_ZEROS = /^0+(?=\d)/;

/** Lines that say how the response ends and whether the connection does. */
const OURS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
]);

const STS = "strict-transport-security";

function sendPiece(sink: ResponseSink, piece: Uint8Array, isChunked: boolean): void {
  if (piece.length === 0) return;
  if (isChunked) sendText(sink, `${piece.length.toString(16)}\r\n`);
  sink.send(piece, 0, piece.length);
  if (isChunked) sendText(sink, "\r\n");
}

function sendText(sink: ResponseSink, text: string): void {
  const bytes = Buffer.from(text, "latin1");
  sink.send(bytes, 0, bytes.length);
}
