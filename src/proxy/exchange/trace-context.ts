/** Where a request stands in a trace of its client (W3C Trace Context): a name to find things by, never a reason to decide. */

const VERSION_END = 2;
const TRACE_ID_END = 35;
const PARENT_ID_END = 52;
const FLAGS_END = 55;
/** Parts that nobody has defined yet may follow in later versions; longer ones are nobody's. */
const CHARACTERS_MAX = 128;

const NO_TRACE_ID = "0".repeat(32);
const NO_PARENT_ID = "0".repeat(16);

/**
 * The trace id (32 lower-case hex digits) of a `traceparent` header; null when it is absent or malformed (Trace Context §3.2:
 * upper case, zeros only, version ff, version 00 with anything after its flags). Two headers arrive joined, so they are malformed.
 */
export function traceId(traceparent: string | null): string | null {
  if (traceparent === null || !isTraceparent(traceparent)) {
    return null;
  }
  const id = traceparent.slice(VERSION_END + 1, TRACE_ID_END);
  const parent = traceparent.slice(TRACE_ID_END + 1, PARENT_ID_END);
  return id === NO_TRACE_ID || parent === NO_PARENT_ID ? null : id;
}

/** Leaves both headers as they came when they belong to a trace; otherwise both go: a state without a parent says nothing. */
export function keepTrace(headers: Headers, id: string | null): void {
  if (id === null) {
    headers.delete("traceparent");
    headers.delete("tracestate");
  }
}

function isTraceparent(text: string): boolean {
  if (text.length < FLAGS_END || text.length > CHARACTERS_MAX) {
    return false;
  }
  for (let i = 0; i < FLAGS_END; i++) {
    const isDash = i === VERSION_END || i === TRACE_ID_END || i === PARENT_ID_END;
    if (isDash ? text.charCodeAt(i) !== 45 : !isHexDigit(text.charCodeAt(i))) {
      return false;
    }
  }
  if (text.startsWith("ff")) {
    return false;
  }
  return text.length === FLAGS_END || (!text.startsWith("00") && isLaterVersion(text));
}

/** Of what follows the flags only this is known: that a dash parts it from them. */
function isLaterVersion(text: string): boolean {
  return text[FLAGS_END] === "-" && /^[\x21-\x2b\x2d-\x7e]*$/.test(text.slice(FLAGS_END));
}

function isHexDigit(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 102);
}
