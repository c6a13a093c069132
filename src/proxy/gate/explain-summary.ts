import type { ExplainedGroup, Explanation } from "../../../proto/gen/realmgate/v1/explain_pb.ts";
import type { DecisionReason } from "../../policy/reason.ts";
import type { RefusalReason } from "./refusal.ts";

/** Groups that the sentence tells about; the whole list stands beside it. */
const groupsToldMax = 4;

/** The verdict in one sentence, without a full stop. `absence`: what `no_container` comes from. */
export function summaryOf(explanation: Explanation, absence: Absence | null): string {
  const { allow, status, reason } = explanation;
  const told =
    absence === null ? (SENTENCES[reason as Told]?.(explanation) ?? reason) : ABSENCES[absence];
  return `${allow ? "let through" : status}: ${told}`;
}

/** What explain can answer; the other reasons come from the network or from bytes that it does not imagine. */
type Told =
  | DecisionReason
  | "open"
  | Extract<
      RefusalReason,
      "bad_host" | "unknown_host" | "disabled" | "policy_error" | "no_upstream"
    >;

/** Why there is no container where the host leads. Clients of the proxy are not told which. */
export type Absence = keyof typeof ABSENCES;

const ABSENCES = {
  other_server: "the host names another server than the container's",
  other_project: "the host names another project than the container's",
  not_running: "the container is not running",
  no_address: "the container has no address: an operator says where the gate dials",
  undialled_address: "the container's address is not one that may be dialled",
};

const SENTENCES: Readonly<Record<Told, (explanation: Explanation) => string>> = {
  open: () => "no permission document is in force",
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

function looked(explanation: Explanation, isTold: (group: ExplainedGroup) => boolean): string {
  const { length } = explanation.groups;
  if (length === 0) {
    return "the document has no groups, and the default is deny";
  }
  const count = `${length} ${length === 1 ? "group" : "groups"} looked at`;
  return `${count}; ${joined(explanation, isTold)}`;
}

/** First what is to be told, then the rest, as far as there is room. */
function joined({ groups }: Explanation, isTold: (group: ExplainedGroup) => boolean): string {
  const first = groups.filter(isTold);
  const all = [...first, ...groups.filter((group) => !isTold(group))];
  const told = all.slice(0, groupsToldMax).map(clause);
  const left = all.length - told.length;
  return [...told, ...(left > 0 ? [`${left} more`] : [])].join("; ");
}

function clause({ name, matched, whyText, grants, ruleText }: ExplainedGroup): string {
  const conjunction = grants ? "and" : "but";
  return `\`${name}\` ${whyText}${matched && ruleText !== "" ? ` ${conjunction} ${ruleText}` : ""}`;
}

function others(explanation: Explanation): string {
  return explanation.groups.length === 0 ? "" : `; ${joined(explanation, () => true)}`;
}
