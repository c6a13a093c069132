// Effective rights of an auth token: the intersection of its own rights with those of all its ancestors.
import { fromJsonString } from "@bufbuild/protobuf";
import { TokenPermissionsSchema } from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import type { Token } from "../store/records.ts";
import * as ip from "./ip-whitelist.ts";
import { type PermissionSet, permissionsIn } from "./permissions.ts";

export interface TokenRights {
  readonly permissions: PermissionSet;
  /** The realms that the token is confined to; null: not confined. */
  readonly confinedTo: readonly string[] | null;
  /** The token works on realm hosts only. */
  readonly needsRealm: boolean;
  /** Neither the token nor an ancestor is limited to realm hosts by its own setting. */
  readonly allowNoRealm: boolean;
  readonly vaultAccess: boolean;
  readonly eventAccess: boolean;
  /** ISO 8601; null: never. */
  readonly expiresAt: string | null;
  readonly isEnabled: boolean;
  /** A client address must be in each of these lists; `*` matches any address. */
  readonly ipWhitelists: readonly (readonly string[])[];
}

/** `chain`: the token, its parent, and so on up to the root. */
export function rightsOf(chain: readonly Token[]): TokenRights {
  const [own = new Set<string>(), ...others] = chain.map(({ permissions }) =>
    storedPermissions(permissions),
  );
  const lists = chain.map(({ realmIds }) => realmIds).filter((realmIds) => realmIds.length > 0);
  const confinedTo = lists.length === 0 ? null : lists.reduce(intersection);
  const allowNoRealm = chain.every((each) => each.allowNoRealm);
  return {
    permissions: new Set(
      [...own].filter((permission) => others.every((each) => each.has(permission))),
    ),
    confinedTo,
    needsRealm: confinedTo !== null || !allowNoRealm,
    allowNoRealm,
    vaultAccess: chain.every(({ vaultAccess }) => vaultAccess),
    eventAccess: chain.every(({ eventAccess }) => eventAccess),
    expiresAt: chain.map(({ expiresAt }) => expiresAt).reduce(earlier, null),
    isEnabled: chain.every(({ isEnabled }) => isEnabled),
    ipWhitelists: chain.map(({ ipWhitelist }) => ipWhitelist),
  };
}

/** Stored TokenPermissions → permissions. Ignores permissions that this version does not know. */
export function storedPermissions(permissions: string): PermissionSet {
  return permissionsIn(
    fromJsonString(TokenPermissionsSchema, permissions, { ignoreUnknownFields: true }),
  );
}

/** Whether a call from this address may use the token. */
export function allowsAddress({ ipWhitelists }: TokenRights, address: string): boolean {
  return ipWhitelists.every((list) => ip.allowsAddress(list, address));
}

function intersection(some: readonly string[], others: readonly string[]): readonly string[] {
  const present = new Set(others);
  return some.filter((each) => present.has(each));
}

/** The earlier of two expiries; null: never. Both are ISO 8601 in UTC with milliseconds, so they sort as text. */
export function earlier(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}
