// Whether bytes that follow a head could be taken for a request by a server that did not read them as a body.
import { CLASS, CR, LF, TOKEN } from "./characters.ts";

/** No server knows a longer method. */
const METHOD_BYTES_MAX = 64;

/** What servers take for space around the words of a request line: RFC 9112 §3, and what languages split text at in ISO 8859-1. */
const IS_SPACE = new Uint8Array(256);
for (const byte of [0x09, LF, 0x0b, 0x0c, CR, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0]) {
  IS_SPACE[byte] = 1;
}

/** Bytes of a request's head that servers take: what begins further on in a body is none to them. */
const HEAD_BYTES_MAX = 65_536;

/** RFC 9112 §2.3; its letters are these. */
const VERSION = "HTTP/";

/**
 * Whether bytes that follow a head could be a request to a server that did not read them as a body: they begin with a method and a
 * space, or name a version of HTTP further on, for there are servers that take any word for a method, a line that they do not know
 * included. True also where there are too few of them to tell. `isWhole`: there are no more.
 */
export function mayHoldRequest(
  bytes: Uint8Array,
  start: number,
  end: number,
  isWhole: boolean,
): boolean {
  if (beginsLikeRequest(bytes, start, end)) return true;
  const stop = Math.min(end, start + HEAD_BYTES_MAX);
  if (!isWhole && stop === end) return true;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start).includes(VERSION);
}

/**
 * False: whatever follows these bytes, they do not begin with a method and a space, perhaps behind empty lines (RFC 9112 §2.2). True
 * also where they are too few to tell.
 */
export function beginsLikeRequest(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  while (i < end && IS_SPACE[bytes[i] as number] === 1) i++;
  const method = i;
  const stop = Math.min(end, method + METHOD_BYTES_MAX);
  while (i < stop && ((CLASS[bytes[i] as number] as number) & TOKEN) !== 0) i++;
  if (i === end) return true;
  const byte = bytes[i] as number;
  const isMethod = i > method && i - method < METHOD_BYTES_MAX;
  return isMethod && IS_SPACE[byte] === 1 && byte !== CR && byte !== LF;
}
