// A store as conformance suites open it, whatever keeps its data.
import type { Store } from "../../src/admin/store/store.ts";

/** A store on a place of its own that outlives it. */
export interface OpenStore extends AsyncDisposable {
  readonly store: Store;
  /** Closes the store and opens what it left behind. */
  reopen(): Promise<Store>;
  /** A user beside the first one; its id. */
  addUser(username: string): Promise<string>;
}

/** `now`: the clock that the store is given, in milliseconds. */
export type Open = (now: () => number) => Promise<OpenStore>;
