// What a connection of a client is at.

/** A request may come. */
export const HEAD = 0;
/** A request has come; its connection has had its share of this turn. */
export const PACED = 1;
/** A request is being answered. */
export const EXCHANGE = 2;
/** The response waits for the client to read it. */
export const FLUSHING = 3;
/** How long a client that has half-closed may get nothing of its response before it counts as gone, in milliseconds. */
export const HALF_CLOSED_MS = 2_000;
