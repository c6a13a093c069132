/** Why the policy answered as it did: rows 5 to 9 of the decision table (design.md §4). */
export const DECISION_REASONS = [
  "granted",
  "not_granted",
  "default_allow",
  "unauthenticated",
  "denied",
] as const;

/** One of the reasons that come from a permission document. */
export type DecisionReason = (typeof DECISION_REASONS)[number];

/**
 * The closed list of reasons of any answer of the proxy: rows 1 to 4 come before a policy is asked, the rest from
 * carrying out what was allowed. The edge adds the reasons of its own here.
 */
export type Reason =
  | DecisionReason
  | "bad_host"
  | "unknown_host"
  | "no_container"
  | "disabled"
  | "open"
  | "no_upstream"
  | "policy_error"
  | "upstream_unreachable"
  | "upstream_timeout";
