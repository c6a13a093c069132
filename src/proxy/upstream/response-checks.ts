// What is checked of an upstream's response before it is passed on.
import type { HeaderReader } from "../routing/header-reader.ts";
import { hasTwoLengths, isShort } from "./framing.ts";

/** Statuses whose responses have no body, whatever their header fields say (RFC 9110 §15.3.5, §15.3.6, §15.4.5). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

export function hasNoBody(status: number): boolean {
  return WITHOUT_BODY.has(status);
}

/** Whether it is the status of a final response; 101 was not asked for. */
export function isFinalStatus(status: number): boolean {
  return status >= 200 && status <= 599;
}

/**
 * Whether the response states in two ways where its body ends, or has a transfer coding besides `chunked`, which the runtime
 * would leave in the body (RFC 9112 §6.1, §6.3). Bytes after such a response may be anything.
 */
export function isAmbiguous(headers: HeaderReader): boolean {
  const coding = headers.get("transfer-encoding");
  return coding === null
    ? hasTwoLengths(headers)
    : headers.get("content-length") !== null || coding.toLowerCase() !== "chunked";
}

/** Whether its body is read as a whole before it is passed on. One without a type, or an empty one, is not: the runtime would invent a type. */
export function isTakenWhole(
  method: string,
  { status, headers }: { readonly status: number; readonly headers: HeaderReader },
): boolean {
  return (
    method !== "HEAD" &&
    !hasNoBody(status) &&
    isShort(headers) &&
    (headers.get("content-type") ?? "") !== ""
  );
}
