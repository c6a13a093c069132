// The head of a request as bytes, from the platform's header fields.
import { anticipatesContent, methodNamed } from "../../http1/method.ts";

/** How the end of a request's body is said. */
export type RequestFraming =
  /** There is none. */
  | "none"
  | "chunked"
  /** Its length in bytes. */
  | number;

/** Bytes of the body; -1: unknown. */
export function lengthIn(framing: RequestFraming): number {
  if (framing === "none") return 0;
  return framing === "chunked" ? -1 : framing;
}

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

/** The parts of a head. */
interface WholeRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Headers;
  readonly framing: RequestFraming;
  /** The body where it has arrived as a whole. */
  readonly held: Uint8Array | null;
  /** See `endsConnection`. */
  readonly isLast: boolean;
}

/** The head and the body behind it. Framing is said here alone. Null: something in it could be read as another message. */
export function requestBytes({
  method,
  target,
  headers,
  framing,
  held,
  isLast,
}: WholeRequest): Buffer | null {
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
  if (isLast) text += "connection: close\r\n";
  text += "\r\n";
  if (held === null) return Buffer.from(text, "latin1");
  const bytes = Buffer.allocUnsafe(text.length + held.length);
  bytes.write(text, 0, "latin1");
  bytes.set(held, text.length);
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
