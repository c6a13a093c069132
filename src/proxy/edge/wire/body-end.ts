// The end of a body in chunks, as it goes to a client (RFC 9112 §7.1).
import type { HeadWriter } from "../../../http1/head-writer.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import { DEFAULT_LIMITS } from "../../../http1/limits.ts";
import { Passing } from "./client-head.ts";

const LAST_CHUNK = Buffer.from("0\r\n\r\n");
/** A trailer section as it is written: its own limit, and an octet more for each line. */
const END_BYTES_MAX = DEFAULT_LIMITS.trailerBytesMax + 512;

/** Whether the end of a body fits behind what was written. */
export function fitsBodyEnd(writer: HeadWriter): boolean {
  return writer.fits(END_BYTES_MAX);
}

/** The last chunk of ours; of an upstream's that passes as it came, what is kept of its trailers. */
export function writeBodyEnd(writer: HeadWriter, passing: Passing, trailers: HeaderLines): void {
  if (passing === Passing.inChunks) writer.bytes(LAST_CHUNK);
  else writer.keptLines(trailers).crlf();
}
