/** Whether bytes that follow a head could be taken for a request by a server that did not read them as a body. */
import { CLASS, CR, LF, TOKEN } from "./characters.ts";

/** No server knows a longer method. */
const METHOD_BYTES_MAX = 64;

/** What servers take for space around the words of a request line: RFC 9112 §3, and what languages split text at in ISO 8859-1. */
const IS_SPACE = new Uint8Array(256);
for (const byte of [0x09, LF, 0x0b, 0x0c, CR, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0]) {
  IS_SPACE[byte] = 1;
}

/**
 * False: whatever follows these bytes, they do not begin with a method and a space, perhaps behind empty lines (RFC 9112 §2.2). True
 * also where they are too few to tell.
 */
export function mayBeginRequest(bytes: Uint8Array, start: number, end: number): boolean {
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
