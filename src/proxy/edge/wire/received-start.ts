// What is there of a request's body when its head goes upstream.
import { LF } from "../../../http1/characters.ts";
import { Framing } from "../../../http1/message-head.ts";
import type { ParsedRequestHead } from "../../../http1/request-head.ts";
import { type BodyStart, endsConnection } from "../../upstream/unread-body.ts";

/** `early`: what came of the body, as it came; null: nothing. */
export function isLastOfConnection(lines: ParsedRequestHead, early: BodyStart | null): boolean {
  if (lines.framing === Framing.none) return false;
  if (lines.framing === Framing.length) {
    return endsConnection(lines.method, lines.contentLength, early);
  }
  return endsConnection(lines.method, -1, early === null ? null : behindChunkLine(early));
}

/** The same of a body that was not read yet: `behind` may have more than it. */
export function startOfBody(lines: ParsedRequestHead, behind: BodyStart | null): BodyStart | null {
  if (behind === null || lines.framing === Framing.none) return null;
  if (lines.framing === Framing.chunked) return behindChunkLine(behind);
  return { ...behind, end: Math.min(behind.end, behind.start + lines.contentLength) };
}

/** The bytes behind the first line. */
function behindChunkLine({ bytes, start, end }: BodyStart): BodyStart {
  const line = bytes.subarray(start, end).indexOf(LF);
  return { bytes, start: line === -1 ? end : start + line + 1, end };
}
