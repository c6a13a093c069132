import type { HeaderReader } from "../routing/header-reader.ts";

/**
 * Shorter bodies of known length are not watched, which costs some 25 µs of CPU: those of requests are handed over natively,
 * those of responses are read as a whole. The latter could be native too, but the runtime prints whatever breaks a native one
 * off, with URL and query, and offers no hook to prevent it.
 */
const WATCHED_BODY_BYTES_MIN = 65_536;

/** The runtime joins lines of one name and lets equal lengths pass; two lengths must not be forwarded (RFC 9112 §6.3). */
export function hasTwoLengths(headers: HeaderReader): boolean {
  return headers.get("content-length")?.includes(",") ?? false;
}

/** The length that a response says its body has, in bytes; null: it says none, or the body lasts until it ends. */
export function statedLength(headers: HeaderReader): number | null {
  const length = headers.get("content-length");
  return length === null || headers.get("transfer-encoding") !== null ? null : Number(length);
}

/** Whether the body has a known length below the limit. With a transfer coding it lasts until it ends, whatever the length says. */
export function isShort(headers: HeaderReader): boolean {
  const length = statedLength(headers);
  return length !== null && length < WATCHED_BODY_BYTES_MIN;
}
