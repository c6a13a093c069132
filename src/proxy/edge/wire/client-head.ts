// The head of a response as it goes to the client: what came, less what ends here.
import type { HeadWriter } from "../../../http1/head-writer.ts";
import { Known } from "../../../http1/known-header.ts";
import { Framing } from "../../../http1/message-head.ts";
import type { ResponseHead } from "../../../http1/response-head.ts";
import { hostName } from "../../routing/host.ts";
import { CLEAR_SITE_DATA, confinedCookie, confinedSiteData } from "../../upstream/cookie-domain.ts";
import type { ForwardedRequest } from "../../upstream/upstream.ts";
import { afterOrigin, upstreamHost } from "../../upstream/upstream-host.ts";
import { dateLineBytes } from "./date-line.ts";
import { endsHere, isOddFraming } from "./line-rules.ts";

/** How the body of a response goes to the client. */
export const Passing = {
  /** There is none. */
  nothing: 0,
  /** As it comes: by length, or with its chunk lines. */
  asItCame: 1,
  /** In chunks of our own: the upstream ends it with its connection. */
  inChunks: 2,
  /** The end of the connection ends it: the client speaks HTTP/1.0. */
  untilClose: 3,
} as const;

export type Passing = (typeof Passing)[keyof typeof Passing];

const CONNECTION_CLOSE = Buffer.from("Connection: close\r\n");
const CONNECTION_KEPT = Buffer.from("Connection: keep-alive\r\n");
const CONNECTION_UPGRADE = Buffer.from("Connection: Upgrade\r\nUpgrade: websocket\r\n");
const CHUNKED = Buffer.from("Transfer-Encoding: chunked\r\n");
const DOMAIN = Buffer.from("domain");
const LOCATION = Buffer.from("location");
const SITE_DATA = Buffer.from(CLEAR_SITE_DATA);

/** How the body goes to a client of this version. */
export function passingOf(head: ResponseHead, minorVersion: number): Passing {
  switch (head.framing) {
    case Framing.length:
      return Passing.asItCame;
    case Framing.chunked:
      return minorVersion === 0 ? Passing.untilClose : Passing.asItCame;
    case Framing.untilClose:
      return minorVersion === 0 ? Passing.untilClose : Passing.inChunks;
    default:
      return Passing.nothing;
  }
}

/** A final response, or 101 of an upgrade that was agreed to. `isKept`: the connection goes on after it. */
export function writeClientHead(
  writer: HeadWriter,
  head: ResponseHead,
  forwarded: ForwardedRequest,
  isKept: boolean,
  minorVersion: number,
  passing: Passing,
): void {
  writer.begin().statusLine(head.status, head.bytes, head.reasonStart, head.reasonEnd);
  // To HEAD it says how the body of GET would come.
  const hasCoding = head.status !== 204 && head.status !== 304 && head.framing !== Framing.tunnel;
  const passesChunks = hasCoding && minorVersion === 1;
  const added = dropLines(head, forwarded, passesChunks);
  writer.keptLines(head);
  if (added !== "") writer.text(added);
  const { transportSecurity } = forwarded.head.listener;
  if (transportSecurity !== null) writer.text(transportSecurityLine(transportSecurity));
  // Whoever passes on a response without one adds it (RFC 9110 §6.6.1).
  if (head.find(Known.date) === -1) writer.bytes(dateLineBytes());
  if (passing === Passing.inChunks) writer.bytes(CHUNKED);
  if (head.framing === Framing.tunnel) writer.bytes(CONNECTION_UPGRADE);
  else if (!isKept) writer.bytes(CONNECTION_CLOSE);
  else if (minorVersion === 0) writer.bytes(CONNECTION_KEPT);
  writer.crlf();
}

/** In place of the program's own. */
export function transportSecurityLine(value: string): string {
  return `Strict-Transport-Security: ${value}\r\n`;
}

