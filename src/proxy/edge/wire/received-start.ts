// What is there of a request's body when its head goes upstream.
import { Framing } from "../../../http1/message-head.ts";
import type { ParsedRequestHead } from "../../../http1/request-head.ts";
import { type BodyStart, endsConnection } from "../../upstream/unread-body.ts";

/** `early`: what came of the body, as it came; null: nothing. */
export function isLastOfConnection(lines: ParsedRequestHead, early: BodyStart | null): boolean {
  if (lines.framing === Framing.none) return false;
  const length = lines.framing === Framing.length ? lines.contentLength : -1;
  return endsConnection(lines.method, length, early);
}

/** The same of a body with a length that was not read yet: `behind` may have more than it. */
export function startOfBody(lines: ParsedRequestHead, behind: BodyStart | null): BodyStart | null {
  if (behind === null || lines.framing !== Framing.length) return null;
  return { ...behind, end: Math.min(behind.end, behind.start + lines.contentLength) };
}
