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
