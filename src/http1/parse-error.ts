/**
 * Why bytes are not HTTP/1.1 (RFC 9112). Errors are prepared objects: the parsers hand them out and never throw. After
 * any of them the border of the next message is unknown, so the connection must close.
 */

/** Each code with the status that answers a request that has it, and its meaning. */
const CODES = {
  "bad-method": [400, "The method is not a token"],
  "method-too-long": [501, "The method is too long"],
  "bad-target": [
    400,
    "The request target has none of the four forms, or a byte that none may have",
  ],
  "target-too-long": [414, "The request target is too long"],
  "bad-version": [400, "The version is not HTTP/1.x"],
  "version-not-supported": [505, "Only HTTP/1.0 and HTTP/1.1 are supported"],
  "bad-status": [400, "The status is not three digits from 100 to 999"],
  "bare-lf": [400, "A line ends in LF without CR"],
  "bare-cr": [400, "A CR is not followed by LF"],
  "control-byte": [400, "A control byte in a field value or a reason"],
  "obs-fold": [400, "A field line begins with white space"],
  "space-before-colon": [400, "White space between a field name and its colon"],
  "empty-name": [400, "A field line has no name"],
  "bad-name": [400, "A field name is not a token"],
  "no-colon": [400, "A field line has no colon"],
  "head-too-large": [431, "The head is too large"],
  "too-many-lines": [431, "Too many field lines"],
  "too-many-connection-options": [431, "Too many connection options"],
  "host-missing": [400, "HTTP/1.1 without Host"],
  "host-repeated": [400, "More than one Host line"],
  "bad-host": [400, "Host has a byte that no host and port can have"],
  "bad-length": [400, "Content-Length is not a number that is safe to count to"],
  "length-repeated": [400, "More than one Content-Length line"],
  "length-and-coding": [400, "Both Content-Length and Transfer-Encoding"],
  "bad-coding": [400, "Transfer-Encoding is not exactly chunked"],
  "coding-repeated": [400, "More than one Transfer-Encoding line"],
  "coding-on-1.0": [400, "Transfer-Encoding on HTTP/1.0"],
  "bad-chunk-size": [400, "A chunk size is not hexadecimal digits alone"],
  "chunk-too-large": [400, "A chunk is too large, or its size has too many digits"],
  "bad-chunk-extension": [400, "A chunk extension is malformed"],
  "chunk-extensions-too-large": [400, "The chunk extensions are too large"],
  "bad-chunk-end": [400, "The data of a chunk is not followed by CRLF"],
  "trailers-too-large": [431, "The trailer section is too large"],
  "framing-in-trailers": [400, "Content-Length or Transfer-Encoding in a trailer section"],
  truncated: [400, "The connection ended inside a message"],
  unasked: [400, "Bytes of a response that no request asked for"],
  "unasked-switch": [400, "101 Switching Protocols without a request for it"],
  "too-many-interim": [400, "Too many interim responses"],
} as const;

export type ParseErrorCode = keyof typeof CODES;

export const PARSE_ERROR_CODES: readonly ParseErrorCode[] = Object.keys(CODES) as ParseErrorCode[];

export interface ParseError {
  readonly code: ParseErrorCode;
  /** What a server answers, where it still can: the request's own status, or 502 for a response of an upstream. */
  readonly status: number;
  /** One English sentence without its full stop; it has no bytes of the message in it. */
  readonly message: string;
  /** The border of the next message is unknown. */
  readonly mustClose: true;
}

export type ParseErrors = Readonly<Record<ParseErrorCode, ParseError>>;

function errorsWith(statusOf: (own: number) => number): ParseErrors {
  const table: Partial<Record<ParseErrorCode, ParseError>> = Object.create(null);
  for (const [code, [status, message]] of Object.entries(CODES)) {
    const key = code as ParseErrorCode;
    table[key] = Object.freeze({ code: key, status: statusOf(status), message, mustClose: true });
  }
  return Object.freeze(table as ParseErrors);
}

/** Errors of what a client sent. */
export const REQUEST_ERRORS: ParseErrors = errorsWith((status) => status);
/** Errors of what an upstream sent: the client did nothing wrong. */
export const RESPONSE_ERRORS: ParseErrors = errorsWith(() => 502);
