/** Which texts can occur in a request at all, so that a group that could never match is refused when it is written. */

/** RFC 9110 §5.6.2: names of header fields and of cookies. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §5.5: printable ASCII; the white space around a value is not part of it. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** RFC 6265 §4.1.1: cookie-octet. */
const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\x00-\x1f\x7f]/;

/** Headers that never carry a credential of ours: routing, framing, hop by hop (RFC 9110 §7.6.1), the cookies' own. */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "cookie",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
]);

/** Why this header name cannot be read for credentials; undefined when it can. */
export function headerNameProblem(name: string): string | undefined {
  if (!TOKEN.test(name)) {
    return "is not a header name";
  }
  return RESERVED_HEADERS.has(name.toLowerCase())
    ? "is a header that cannot carry a credential"
    : undefined;
}

/** RFC 9110 §5.6.2: what may be the name of a header field; Headers throws on anything else. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

export function isCookieName(name: string): boolean {
  return TOKEN.test(name);
}

export function isHeaderValue(value: string): boolean {
  return FIELD_VALUE.test(value);
}

export function isCookieValue(value: string): boolean {
  return COOKIE_VALUE.test(value);
}

/** RFC 7617 §2: neither user name nor password has control characters. */
export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}