/** A 1xx response other than 101. */
export function writeInterim(
  writer: HeadWriter,
  head: ResponseHead,
  forwarded: ForwardedRequest,
): void {
  writer.begin().statusLine(head.status, head.bytes, head.reasonStart, head.reasonEnd);
  const added = dropLines(head, forwarded, false);
  writer.keptLines(head).text(added).crlf();
}

/** Marks what ends here. The answer: lines to add in place of some, each with its CRLF. */
function dropLines(head: ResponseHead, forwarded: ForwardedRequest, passesChunks: boolean): string {
  const isBodiless = head.status < 200 || head.status === 204;
  const { settings } = forwarded.active.allowed.route;
  let added = "";
  let rewritesCookies: boolean | null = null;
  for (let line = 0; line < head.count; line++) {
    const known = head.known(line);
    if (endsHere(head, line, passesChunks)) {
      head.drop(line);
    } else if (known === Known["transfer-encoding"]) {
      if (!isOddFraming(head, line)) continue;
      head.drop(line);
      added += "Transfer-Encoding: chunked\r\n";
    } else if (known === Known["strict-transport-security"]) {
      if (forwarded.head.listener.transportSecurity !== null) head.drop(line);
    } else if (known === Known["set-cookie"]) {
      // All or none of them: of equal names a client keeps the last, so their order stays.
      rewritesCookies ??= anySaysDomain(head);
      if (!rewritesCookies) continue;
      const own = forwarded.head.host === null ? null : hostName(forwarded.head.host);
      head.drop(line);
      added += `Set-Cookie: ${confinedCookie(head.value(line), own)}\r\n`;
    } else if (known === Known["content-length"]) {
      // No response of these may have it (RFC 9110 §8.6); with chunks for HTTP/1.0 the end of the connection is the end.
      if (!isBodiless && !isOddFraming(head, line)) continue;
      head.drop(line);
      if (!isBodiless) added += `Content-Length: ${head.contentLength}\r\n`;
    } else if (known === Known.other && head.nameIs(line, SITE_DATA)) {
      const value = head.value(line);
      const left = confinedSiteData(value);
      if (left === value) continue;
      head.drop(line);
      if (left !== null) added += `Clear-Site-Data: ${left}\r\n`;
    } else if (known === Known.other && settings.hostIsUpstream && head.nameIs(line, LOCATION)) {
      const location = locationOf(head.value(line), forwarded);
      if (location === null) continue;
      head.drop(line);
      added += `Location: ${location}\r\n`;
    }
  }
  return added;
}

function anySaysDomain(head: ResponseHead): boolean {
  for (let line = 0; line < head.count; line++) {
    if (head.known(line) === Known["set-cookie"] && saysDomain(head, line)) return true;
  }
  return false;
}

/** Null: it stays. */
function locationOf(location: string, { head, active, admitted }: ForwardedRequest): string | null {
  if (head.host === null) return null;
  const rest = afterOrigin(location, upstreamHost(active.allowed.route));
  if (rest === null) return null;
  const believed = admitted.peerTrusted ? head.headers.get("x-forwarded-proto") : null;
  const scheme = believed === "https" ? believed : head.listener.scheme;
  return `${scheme}://${head.host}${rest}`;
}

/**
 * Whether `domain` may be in the value, in any case and with whatever is not visible between its letters, as `confinedCookie`
 * reads it: a byte of it at a time, skipping the others.
 */
function saysDomain(head: ResponseHead, line: number): boolean {
  const { bytes } = head;
  const end = head.valueEnd(line);
  for (let start = head.valueStart(line); start < end; start++) {
    if (((bytes[start] as number) | 0x20) !== DOMAIN[0]) continue;
    let matched = 1;
    for (let i = start + 1; i < end && matched < DOMAIN.length; i++) {
      const byte = bytes[i] as number;
      if (byte <= 0x20 || byte >= 0x7f) continue;
      if ((byte | 0x20) !== DOMAIN[matched]) break;
      matched++;
    }
    if (matched === DOMAIN.length) return true;
  }
  return false;
}
