// The head of a request as it goes upstream: what came, less what ends here, and the gate's own lines.
import type { HeadWriter } from "../../../http1/head-writer.ts";
import { Known } from "../../../http1/known-header.ts";
import { Framing } from "../../../http1/message-head.ts";
import type { ParsedRequestHead } from "../../../http1/request-head.ts";
import type { CredentialLocation } from "../../../policy/credential-location.ts";
import type { Allowed } from "../../gate/authorize.ts";
import { cookieWithout } from "../../gate/credentials.ts";
import { destination } from "../../upstream/destination.ts";
import type { ForwardedRequest } from "../../upstream/upstream.ts";
import { afterOrigin, upstreamHost } from "../../upstream/upstream-host.ts";
import type { GateLines } from "./gate-lines.ts";
import type { HeaderView } from "./header-view.ts";
import { Claim, claimOf, endsHere, isAt, isOddFraming, isReadAs } from "./line-rules.ts";
import { percentEncoded } from "./percent-encoding.ts";

const VERSION = Buffer.from(" HTTP/1.1\r\n");
const UPGRADE = Buffer.from("connection: Upgrade\r\nupgrade: websocket\r\n");
const COOKIE = Buffer.from("Cookie: ");
const CHUNKED_LINE = Buffer.from("Transfer-Encoding: chunked\r\n");
const CLOSE = Buffer.from("Connection: close\r\n");
const REWRITTEN = ["origin", "referer"] as const;

/** What the client sent. */
export interface ReceivedRequest {
  readonly lines: ParsedRequestHead;
  readonly headers: HeaderView;
  /** Where the target lies as it came, in `lines.bytes`; an empty span where the gate reads it otherwise. */
  readonly targetStart: number;
  readonly targetEnd: number;
}

/** Writes the whole head. The same bytes when it is called again. `isLast`: see `endsConnection`. */
export function writeUpstreamHead(
  writer: HeadWriter,
  { lines, headers, targetStart, targetEnd }: ReceivedRequest,
  forwarded: ForwardedRequest,
  gateLines: GateLines,
  isLast: boolean,
): void {
  const { active, admitted, head } = forwarded;
  const { route } = active.allowed;
  const { target } = destination(forwarded);
  writer.begin().span(lines.bytes, lines.start, lines.methodEnd + 1);
  if (target === head.target && targetEnd > targetStart) {
    writer.span(lines.bytes, targetStart, targetEnd);
  } else {
    writer.text(inAscii(target));
  }
  writer.bytes(VERSION);
  const cookies = cookiesLeft(headers, active.allowed);
  const drops = cookies !== undefined || active.allowed.passedPreflight;
  dropLines(lines, forwarded);
  const hostIsUpstream = route.settings.hostIsUpstream;
  if (drops) dropKnown(lines, Known.cookie);
  if (hostIsUpstream) dropHostLines(lines, headers, head.host ?? "");
  const isOddlyFramed = dropOddFraming(lines);
  writer.keptLines(lines);
  if (isOddlyFramed) writeFraming(writer, lines);
  if (admitted.upgrade === "websocket") writer.bytes(UPGRADE);
  if (isLast) writer.bytes(CLOSE);
  if (cookies !== undefined && cookies !== null && !active.allowed.passedPreflight) {
    writer.bytes(COOKIE).text(cookies).crlf();
  }
  if (hostIsUpstream) {
    const host = upstreamHost(route);
    writer.text(`Host: ${host}`).crlf();
    for (const name of REWRITTEN) {
      const rest = afterOrigin(headers.get(name) ?? "", head.host ?? "");
      const scheme = route.secure ? "https" : "http";
      if (rest !== null) writer.text(`${name}: ${scheme}://${host}${rest}`).crlf();
    }
  }
  writer.bytes(gateLines.of(forwarded, headers)).text(active.exchange.requestId);
  writer.crlf().crlf();
}

/** Drops an odd line of framing. True: `writeFraming` says the same in the common spelling. */
function dropOddFraming(lines: ParsedRequestHead): boolean {
  if (lines.framing === Framing.none) return false;
  const isChunked = lines.framing === Framing.chunked;
  const line = lines.find(isChunked ? Known["transfer-encoding"] : Known["content-length"]);
  const isOdd = isOddFraming(lines, line);
  if (isOdd) lines.drop(line);
  return isOdd;
}

function writeFraming(writer: HeadWriter, { framing, contentLength }: ParsedRequestHead): void {
  if (framing === Framing.chunked) writer.bytes(CHUNKED_LINE);
  else writer.text("Content-Length: ").integer(contentLength).crlf();
}

const NOT_VISIBLE = /[^\x21-\x7e]+/g;

/** A target that was made from text: whatever is not visible ASCII is encoded, so that no character becomes a byte of framing. */
function inAscii(target: string): string {
  return percentEncoded(target, NOT_VISIBLE, "utf8");
}

/** Marks what ends here: it stays readable, but is not written. */
function dropLines(lines: ParsedRequestHead, { active, admitted }: ForwardedRequest): void {
  const { consumedCredentials, jwtSources, unverifiedSources, passedPreflight } = active.allowed;
  const keepsTrace = active.exchange.traceId !== null;
  const isChunked = lines.framing === Framing.chunked;
  const { peerTrusted } = admitted;
  for (let line = 0; line < lines.count; line++) {
    const known = lines.known(line);
    const claim = claimOf(lines, line);
    const isDropped =
      endsHere(lines, line, isChunked, jwtSources) ||
      (claim !== Claim.none && !(claim === Claim.forwarding && peerTrusted)) ||
      known === Known["x-forwarded-for"] ||
      (passedPreflight && known === Known.authorization) ||
      (!keepsTrace && (known === Known.traceparent || known === Known.tracestate)) ||
      (consumedCredentials.length > 0 && isAt(lines, line, consumedCredentials)) ||
      (jwtSources.length > 0 &&
        isReadAs(lines, line, jwtSources) &&
        (isAt(lines, line, unverifiedSources) || !isAt(lines, line, jwtSources)));
    if (isDropped) lines.drop(line);
  }
}

/** Undefined: they stay as they came. Null: none are left. */
function cookiesLeft(
  headers: HeaderView,
  { consumedCredentials, jwtSources, unverifiedSources }: Allowed,
): string | null | undefined {
  if (!consumedCredentials.some(isCookie) && !jwtSources.some(isCookie)) return undefined;
  const line = headers.get("cookie");
  if (line === null) return undefined;
  const removed =
    unverifiedSources.length === 0
      ? consumedCredentials
      : [...consumedCredentials, ...unverifiedSources];
  const left = cookieWithout(line, removed, jwtSources);
  return left === line ? undefined : left;
}

function isCookie({ kind }: CredentialLocation): boolean {
  return kind === "cookie";
}

function dropKnown(lines: ParsedRequestHead, known: number): void {
  for (let line = lines.find(known); line !== -1; line = lines.find(known, line + 1)) {
    lines.drop(line);
  }
}

function dropHostLines(lines: ParsedRequestHead, headers: HeaderView, clientHost: string): void {
  dropKnown(lines, Known.host);
  for (const name of REWRITTEN) {
    if (afterOrigin(headers.get(name) ?? "", clientHost) === null) continue;
    const bytes = Buffer.from(name);
    for (let line = 0; line < lines.count; line++) {
      if (lines.nameIs(line, bytes)) lines.drop(line);
    }
  }
}
