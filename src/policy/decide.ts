import { coversAt, has, intersectsAt, isEmpty, members } from "./bitset.ts";
import type { CompiledPolicy } from "./compile.ts";
import type { Identity } from "./identify.ts";
import { offsetOf } from "./instance-sets.ts";
import type { DecisionReason } from "./reason.ts";

/** What a permission document says to a request. `challenge` is the scheme that a 401 asks for. */
export type Decision =
  | { readonly allow: true; readonly reason: Extract<DecisionReason, "granted" | "default_allow"> }
  | {
      readonly allow: false;
      readonly reason: Extract<DecisionReason, "not_granted" | "unauthenticated" | "denied">;
      readonly status: 401 | 403;
      readonly challenge: "basic" | "bearer" | null;
    };

/** Every decision there is: deciding makes none. */
const GRANTED: Decision = Object.freeze({ allow: true, reason: "granted" });
const DEFAULT_ALLOW: Decision = Object.freeze({ allow: true, reason: "default_allow" });
const NOT_GRANTED = refusal("not_granted", 403, null);
const DENIED = refusal("denied", 403, null);
/** A prompt would help: some group that wants a credential grants this. */
const NOT_GRANTED_YET = {
  basic: refusal("not_granted", 401, "basic"),
  bearer: refusal("not_granted", 401, "bearer"),
};
const UNAUTHENTICATED = {
  basic: refusal("unauthenticated", 401, "basic"),
  bearer: refusal("unauthenticated", 401, "bearer"),
};

/**
 * May this identity reach (program, instance)? The rows on groups in the README's table (One request); `program` is
 * canonical, `instance` a positive integer. No allocation.
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
    const sets = policy.programs.get(program);
    if (sets === undefined) {
      return NOT_GRANTED;
    }
    const { grants, everybody, credentialGroups } = policy;
    const offset = offsetOf(sets, instance);
    const granted = policy.combineAll
      ? coversAt(grants, offset, everybody)
      : intersectsAt(grants, offset, groups);
    if (granted) {
      return GRANTED;
    }
    const promptHelps = !identity.presented && intersectsAt(grants, offset, credentialGroups);
    return promptHelps ? NOT_GRANTED_YET[policy.challenge] : NOT_GRANTED;
  }
  if (policy.openByDefault) {
    return DEFAULT_ALLOW;
  }
  return policy.asksForCredentials ? UNAUTHENTICATED[policy.challenge] : DENIED;
}

/**
 * Names of matching groups that grant (program, instance), in the document's order; for X-Realmgate-Groups. Empty when
 * the request was not granted by a group.
 */
export function grantingGroups(
  policy: CompiledPolicy,
  identity: Identity,
  program: string,
  instance: number,
): readonly string[] {
  const sets = policy.programs.get(program);
  if (sets === undefined || decide(policy, identity, program, instance) !== GRANTED) {
    return [];
  }
  const offset = offsetOf(sets, instance);
  const granting = policy.grants.subarray(offset, offset + policy.everybody.length);
  return members(identity.groups)
    .filter((group) => has(granting, group))
    .map((group) => policy.groupNames[group] ?? "");
}

/** Combine "all": every group of the document matches, and there is at least one. */
function matchesAll({ everybody }: CompiledPolicy, { groups }: Identity): boolean {
  return !isEmpty(everybody) && coversAt(groups, 0, everybody);
}

function refusal(
  reason: Extract<DecisionReason, "not_granted" | "unauthenticated" | "denied">,
  status: 401 | 403,
  challenge: "basic" | "bearer" | null,
): Decision {
  return Object.freeze({ allow: false, reason, status, challenge });
}
