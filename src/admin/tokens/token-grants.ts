// Delegation: which rights a caller may give to a token. A session can give all rights of its user, a token at most its own.
import type { Value } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { pointerStep } from "../../../proto/json-pointer.ts";
import { shownRealms } from "../api/realm-ids.ts";
import { type Caller, mayDo } from "../auth/caller.ts";
import {
  anywhere,
  intersection,
  isWithin,
  type Whitelist,
  whitelistOf,
} from "../auth/ip-whitelist.ts";
import type { PermissionSet } from "../auth/permissions.ts";
import { earlier } from "../auth/token-rights.ts";
import { delegationDepthMax, tokenRealmsMax } from "../store/limits.ts";
import type { Scope } from "../store/records.ts";
import { isForOperators } from "./token-templates.ts";

/** The caller that grants rights, and its scope. */
export interface Grantor {
  readonly caller: Caller;
  readonly scope: Scope;
}

/** The parent of a new token. Throws ApiError DELEGATION_TOO_DEEP. */
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
 * The requested permissions that the caller has; the others are dropped. Operator permissions are never dropped silently:
 * throws ApiError INSUFFICIENT_PERMISSIONS when the caller cannot grant one.
 */
export function grantedPermissions(caller: Caller, asked: PermissionSet): PermissionSet {
  const withheld = [...asked].filter(
    (permission) =>
      isForOperators(permission) && !(caller.user.isAdmin && mayDo(caller, permission)),
  );
  if (withheld.length > 0) {
    const violations = withheld.map((permission) => ({
      instancePath: permissionPath(permission),
      message: "can only be granted by an operator",
    }));
    throw new ApiError(ErrorCode.INSUFFICIENT_PERMISSIONS, violations);
  }
  return new Set([...asked].filter((permission) => mayDo(caller, permission)));
}

/** JSON pointer to a permission in a request, `/permissions/containers/read`. */
export function permissionPath(permission: string): string {
  return `/permissions${permission.split(".").map(pointerStep).join("")}`;
}

/** `asked`: ISO 8601, or null for never. A token cannot grant an expiry later than its own. */
export function grantedExpiry({ token }: Caller, asked: string | null): string | null {
  return token === null ? asked : earlier(asked, token.rights.expiresAt);
}

type Switches = Readonly<Record<"allowNoRealm" | "vaultAccess" | "eventAccess", boolean>>;

/** The requested switches, turned off where the caller does not have them. */
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
 * The whitelist that was sent; without one, the caller's. Throws ApiError INVALID_IP_FORMAT, IP_WHITELIST_TOO_LARGE, and
 * DELEGATION_EXCEEDED for addresses outside the caller's own whitelist.
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
 * The realms of a new token: the realms that were sent, or else those that the caller is confined to, plus the realm of
 * the host. Throws ApiError DELEGATION_EXCEEDED for realms that the caller may not use, INVALID_REALM_ID_FORMAT
 * for too many.
 */
export function newTokenRealms({ scope }: Grantor, sent: readonly string[]): string[] {
  const { confinedTo, realmId } = scope;
  const named = sent.length === 0 ? (confinedTo ?? []) : ownRealms(scope, sent);
  return bounded(scope, realmId === null ? named : [...named, realmId]);
}

/**
 * The new realms of a token, including the realm of the host. Realms that are hidden from a confined caller stay. Throws
 * ApiError as above, and LAST_REALM when a calling token would remove the last realm: without one, the token would no longer
 * be confined.
 */
export function changedTokenRealms(
  { caller, scope }: Grantor,
  present: readonly string[],
  sent: readonly string[],
): string[] {
  const { realmId } = scope;
  const shown = shownRealms(scope, present);
  const next = realmId === null ? ownRealms(scope, sent) : [...ownRealms(scope, sent), realmId];
  requireSome(caller, shown, next);
  return bounded(scope, [...next, ...hiddenRealms(scope, present)]);
}

/** Adds one realm. Throws ApiError as above. */
export function withTokenRealm(
  { scope }: Grantor,
  present: readonly string[],
  realmId: string,
): string[] {
  return bounded(scope, [...present, ...ownRealms(scope, [realmId], "/realm_id")]);
}

/** Removes one realm, even the realm of the host. Throws ApiError LAST_REALM as above. */
export function withoutTokenRealm(
  { caller, scope }: Grantor,
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

/** Removes repeated realms and limits their number. Hidden realms do not count: the caller cannot add them. */
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
