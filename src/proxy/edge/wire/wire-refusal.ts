// Answers of the gate itself, as bytes.
import { STATUS_CODES } from "node:http";
import type { ParseError } from "../../../http1/parse-error.ts";
import { requestId } from "../../exchange/request-id.ts";
import { REFUSAL_TEXTS, type Refusal } from "../../gate/refusal.ts";
import { type RefusedRequest, refusalJson, renderRefusal } from "../../gate/refusal-response.ts";
import type { MalformedReason } from "../malformed-reason.ts";
import { transportSecurityLine } from "./client-head.ts";
import { dateLine } from "./date-line.ts";
import type { WireRequest } from "./wire-request.ts";

export const CONTINUE = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");

/** `Connection`, where the version does not say it by itself. */
export function connectionLine(minorVersion: number, isKept: boolean): string {
  if (!isKept) return "Connection: close\r\n";
  return minorVersion === 0 ? "Connection: keep-alive\r\n" : "";
}

/** The reason phrase of a status; empty for one that has none. */
export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? "";
}

/** A refusal with its page. `isHead`: the head alone. `added`: whole lines. */
function refusalBytes(
  refusal: Refusal,
  request: RefusedRequest,
  isHead: boolean,
  added: string,
): Uint8Array {
  const { status, headers, body } = renderRefusal(refusal, request);
  let lines = "";
  for (const [name, value] of Object.entries(headers)) {
    // Whether the connection goes on is known here; other members of the field stay.
    if (name !== "connection") lines += `${name}: ${value}\r\n`;
    else if (value.includes("upgrade")) lines += "connection: upgrade\r\n";
  }
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const head = headOf(status, lines, bytes.length, added);
  return isHead ? head : Buffer.concat([head, bytes]);
}

/** The head of an answer with a body of so many bytes. `lines`: its own header lines. */
function headOf(status: number, lines: string, length: number, added: string): Buffer {
  const head = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${lines}${dateLine()}`;
  return Buffer.from(`${head}content-length: ${length}\r\n${added}\r\n`, "latin1");
}

/** The refusal of a request, as bytes. `isWhole`: all of the request has come. */
export function refusalTo(
  { lines, exchange, headers, listener }: WireRequest,
  reason: Refusal,
  isHead: boolean,
  isKept: boolean,
  isWhole: boolean,
): Uint8Array {
  const { requestId, isReadable, named } = exchange;
  const origin = isReadable ? headers.get("origin") : null;
  const request = { requestId, accept: headers.get("accept"), hasBody: !isWhole, origin, named };
  const { transportSecurity } = listener;
  const added = transportSecurity === null ? "" : transportSecurityLine(transportSecurity);
  return refusalBytes(reason, request, isHead, added + connectionLine(lines.minorVersion, isKept));
}

/** Bytes that are no request. */
export interface Malformed {
  readonly requestId: string;
  readonly reason: "bad_request" | "bad_host";
  /** What is wrong with them. */
  readonly malformed: MalformedReason;
  /** The peer: nothing that such bytes say about their client is believed. */
  readonly client: string;
}

/** `error` null: the expectation is one that cannot be met (RFC 9110 §10.1.1). */
export function malformedBy(error: ParseError | null, client: string): Malformed {
  const malformed = error?.code ?? "expectation";
  const reason = HOST_ERRORS.has(malformed) ? "bad_host" : "bad_request";
  return { requestId: requestId(), reason, malformed, client };
}

const HOST_ERRORS: ReadonlySet<string> = new Set(["host-missing", "host-repeated", "bad-host"]);

/** What is answered to them: JSON, as no Accept line can be relied on. There is no exchange, and the connection ends. */
export function errorBytes({ requestId, reason }: Malformed, error: ParseError | null): Uint8Array {
  const status = error?.status ?? 417;
  const text = REFUSAL_TEXTS[reason];
  const message = status === text.status ? text.message : (error?.message ?? UNMET);
  const json = refusalJson(reason, { status, error: reasonOf(status), message });
  const body = Buffer.from(json, "latin1");
  const lines =
    "content-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n" +
    `x-realmgate-request-id: ${requestId}\r\n`;
  return Buffer.concat([headOf(status, lines, body.length, connectionLine(1, false)), body]);
}

const UNMET = "The expectation cannot be met";
