/**
 * Small numbers for the field names that proxies and gates ask for, found by length and two letters, then compared. All
 * other names are `Known.other`; ask for those with `HeaderLines.nameIs`.
 */
import { equalsIgnoringCase } from "./characters.ts";

const NAMES = [
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "expect",
  "upgrade",
  "te",
  "trailer",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "http2-settings",
  "authorization",
  "cookie",
  "set-cookie",
  "www-authenticate",
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id",
  "traceparent",
  "tracestate",
  "origin",
  "user-agent",
  "date",
  "server",
  "content-type",
  "content-encoding",
  "content-range",
  "range",
  "cache-control",
  "max-forwards",
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "strict-transport-security",
] as const;

type KnownName = (typeof NAMES)[number];

/** The number of each known name, 1 to 127; `other` is 0. */
export const Known = Object.freeze(
  Object.fromEntries([["other", 0], ...NAMES.map((name, index) => [name, index + 1])]),
) as Readonly<Record<KnownName | "other", number>>;

const SLOTS = 256;
const LOWER: readonly Uint8Array[] = ["", ...NAMES].map((name) => Buffer.from(name));
/** The first number of a slot, and after each number the next one of its slot; 0 ends. */
const FIRST = new Uint8Array(SLOTS);
const NEXT = new Uint8Array(NAMES.length + 1);

function slotOf(length: number, first: number, last: number): number {
  return (length * 7 + (first | 0x20) * 5 + (last | 0x20) * 3) & (SLOTS - 1);
}

for (const name of NAMES) {
  const slot = slotOf(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1));
  NEXT[Known[name]] = FIRST[slot] as number;
  FIRST[slot] = Known[name];
}

/** The number of the name in a span of at least one byte; 0 when it is not a known one. */
export function knownHeader(bytes: Uint8Array, start: number, end: number): number {
  const slot = slotOf(end - start, bytes[start] as number, bytes[end - 1] as number);
  let known = FIRST[slot] as number;
  while (known !== 0 && !equalsIgnoringCase(bytes, start, end, LOWER[known] as Uint8Array)) {
    known = NEXT[known] as number;
  }
  return known;
}
