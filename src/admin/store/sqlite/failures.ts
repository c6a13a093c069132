// What an error of SQLite means for whoever asked.
import { StorageFull, StoreUnavailable, WriteOutcomeUnknown } from "../store-errors.ts";

/** The error that callers of a store meet. */
export function storeError(error: unknown): unknown {
  if (error instanceof WriteOutcomeUnknown) return error;
  const code = codeOf(error);
  // SQLite takes the transaction back in each of these cases.
  if (code === "SQLITE_FULL") return new StorageFull({ cause: error });
  if (code.startsWith("SQLITE_READONLY") || code === "SQLITE_BUSY") {
    return new StoreUnavailable("the database cannot be written at the moment", { cause: error });
  }
  return error;
}

export function isFull(error: unknown): boolean {
  return error instanceof StorageFull || codeOf(error) === "SQLITE_FULL";
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const { code } = error as Error & { readonly code?: unknown };
  return typeof code === "string" ? code : codeOf(error.cause);
}
