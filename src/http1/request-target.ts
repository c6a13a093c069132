/** Which form a request target has (RFC 9112 §3.2). Bytes are checked against the form and never changed. */
import {
  ASTERISK,
  COLON,
  equalsIgnoringCase,
  HOST,
  isAllOf,
  QUESTION,
  SLASH,
} from "./characters.ts";
import { Method } from "./method.ts";
import { type ParsedRequestHead, TargetForm } from "./request-head.ts";

const HTTP = Buffer.from("http://");
const HTTPS = Buffer.from("https://");

/** Fills in form, authority and path; answers whether the target is one that the method may have. */
export function readTarget(head: ParsedRequestHead): boolean {
  const { bytes, targetStart: start, targetEnd: end } = head;
  const isConnect = head.method === Method.CONNECT;
  head.authorityStart = start;
  head.authorityEnd = start;
  head.pathStart = start;
  if (bytes[start] === SLASH) {
    head.targetForm = TargetForm.origin;
    return !isConnect;
  }
  if (isConnect) {
    head.targetForm = TargetForm.authority;
    head.authorityEnd = end;
    head.pathStart = end;
    return isHostAndPort(bytes, start, end);
  }
  if (bytes[start] === ASTERISK && end - start === 1) {
    head.targetForm = TargetForm.asterisk;
    return head.method === Method.OPTIONS;
  }
  head.targetForm = TargetForm.absolute;
  const authorityStart = schemeEnd(bytes, start, end);
  let i = authorityStart;
  while (i < end && bytes[i] !== SLASH && bytes[i] !== QUESTION) i++;
  head.authorityStart = authorityStart;
  head.authorityEnd = i;
  head.pathStart = i;
  return (
    authorityStart !== start && i !== authorityStart && isAllOf(bytes, authorityStart, i, HOST)
  );
}

/** Behind `http://` or `https://`; `start` when there is neither. */
function schemeEnd(bytes: Uint8Array, start: number, end: number): number {
  for (const scheme of [HTTP, HTTPS]) {
    const behind = start + scheme.length;
    if (behind <= end && equalsIgnoringCase(bytes, start, behind, scheme)) return behind;
  }
  return start;
}

function isHostAndPort(bytes: Uint8Array, start: number, end: number): boolean {
  let port = end;
  while (
    port > start &&
    (bytes[port - 1] as number) >= 0x30 &&
    (bytes[port - 1] as number) <= 0x39
  ) {
    port--;
  }
  return (
    port !== end &&
    port - 1 > start &&
    bytes[port - 1] === COLON &&
    isAllOf(bytes, start, port - 1, HOST)
  );
}
