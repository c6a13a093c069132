// Whether and when a failed call is retried.
import { ApiError, NetworkError } from "./errors.ts";

/** Longest delay before a retry, in milliseconds. When the server asks for more, the call fails. */
export const waitMsMax = 10_000;
/** First delay without Retry-After, in milliseconds; doubles with each attempt. */
const backoffMs = 100;

/** Temporary refusals: rate limits, and failures of proxies in between. */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * Milliseconds to wait after attempt number `attempt` (from 1) of a safe call; null: give up. `random` in [0, 1) spreads the
 * retries of many clients.
 */
export function waitMs(failure: unknown, attempt: number, random: number): number | null {
  const backoff = Math.min(backoffMs * 2 ** (attempt - 1), waitMsMax) * (0.5 + random / 2);
  if (failure instanceof NetworkError) {
    return failure.kind === "refused" || failure.kind === "other" ? backoff : null;
  }
  if (!(failure instanceof ApiError) || !passing.has(failure.statusCode)) return null;
  const asked = (failure.retryAfterS ?? 0) * 1000;
  return asked > waitMsMax ? null : Math.max(asked, backoff);
}

/** `Retry-After` (RFC 9110 §10.2.3), seconds or a date, → seconds from `nowMs`; null: absent or malformed. */
export function retryAfterS(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  // Date.parse accepts almost anything, even "-5". An HTTP date begins with the name of the day.
  const at = /^[A-Z][a-z]/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - nowMs) / 1000));
}
