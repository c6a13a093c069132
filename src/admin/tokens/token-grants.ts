// What a caller may give to a token: a user session everything of its user's, a token never more than it is worth itself.
import type { Value } from "@bufbuild/protobuf/wkt";
import { ApiError, pointerStep } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { shownRealms } from "../api/realm-ids.ts";
import { type Caller, mayDo } from "../auth/caller.ts";
import {
  anywhere,
  intersection,
  isWithin,
  type Whitelist,
  whitelistOf,
} from "../auth/ip-whitelist.ts";
import type { Leaves } from "../auth/permissions.ts";
import { earlier } from "../auth/token-rights.ts";
import { delegationDepthMax, tokenRealmsMax } from "../store/limits.ts";
import type { Scope } from "../store/records.ts";
import { isForOperators } from "./token-templates.ts";

/** Who gives, and where: what a method is told of its caller. */
export interface Giver {
  readonly caller: Caller;
  readonly scope: Scope;
}

/** Whose child a new token is. Throws ApiError DELEGATION_TOO_DEEP. */
export function descentFrom({ token }: Caller): {
  readonly createdByTokenId: string | null;
  readonly delegationDepth: number;
} {
  if (token === null) return { createdByTokenId: null, delegationDepth: 0 };
  const { id, delegationDepth } = token.token;
  if (delegationDepth >= delegationDepthMax) throw new ApiError(ErrorCode.DELEGATION_TOO_DEEP);
  return { createdByTokenId: id, delegationDepth: delegationDepth + 1 };
}

/**
 * Of the leaves that are asked for those that the caller has. What is for operators is not left out in silence: throws ApiError
 * INSUFFICIENT_PERMISSIONS when it is not an operator's to give.
 */
export function grantedLeaves(caller: Caller, asked: Leaves): Leaves {
  const withheld = [...asked].filter(
    (leaf) => isForOperators(leaf) && !(caller.user.isAdmin && mayDo(caller, leaf)),
  );
  if (withheld.length > 0) {
    const violations = withheld.map((leaf) => ({
      instancePath: `/permissions${leaf.split(".").map(pointerStep).join("")}`,
      message: "is only for operators to give",
    }));
    throw new ApiError(ErrorCode.INSUFFICIENT_PERMISSIONS, violations);
  }
  return new Set([...asked].filter((leaf) => mayDo(caller, leaf)));
}

/** `asked`: ISO 8601, or null for never. A token's own end is the latest. */
export function grantedExpiry({ token }: Caller, asked: string | null): string | null {
  return token === null ? asked : earlier(asked, token.rights.expiresAt);
}

export type Switches = Readonly<Record<"allowNoRealm" | "vaultAccess" | "eventAccess", boolean>>;

/** What is asked for, but nothing that the caller does not have. */
export function grantedSwitches<Asked extends Partial<Switches>>(
  { token }: Caller,
  asked: Asked,
): Asked {
  const granted = Object.entries(asked).map(([name, value]) => [
    name,
    value && (token === null || token.rights[name as keyof Switches]),
  ]);
  return Object.fromEntries(granted);
}

/**
 * The list that is sent; without one, the caller's. Throws ApiError INVALID_IP_FORMAT, IP_WHITELIST_TOO_LARGE, and
 * DELEGATION_EXCEEDED for addresses that the caller may not be used from.
 */
export function grantedAddresses({ token }: Caller, sent: Value | undefined): Whitelist {
  const bounds = token?.rights.ipWhitelists ?? [];
  if (sent === undefined) return bounds.reduce(intersection, anywhere);
  const list = whitelistOf(sent);
  if (!bounds.every((bound) => isWithin(list, bound))) {
    throw exceeded("/ip_whitelist", "has addresses that the calling token may not be used from");
  }
  return list;
}

/**
 * The realms of a new token: those that are sent, or else those that the caller is confined to; and the realm of the host.
 * Throws ApiError DELEGATION_EXCEEDED for realms that the caller may not use, INVALID_REALM_ID_FORMAT for too many.
 */
export function newTokenRealms({ scope }: Giver, sent: readonly string[]): string[] {
  const { confinedTo, realmId } = scope;
  const named = sent.length === 0 ? (confinedTo ?? []) : ownRealms(scope, sent);
  return bounded(scope, realmId === null ? named : [...named, realmId]);
}

/**
 * The realms that a token changes to, the realm of the host among them. What a confined caller is not told of stays. Throws
 * ApiError as above, and LAST_REALM where a token would leave another without any: it would be confined to nothing.
 */
export function changedTokenRealms(
  { caller, scope }: Giver,
  present: readonly string[],
  sent: readonly string[],
): string[] {
  const { realmId } = scope;
  const shown = shownRealms(scope, present);
  const next = realmId === null ? ownRealms(scope, sent) : [...ownRealms(scope, sent), realmId];
  requireSome(caller, shown, next);
  return bounded(scope, [...next, ...hiddenRealms(scope, present)]);
}

/** With one realm more. Throws ApiError as above. */
export function withTokenRealm(
  { scope }: Giver,
  present: readonly string[],
  realmId: string,
): string[] {
  return bounded(scope, [...present, ...ownRealms(scope, [realmId], "/realm_id")]);
}

/** Without one realm, the host's too. Throws ApiError LAST_REALM as above. */
export function withoutTokenRealm(
  { caller, scope }: Giver,
  present: readonly string[],
  realmId: string,
): string[] {
  const shown = shownRealms(scope, present);
  const next = shown.filter((each) => each !== realmId);
  requireSome(caller, shown, next);
  return [...next, ...hiddenRealms(scope, present)];
}

function ownRealms(
  scope: Scope,
  sent: readonly string[],
  instancePath = "/realm_ids",
): readonly string[] {
  if (shownRealms(scope, sent).length < sent.length) {
    throw exceeded(instancePath, "has realms that the calling token may not use");
  }
  return sent;
}

function hiddenRealms({ confinedTo }: Scope, present: readonly string[]): string[] {
  return confinedTo === null ? [] : present.filter((realmId) => !confinedTo.includes(realmId));
}

function requireSome({ token }: Caller, shown: readonly string[], next: readonly string[]): void {
  if (token !== null && shown.length > 0 && next.length === 0) {
    throw new ApiError(ErrorCode.LAST_REALM);
  }
}

/** Each realm once. Those that the caller is not told of do not count: it cannot make a token have more than it has itself. */
function bounded(scope: Scope, realmIds: readonly string[]): string[] {
  const once = [...new Set(realmIds)];
  if (shownRealms(scope, once).length > tokenRealmsMax) {
    const message = `must have at most ${tokenRealmsMax} entries`;
    throw new ApiError(ErrorCode.INVALID_REALM_ID_FORMAT, [
      { instancePath: "/realm_ids", message },
    ]);
  }
  return once;
}

function exceeded(instancePath: string, message: string): ApiError {
  return new ApiError(ErrorCode.DELEGATION_EXCEEDED, [{ instancePath, message }]);
}
