// Whether a failed call is made again, and after how long.
import { ApiError, NetworkError } from "./errors.ts";

/** The longest wait before another attempt, in milliseconds; a server that asks for more gets its refusal handed on. */
export const waitMsMax = 10_000;
/** The first wait without a Retry-After; each further one may be twice as long. */
const backoffMs = 100;

/** Refusals that pass: too many calls, and what stands between us and the server. */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * Milliseconds to wait before attempt `attempt` + 1 (attempts count from 1) of a safe call; null: give up.
 * `random`: [0, 1), so that many clients do not come back at once.
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

/** `Retry-After` (RFC 9110 §10.2.3), seconds or a date, → seconds from `nowMs`; null: none, or not to be read. */
export function retryAfterS(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  // Dates are read generously: "-5" is one. What is sent begins with the day.
  const at = /^[A-Z][a-z]/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - nowMs) / 1000));
}
