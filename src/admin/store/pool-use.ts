// What a store says of its connections.

/** Connections to a database server at present. */
export interface PoolUse {
  /** `api`: calls, and whole states of the feed; `feed`: the rest of the feed, and what nodes say. */
  readonly name: "api" | "feed";
  readonly busy: number;
  readonly idle: number;
  /** Calls that wait for one. */
  readonly waiting: number;
}
