// What an error of the driver means: SQLSTATE codes (PostgreSQL, appendix A), or no answer at all.
import { StoreUnavailable, WriteOutcomeUnknown } from "../store-errors.ts";

/**
 * By class, of SQLSTATE: connection exception (08), invalid authorization (28), no such database (3D), insufficient resources (53),
 * operator intervention (57), which has timeouts and shutdown in it, and system error (58).
 */
const UNAVAILABLE_CLASSES = new Set(["08", "28", "3D", "53", "57", "58"]);

/** Read-only: a standby. Idle in a transaction for too long. Serialization failure, deadlock, lock not available: overload. */
const UNAVAILABLE_CODES = new Set(["25006", "25P03", "25P04", "40001", "40P01", "55P03"]);

/** Errors of the driver and its pool, which have no code. */
const NO_ANSWER =
  /^(Connection terminated|Query read timeout|timeout exceeded|timeout expired|Client (was closed|has encountered)|Cannot use a pool after)/;

/** The error that callers of a store meet. */
export function storeError(error: unknown): unknown {
  if (error instanceof StoreUnavailable || error instanceof WriteOutcomeUnknown) return error;
  if (!isUnavailable(error)) return error;
  return new StoreUnavailable("the database cannot be used at the moment", { cause: error });
}

/** Whether the database did not do what it was asked because of its state, or did not answer. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== null) {
    return UNAVAILABLE_CLASSES.has(state.slice(0, 2)) || UNAVAILABLE_CODES.has(state);
  }
  return isNoAnswer(error);
}

function isNoAnswer(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // A system call's error, such as ECONNREFUSED.
  if ("syscall" in error && "code" in error) return true;
  return NO_ANSWER.test(error.message) || isNoAnswer(error.cause);
}

/** `query_timeout` has passed; the driver gives it no code. */
export function isSilence(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.message === "Query read timeout" || isSilence(error.cause);
}

/** The SQLSTATE of an error or of what caused it; null: the server did not answer it. */
export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { code, severity } = error as Error & { code?: unknown; severity?: unknown };
  if (typeof code === "string" && typeof severity === "string") return code;
  return sqlState(error.cause);
}
