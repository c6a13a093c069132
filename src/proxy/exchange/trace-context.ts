/** The client's trace (W3C Trace Context): for finding requests in logs, never for deciding about them. */

const VERSION_END = 2;
const TRACE_ID_END = 35;
const PARENT_ID_END = 52;
const FLAGS_END = 55;
/** Later versions may append fields that are not defined yet; longer headers are malformed. */
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

/** Whether the client's part of a trace is recorded (Trace Context §3.2.2.5). Of a header that has a trace id. */
export function isSampled(traceparent: string | null): boolean {
  if (traceparent === null) return false;
  return (Number.parseInt(traceparent.slice(PARENT_ID_END + 1, FLAGS_END), 16) & 1) === 1;
}

/** The id of the client's span, 16 hex digits. Of a header that has a trace id. */
export function parentIdOf(traceparent: string | null): string {
  return traceparent?.slice(TRACE_ID_END + 1, PARENT_ID_END) ?? NO_PARENT_ID;
}

/** Keeps both headers of a trace; without a valid parent removes both: a state alone means nothing. */
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

/** All that is defined about later versions: a dash separates the flags from what follows. */
function isLaterVersion(text: string): boolean {
  return text[FLAGS_END] === "-" && /^[\x21-\x2b\x2d-\x7e]*$/.test(text.slice(FLAGS_END));
}

function isHexDigit(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 102);
}
