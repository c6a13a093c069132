import type { ExplainedGroup, Explanation } from "../../../proto/gen/realmgate/v1/explain_pb.ts";
import type { DecisionReason } from "../../policy/reason.ts";
import type { RefusalReason } from "./refusal.ts";

/** The most groups that the sentence describes; the explanation lists all. */
const groupsDescribedMax = 4;

/** The result in one sentence, without a full stop. `absence`: the cause of `no_container`. */
export function summaryOf(explanation: Explanation, absence: Absence | null): string {
  const { allow, status, reason } = explanation;
  const cause =
    absence === null
      ? (SENTENCES[reason as Explainable]?.(explanation) ?? reason)
      : ABSENCES[absence];
  return `${allow ? "let through" : status}: ${cause}`;
}

/** The reasons that explain can give; the others come from the network or from bytes that it does not imagine. */
type Explainable =
  | DecisionReason
  | "open"
  | "preflight"
  | Extract<
      RefusalReason,
      "bad_host" | "unknown_host" | "disabled" | "policy_error" | "no_upstream"
    >;

/** Why there is no container where the host leads. Clients of the proxy do not learn which. */
export type Absence = keyof typeof ABSENCES;

const ABSENCES = {
  other_server: "the host names another server than the container's",
  other_project: "the host names another project than the container's",
  not_running: "the container is not running",
  no_address: "the container has no address: an operator says where the gate dials",
  undialled_address: "the container's address is not one that may be dialled",
};

const SENTENCES: Readonly<Record<Explainable, (explanation: Explanation) => string>> = {
  open: () => "no permission document is in force",
  preflight: ({ judgedAs }) =>
    `a CORS preflight, sent on without credentials because some could open ${target(judgedAs)}`,
  granted: (explanation) => joined(explanation, ({ matched }) => matched),
  default_allow: (explanation) =>
    `no group matches, and the default is allow${others(explanation)}`,
  not_granted: (explanation) => looked(explanation, ({ matched }) => matched),
  unauthenticated: (explanation) => looked(explanation, () => true),
  denied: (explanation) => looked(explanation, () => true),
  bad_host: () => "the host is malformed",
  unknown_host: ({ judgedAs }) =>
    judgedAs === undefined
      ? "the host leads nowhere: it is outside the grammar, or its alias is unknown, disabled or expired"
      : "the alias leads to its own path only",
  disabled: ({ enableProxy }) =>
    `the ${enableProxy ? "project" : "container"}'s kill switch is thrown (enable_proxy is false)`,
  policy_error: () => "the permission document in force cannot be applied",
  no_upstream: ({ judgedAs }) =>
    `it would be let through, but no port leads to ${target(judgedAs)} here`,
};

function target(judged: Explanation["judgedAs"]): string {
  return judged === undefined ? "the program" : `${judged.program} ${judged.instance}`;
}

function looked(explanation: Explanation, isRelevant: (group: ExplainedGroup) => boolean): string {
  const { length } = explanation.groups;
  if (length === 0) {
    return "the document has no groups, and the default is deny";
  }
  const count = `${length} ${length === 1 ? "group" : "groups"} looked at`;
  return `${count}; ${joined(explanation, isRelevant)}`;
}

/** First the groups that `isRelevant` selects, then the others, up to the limit. */
function joined({ groups }: Explanation, isRelevant: (group: ExplainedGroup) => boolean): string {
  const first = groups.filter(isRelevant);
  const all = [...first, ...groups.filter((group) => !isRelevant(group))];
  const described = all.slice(0, groupsDescribedMax).map(clause);
  const left = all.length - described.length;
  return [...described, ...(left > 0 ? [`${left} more`] : [])].join("; ");
}

function clause({ name, matched, whyText, grants, ruleText }: ExplainedGroup): string {
  const conjunction = grants ? "and" : "but";
  return `\`${name}\` ${whyText}${matched && ruleText !== "" ? ` ${conjunction} ${ruleText}` : ""}`;
}

function others(explanation: Explanation): string {
  return explanation.groups.length === 0 ? "" : `; ${joined(explanation, () => true)}`;
}
