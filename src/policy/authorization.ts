import { hasControlCharacter } from "./field-syntax.ts";

/** What HTTP Basic carries (RFC 7617). The user name has no colon, the password may. */
export interface UserPassword {
  readonly username: string;
  readonly password: string;
}

const BEARER = /^bearer +/i;
const BASIC = /^basic +/i;
const ASCII = /^[\x20-\x7e]*$/;
const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What follows `Bearer` and one or more spaces, in any case (RFC 6750 §2.1); null under any other scheme. */
export function bearerToken(authorization: string): string | null {
  const length = BEARER.exec(authorization)?.[0].length;
  return length === undefined ? null : authorization.slice(length);
}

export function isBasic(authorization: string): boolean {
  return BASIC.test(authorization);
}

/**
 * The user name and password of HTTP Basic. Null unless it is strictly RFC 7617: base64 in the standard alphabet,
 * padded, canonical (RFC 4648 §3.5), nothing around it; UTF-8 without control characters; a colon.
 */
export function parseBasic(authorization: string): UserPassword | null {
  const scheme = BASIC.exec(authorization);
  if (scheme === null) {
    return null;
  }
  const text = decodeText(authorization.slice(scheme[0].length));
  const colon = text === null ? -1 : text.indexOf(":");
  if (text === null || colon === -1 || hasControlCharacter(text)) {
    return null;
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** There is one canonical base64 text for any bytes: encoding again must give the same. */
function decodeText(base64: string): string | null {
  try {
    const bytes = atob(base64);
    if (btoa(bytes) !== base64) {
      return null;
    }
    return ASCII.test(bytes)
      ? bytes
      : UTF_8.decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
  } catch {
    return null;
  }
}
