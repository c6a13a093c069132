/** Classes of bytes, as bits of one table: RFC 9110 §5.5 and §5.6.2, RFC 3986 §3.2. */

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const QUOTE = 0x22;
export const ASTERISK = 0x2a;
export const COMMA = 0x2c;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const QUESTION = 0x3f;
export const BACKSLASH = 0x5c;

/** A byte of a token: methods, field names, connection options. */
export const TOKEN = 1;
/** A byte of a field value or a reason: HTAB, SP, visible ASCII, obs-text. */
export const VALUE = 2;
/**
 * A byte of a request target: visible ASCII but `#`, and obs-text. Wider than RFC 3986, because clients send quotes,
 * braces and raw UTF-8, and whoever signed them needs them kept; no byte of it can end the target.
 */
export const TARGET = 4;
/** A byte of a host and port (RFC 3986: reg-name, IP-literal, `:` and digits). */
export const HOST = 8;

export const CLASS: Uint8Array = new Uint8Array(256);

for (let byte = 0; byte < 256; byte++) {
  const isVisible = byte > SP && byte < 0x7f;
  const isObsText = byte >= 0x80;
  if (isVisible || isObsText || byte === SP || byte === HTAB) CLASS[byte] = VALUE;
  if ((isVisible && byte !== 0x23) || isObsText) CLASS[byte] = (CLASS[byte] as number) | TARGET;
}

function mark(bytes: string, bit: number): void {
  for (const byte of Buffer.from(bytes)) CLASS[byte] = (CLASS[byte] as number) | bit;
}

const ALPHANUMERIC = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
mark(`${ALPHANUMERIC}!#$%&'*+-.^_\`|~`, TOKEN);
mark(`${ALPHANUMERIC}-._~!$&'()*+,;=:%[]`, HOST);

/** What a hexadecimal digit is worth; -1 for other bytes. */
export const HEX_VALUE: Int8Array = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  HEX_VALUE[digit.toString(16).charCodeAt(0)] = digit;
  HEX_VALUE[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** Whether every byte of a span is of a class. */
export function isAllOf(bytes: Uint8Array, start: number, end: number, bit: number): boolean {
  for (let i = start; i < end; i++) {
    if (((CLASS[bytes[i] as number] as number) & bit) === 0) return false;
  }
  return true;
}

/** Whether a span reads as `lower`, letters of either case being the same. `lower` has no upper-case letter. */
export function equalsIgnoringCase(
  bytes: Uint8Array,
  start: number,
  end: number,
  lower: Uint8Array,
): boolean {
  if (end - start !== lower.length) return false;
  for (let k = 0; k < lower.length; k++) {
    const byte = bytes[start + k] as number;
    const wanted = lower[k] as number;
    // Only letters have a second spelling: `|0x20` alone would take CR for `-`.
    if (byte !== wanted && (wanted < 0x61 || wanted > 0x7a || (byte | 0x20) !== wanted))
      return false;
  }
  return true;
}
