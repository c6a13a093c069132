/**
 * What the field lines of a whole head say about framing and the connection, strictly: whatever two readers could take
 * for two different lengths is an error (RFC 9112 §6.1 to §6.3, §9.3; RFC 9110 §7.6.1, §7.8, §8.6).
 */
import { COMMA, equalsIgnoringCase, HTAB, isAllOf, SP, TOKEN } from "./characters.ts";
import { Known } from "./known-header.ts";
import { Framing, type MessageHead } from "./message-head.ts";
import type { ParseErrorCode } from "./parse-error.ts";

const CHUNKED = Buffer.from("chunked");
const CLOSE = Buffer.from("close");
const KEEP_ALIVE = Buffer.from("keep-alive");
const UPGRADE = Buffer.from("upgrade");

/** Sixteen digits cannot leave the numbers that are exact, but for the largest of them. */
const LENGTH_DIGITS_MAX = 16;

const HOST = Known.host;
const CONTENT_LENGTH = Known["content-length"];
const TRANSFER_ENCODING = Known["transfer-encoding"];
const CONNECTION = Known.connection;
const UPGRADE_LINE = Known.upgrade;
/** Lines up to this number have a say here. */
const LAST = Known.upgrade;

const SAYS_CLOSE = 1;
const SAYS_KEEP_ALIVE = 2;
const SAYS_UPGRADE = 4;

/**
 * Fills in `framing` (none, length or chunked), `contentLength`, `keepAlive`, `isUpgrade` and the options; answers what is
 * wrong, or null. `Content-Length: 0` is `Framing.none`.
 */
export function readFraming(head: MessageHead, optionCountMax: number): ParseErrorCode | null {
  head.framing = Framing.none;
  head.contentLength = -1;
  head.optionCount = 0;
  let said = 0;
  let hasCoding = false;
  let hasUpgradeLine = false;
  for (let line = 0; line < head.count; line++) {
    const known = head.known(line);
    if (known === HOST || known === 0 || known > LAST) continue;
    if (known === CONTENT_LENGTH) {
      if (head.contentLength !== -1) return "length-repeated";
      head.contentLength = lengthOf(head, line);
      if (head.contentLength === -1 || hasTab(head, line)) return "bad-length";
    } else if (known === TRANSFER_ENCODING) {
      if (hasCoding) return "coding-repeated";
      if (!head.valueIs(line, CHUNKED) || hasTab(head, line)) return "bad-coding";
      hasCoding = true;
    } else if (known === CONNECTION) {
      said |= readConnection(head, line, optionCountMax);
      if (head.optionCount > optionCountMax) return "too-many-connection-options";
    } else if (known === UPGRADE_LINE) {
      hasUpgradeLine = true;
    }
  }
  if (hasCoding) {
    if (head.contentLength !== -1) return "length-and-coding";
    if (head.minorVersion === 0) return "coding-on-1.0";
    head.framing = Framing.chunked;
  } else if (head.contentLength > 0) {
    head.framing = Framing.length;
  }
  const isKept = head.minorVersion === 1 || (said & SAYS_KEEP_ALIVE) !== 0;
  head.keepAlive = isKept && (said & SAYS_CLOSE) === 0;
  head.isUpgrade = hasUpgradeLine && (said & SAYS_UPGRADE) !== 0 && head.minorVersion === 1;
  return null;
}

/**
 * Whether a tab stands before or behind the value. It may (RFC 9110 §5.6.3), but there are parsers that take it for a part
 * of the value, llhttp among them, and to those a line that is passed on as it came says something else.
 */
function hasTab(head: MessageHead, line: number): boolean {
  const { bytes } = head;
  for (let i = head.nameEnd(line) + 1; i < head.valueStart(line); i++) {
    if (bytes[i] === HTAB) return true;
  }
  let i = head.valueEnd(line);
  while (bytes[i] === SP) i++;
  return bytes[i] === HTAB;
}

/** The number of a Content-Length; -1 when it is not digits alone, or too many of them. */
function lengthOf(head: MessageHead, line: number): number {
  const start = head.valueStart(line);
  const end = head.valueEnd(line);
  if (end === start || end - start > LENGTH_DIGITS_MAX) return -1;
  let length = 0;
  for (let i = start; i < end; i++) {
    const digit = (head.bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return Number.isSafeInteger(length) ? length : -1;
}

/** Walks the members of a Connection line; those that are not tokens name nothing. */
function readConnection(head: MessageHead, line: number, optionCountMax: number): number {
  const { bytes } = head;
  const end = head.valueEnd(line);
  let said = 0;
  let i = head.valueStart(line);
  while (i < end && head.optionCount <= optionCountMax) {
    while (i < end && (bytes[i] === COMMA || bytes[i] === SP || bytes[i] === HTAB)) i++;
    const start = i;
    while (i < end && bytes[i] !== COMMA) i++;
    let last = i;
    while (last > start && (bytes[last - 1] === SP || bytes[last - 1] === HTAB)) last--;
    if (last === start) continue;
    if (equalsIgnoringCase(bytes, start, last, KEEP_ALIVE)) said |= SAYS_KEEP_ALIVE;
    else if (equalsIgnoringCase(bytes, start, last, CLOSE)) said |= SAYS_CLOSE;
    else if (equalsIgnoringCase(bytes, start, last, UPGRADE)) said |= SAYS_UPGRADE;
    else if (isAllOf(bytes, start, last, TOKEN)) head.addOption(start, last);
  }
  return said;
}
