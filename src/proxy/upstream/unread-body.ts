// Bodies that an upstream may leave unread: what is left of one must not become a request that was never decided on.
import { anticipatesContent, type Method } from "../../http1/method.ts";
import { mayHoldRequest } from "../../http1/request-like.ts";

/** As much of a body as there is when its head is written. */
export interface BodyStart {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export function wholeBody(bytes: Uint8Array): BodyStart {
  return { bytes, start: 0, end: bytes.length };
}

/** There are programs that count bytes of a body in 32 bits. */
const LENGTH_MAX = 2_147_483_647;

/**
 * Whether the upstream's connection has to end with such a request, which says so (RFC 9112 §9.6). A server reads a body whole or
 * closes (§9.3); of many it is known that they do neither where a method has no use for content, and of some where nothing answers a
 * POST or where they know no chunks. `length`: bytes; -1: it comes in chunks; 0: there is no body. `body` null: none of it is there yet.
 */
export function endsConnection(method: Method, length: number, body: BodyStart | null): boolean {
  if (length === 0) return false;
  if (!anticipatesContent(method) || length === -1 || length > LENGTH_MAX || body === null) {
    return true;
  }
  const { bytes, start } = body;
  const whole = start + length;
  return mayHoldRequest(bytes, start, Math.min(body.end, whole), body.end >= whole);
}
