// What every operation takes beside what it is about.
import type { Answer } from "./http.ts";

/** Narrows any call to what is in a realm, beside the realm of the host (contract A9). */
export interface RealmFilter {
  readonly realm_id?: string | undefined;
}

export interface CallOptions<Query = unknown> {
  /**
   * The version that the write was made from, `file:v<N>`: refused with 412 PRECONDITION_FAILED when it is no longer the
   * present one. `"latest"`: whatever the present one is; the last writer wins. Unset: the version that the body carries
   * when it is an answer that was read before, else as `"latest"`.
   */
  readonly ifMatch?: "latest" | (string & {}) | null | undefined;
  /** What the query says, where it is not an argument of its own. */
  readonly query?: (Query & RealmFilter) | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

/**
 * What a document can be written from: itself, or a whole answer as it was read. What is spelled beside a spread answer
 * counts: `{...answer, default: "deny"}`.
 */
export type Sendable<T> = T | (Answer<T> & Partial<T>);
