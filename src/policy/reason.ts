/** Why the policy answered as it did: the rows on groups in the README's table (One request). */
export const DECISION_REASONS = [
  "granted",
  "not_granted",
  "default_allow",
  "unauthenticated",
  "denied",
] as const;

/** One of the reasons that come from a permission document. */
export type DecisionReason = (typeof DECISION_REASONS)[number];
