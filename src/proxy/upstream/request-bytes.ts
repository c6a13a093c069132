// The head of a request as bytes, from the platform's header fields.
import { anticipatesContent, methodNamed } from "../../http1/method.ts";

/** How the end of a request's body is said. */
export type RequestFraming =
  /** There is none. */
  | "none"
  | "chunked"
  /** Its length in bytes. */
  | number;

/** What a request target may have: visible ASCII. */
const TARGET = /^[\x21-\x7e]+$/;
/** What a field value may not have (RFC 9110 §5.5), whatever the platform let through. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/;

export function isSafeTarget(target: string): boolean {
  return TARGET.test(target);
}

export function isSafeValue(value: string): boolean {
  return !BAD_VALUE.test(value);
}

/**
 * Whether an upstream may not read such a body and would take it for a request that was never decided on: its connection ends
 * with this request, and the head says so (RFC 9112 §9.6).
 */
export function endsConnection(method: string, framing: RequestFraming): boolean {
  return framing !== "none" && framing !== 0 && !anticipatesContent(methodNamed(method));
}

/** The head and `body` behind it. Framing is said here alone. Null: something in it could be read as another message. */
export function requestBytes(
  method: string,
  target: string,
  headers: Headers,
  framing: RequestFraming,
  body: Uint8Array | null,
): Buffer | null {
  if (!TARGET.test(target)) return null;
  let text = `${method} ${target} HTTP/1.1\r\n`;
  let hasHost = false;
  for (const [name, value] of headers) {
    if (name === "content-length" || name === "transfer-encoding") continue;
    if (BAD_VALUE.test(value)) return null;
    hasHost ||= name === "host";
    text += `${name}: ${value}\r\n`;
  }
  if (!hasHost) return null;
  if (framing === "chunked") text += "transfer-encoding: chunked\r\n";
  else if (framing !== "none") text += `content-length: ${framing}\r\n`;
  // Of these methods requests say that they have no body (RFC 9110 §8.6).
  else if (anticipatesContent(methodNamed(method))) text += "content-length: 0\r\n";
  if (endsConnection(method, framing)) text += "connection: close\r\n";
  text += "\r\n";
  if (body === null) return Buffer.from(text, "latin1");
  const bytes = Buffer.allocUnsafe(text.length + body.length);
  bytes.write(text, 0, "latin1");
  bytes.set(body, text.length);
  return bytes;
}

/** A chunk of a chunked body: size line, bytes, line end. */
export function chunkBytes(payload: Uint8Array): Buffer {
  const line = `${payload.length.toString(16)}\r\n`;
  const bytes = Buffer.allocUnsafe(line.length + payload.length + 2);
  bytes.write(line, 0, "latin1");
  bytes.set(payload, line.length);
  bytes.write("\r\n", line.length + payload.length, "latin1");
  return bytes;
}

/** The last chunk, without trailers. */
export const LAST_CHUNK = Buffer.from("0\r\n\r\n");
