// What an auth token is worth now: its own rights and those of every token it was made from, whichever is less.
import { fromJsonString } from "@bufbuild/protobuf";
import { TokenPermissionsSchema } from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import type { Token } from "../store/records.ts";
import * as ip from "./ip-whitelist.ts";
import { type Leaves, leavesOf } from "./permissions.ts";

export interface TokenRights {
  readonly leaves: Leaves;
  /** The realms it is confined to; null: none. */
  readonly confinedTo: readonly string[] | null;
  /** It works on realm hosts only. */
  readonly needsRealm: boolean;
  /** Neither it nor what it was made from says that it works on realm hosts only. */
  readonly allowNoRealm: boolean;
  readonly vaultAccess: boolean;
  readonly eventAccess: boolean;
  /** ISO 8601; null: never. */
  readonly expiresAt: string | null;
  readonly isEnabled: boolean;
  /** The addresses it may be used from: in each of these lists, `*` for any. */
  readonly ipWhitelists: readonly (readonly string[])[];
}

/** `chain`: the token, then the one it was made from, and so on. */
export function rightsOf(chain: readonly Token[]): TokenRights {
  const leaves = chain.map(({ permissions }) => storedLeaves(permissions));
  const [own = new Set<string>(), ...others] = leaves;
  const lists = chain.map(({ realmIds }) => realmIds).filter((realmIds) => realmIds.length > 0);
  const confinedTo = lists.length === 0 ? null : lists.reduce(intersection);
  const allowNoRealm = chain.every((each) => each.allowNoRealm);
  return {
    leaves: new Set([...own].filter((leaf) => others.every((each) => each.has(leaf)))),
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

/** TokenPermissions as it is stored → its leaves. One that this version does not know is none. */
export function storedLeaves(permissions: string): Leaves {
  return leavesOf(
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

/** Of two ends, the one that comes first. Times are ISO 8601 in UTC with milliseconds: they sort as text. */
export function earlier(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}
