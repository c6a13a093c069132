// Health of a node that enforces something, with a database or without.
import type { Health } from "../ops.ts";
import type { Enforcement } from "../proxy/snapshot/enforcement.ts";

interface Known {
  /** Why nothing is followed, and what else is wrong, for people. */
  readonly problems: readonly string[];
  /** There is a feed, which should be readable. */
  readonly isFollowing: boolean;
  readonly draining: boolean;
}

export function gateHealth(
  { from, revision, heardAtMs, closed, failing }: Enforcement,
  { problems, isFollowing, draining }: Known,
): Health {
  return {
    draining,
    problems: [
      ...problems,
      ...(isFollowing && failing ? ["change feed cannot be read"] : []),
      ...(closed === null
        ? []
        : ["nothing is allowed: the control plane has been silent for too long"]),
    ],
    snapshot: { from, revision: Number(revision), heardAtMs, closed },
  };
}
