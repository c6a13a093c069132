// What a connection knows of whoever keeps it, which is a pool.

import type { ReadTurns } from "../../../guard/read-turns.ts";
import type { Limits } from "../../../http1/limits.ts";

/** Who keeps connections of the kind `C`. */
export interface ConnectionKeeper<C> {
  readonly limits: Limits;
  readonly turns: ReadTurns;
  /** How long a connection may be idle, in milliseconds. */
  readonly idleMs: number;
  /** The connection is idle and may carry any client's request. */
  released(connection: C): void;
  /** It is closed, or given up before it was connected. */
  closed(connection: C): void;
  /** Its upstream sent bytes that were not asked for, and may do so on other connections when they serve somebody else. */
  outOfStep(connection: C): void;
  /** A receiver threw. */
  threw(error: unknown): void;
}
