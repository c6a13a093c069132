import { covers, type GroupSet, isEmpty, members, union } from "./bitset.ts";
import type { CompiledPolicy } from "./compile.ts";
import { grantingOf, isGrantedToAny } from "./grant-table.ts";
import type { Identity } from "./identify.ts";
import type { DecisionReason } from "./reason.ts";

/** The answer of a permission document to a request. `challenge` is the scheme that a 401 asks for. */
export type Decision =
  | {
      readonly allow: true;
      readonly reason: Extract<DecisionReason, "granted">;
      /** The matching groups that grant it: at least one. `grantingGroups` names them. */
      readonly groups: GroupSet;
    }
  | { readonly allow: true; readonly reason: Extract<DecisionReason, "default_allow"> }
  | {
      readonly allow: false;
      readonly reason: Extract<DecisionReason, "not_granted" | "unauthenticated" | "denied">;
      readonly status: 401 | 403;
      readonly challenge: "basic" | "bearer" | null;
    };

const DEFAULT_ALLOW: Decision = Object.freeze({ allow: true, reason: "default_allow" });
const NOT_GRANTED = refusal("not_granted", 403, null);
const DENIED = refusal("denied", 403, null);
/** A login prompt helps: a group that needs a credential grants this. */
const NOT_GRANTED_YET = {
  basic: refusal("not_granted", 401, "basic"),
  bearer: refusal("not_granted", 401, "bearer"),
};
const UNAUTHENTICATED = {
  basic: refusal("unauthenticated", 401, "basic"),
  bearer: refusal("unauthenticated", 401, "bearer"),
};

/**
 * Decides whether this identity may reach (program, instance). The rows on groups in the README's table (One request); `program` is
 * canonical, `instance` an integer from 1 to 65,535. A refusal allocates nothing.
 */
export function decide(
  policy: CompiledPolicy,
  identity: Identity,
  program: string,
  instance: number,
): Decision {
  const { groups } = identity;
  const matched = policy.combineAll ? matchesAll(policy, identity) : !isEmpty(groups);
  if (matched) {
    const { grants, allGroups, credentialGroups, combineAll } = policy;
    const granting = grantingOf(grants, groups, program, instance);
    if (granting !== null && (!combineAll || covers(granting, allGroups))) {
      return { allow: true, reason: "granted", groups: granting };
    }
    const promptHelps =
      !identity.presented && isGrantedToAny(grants, credentialGroups, program, instance);
    return promptHelps ? NOT_GRANTED_YET[policy.challenge] : NOT_GRANTED;
  }
  if (policy.openByDefault) {
    return DEFAULT_ALLOW;
  }
  return policy.asksForCredentials ? UNAUTHENTICATED[policy.challenge] : DENIED;
}

/**
 * Whether this client could be granted (program, instance) if it presented credentials: with every group that one can match,
 * and the ip groups that match its address. An address that is kept out stays out.
 */
export function couldBeGranted(
  policy: CompiledPolicy,
  identity: Identity,
  program: string,
  instance: number,
): boolean {
  const groups = union(identity.groups, policy.credentialGroups);
  return decide(policy, { ...identity, groups }, program, instance).allow;
}

/**
 * Names of the groups that granted, in the document's order; for X-Realmgate-Groups. Empty when no group did. `decision` is
 * one of this policy.
 */
export function grantingGroups(policy: CompiledPolicy, decision: Decision): readonly string[] {
  return decision.reason === "granted"
    ? members(decision.groups).map((group) => policy.groupNames[group] ?? "")
    : [];
}

/** Combine "all": every group of the document matches, and there is at least one. */
function matchesAll({ allGroups }: CompiledPolicy, { groups }: Identity): boolean {
  return !isEmpty(allGroups) && covers(groups, allGroups);
}

function refusal(
  reason: Extract<DecisionReason, "not_granted" | "unauthenticated" | "denied">,
  status: 401 | 403,
  challenge: "basic" | "bearer" | null,
): Decision {
  return Object.freeze({ allow: false, reason, status, challenge });
}
