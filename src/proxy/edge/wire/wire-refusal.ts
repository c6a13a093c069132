// Answers of the gate itself, as bytes.
import { STATUS_CODES } from "node:http";
import type { Refusal } from "../../gate/refusal.ts";
import { type RefusedRequest, renderRefusal } from "../../gate/refusal-response.ts";
import type { WireRequest } from "./wire-request.ts";

/** `Connection`, where the version does not say it by itself. */
export function connectionLine(minorVersion: number, isKept: boolean): string {
  if (!isKept) return "Connection: close\r\n";
  return minorVersion === 0 ? "Connection: keep-alive\r\n" : "";
}

/** The reason phrase of a status; empty for one that has none. */
export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? "";
}

/** Date, as all responses of a server with a clock have it (RFC 9110 §6.6.1). */
export function dateLine(): string {
  return `Date: ${new Date().toUTCString()}\r\n`;
}

/** A refusal with its page. `isHead`: the head alone. `connection`: see `connectionLine`. */
function refusalBytes(
  refusal: Refusal,
  request: RefusedRequest,
  isHead: boolean,
  connection: string,
): Uint8Array {
  const { status, headers, body } = renderRefusal(refusal, request);
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  let head = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    // Whether the connection goes on is known here; other members of the field stay.
    if (name !== "connection") head += `${name}: ${value}\r\n`;
    else if (value.includes("upgrade")) head += "connection: upgrade\r\n";
  }
  head += `${dateLine()}content-length: ${bytes.length}\r\n${connection}\r\n`;
  const text = Buffer.from(head, "latin1");
  return isHead ? text : Buffer.concat([text, bytes]);
}

/** The refusal of a request, as bytes. `isWhole`: all of the request has come. */
export function refusalTo(
  { lines, exchange, headers }: WireRequest,
  reason: Refusal,
  isHead: boolean,
  isKept: boolean,
  isWhole: boolean,
): Uint8Array {
  const { requestId, isReadable } = exchange;
  const origin = isReadable ? headers.get("origin") : null;
  const request = { requestId, accept: headers.get("accept"), hasBody: !isWhole, origin };
  return refusalBytes(reason, request, isHead, connectionLine(lines.minorVersion, isKept));
}

/** What is answered to bytes that are no request: there is no exchange, and the connection ends. */
export function errorBytes(status: number): Uint8Array {
  return Buffer.from(
    `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${dateLine()}Content-Length: 0\r\nConnection: close\r\n\r\n`,
    "latin1",
  );
}
