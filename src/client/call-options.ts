// Options of every operation.
import type { Answer } from "./http.ts";

/** Restricts any call to one realm, in addition to the realm of the host. */
export interface RealmFilter {
  readonly realm_id?: string | undefined;
}

export interface CallOptions<Query = unknown> {
  /**
   * Version that the write is based on, `file:v<N>`: when it is no longer the current one, the server refuses with 412
   * PRECONDITION_FAILED. `"latest"`: the current version; the last writer wins. Unset: the version that the body carries if
   * it is an answer that was read before, else `"latest"`.
   */
  readonly ifMatch?: "latest" | (string & {}) | null | undefined;
  /** Query parameters of operations without a query argument. */
  readonly query?: (Query & RealmFilter) | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

/**
 * A document to write: the document itself, or a whole answer that was read. Fields spelled beside a spread answer override it:
 * `{...answer, default: "deny"}`.
 */
export type Sendable<T> = T | (Answer<T> & Partial<T>);
