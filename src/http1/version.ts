/** HTTP versions: exactly `HTTP/1.0` and `HTTP/1.1` (RFC 9112 §2.3). */
import type { ParseErrorCode } from "./parse-error.ts";

const PREFIX = Buffer.from("HTTP/");
const LENGTH = 8;

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Why a span is not a version that is spoken here; null when it is. A version that exists elsewhere is told apart. */
export function versionError(bytes: Uint8Array, start: number, end: number): ParseErrorCode | null {
  if (end - start !== LENGTH) return "bad-version";
  for (let k = 0; k < PREFIX.length; k++) {
    if (bytes[start + k] !== PREFIX[k]) return "bad-version";
  }
  const major = bytes[start + 5];
  const minor = bytes[start + 7];
  if (bytes[start + 6] !== 0x2e || !isDigit(major) || !isDigit(minor)) return "bad-version";
  return major === 0x31 && (minor === 0x30 || minor === 0x31) ? null : "version-not-supported";
}
