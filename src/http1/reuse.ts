/** When a connection to an upstream may carry another request (RFC 9112 §9.3). */
import type { BodyDecoder } from "./body-decoder.ts";
import { Known } from "./known-header.ts";
import { Framing } from "./message-head.ts";
import type { ResponseHead } from "./response-head.ts";

/**
 * Whether a pool may keep the connection on which this response came: it may go on, its end is known, the body has come
 * whole, and not one byte came behind it. `bytesAfter` is how many of the last chunk were left at `body.consumed`; bytes
 * that come later, while the connection is idle, are an error of the parser (`unasked`). The request has to be written
 * whole as well, which only the caller knows. A response that names a body which must not come (to HEAD, or 304) ends it, too:
 * there are servers that send that body, and it would be read as the next response.
 */
export function mayReuse(head: ResponseHead, body: BodyDecoder, bytesAfter: number): boolean {
  return (
    head.keepAlive &&
    head.framing < Framing.untilClose &&
    body.isEnded &&
    bytesAfter === 0 &&
    !(head.framing === Framing.none && namesBody(head))
  );
}

function namesBody(head: ResponseHead): boolean {
  return head.contentLength > 0 || head.find(Known["transfer-encoding"]) !== -1;
}
