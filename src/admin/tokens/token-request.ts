// What a request makes of a token: the rows that are written, once every rule between its fields is kept.
import { toJsonString } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type CopyTokenRequest,
  CopyTokenRequestSchema,
  type CreateTokenRequest,
  CreateTokenRequestSchema,
  TokenPermissionsSchema,
  type UpdateTokenRequest,
  UpdateTokenRequestSchema,
} from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import { expiryOf } from "../api/expiry.ts";
import { changedFields } from "../api/update-mask.ts";
import { anywhere, intersection } from "../auth/ip-whitelist.ts";
import { type Leaves, leavesOf, treeOf } from "../auth/permissions.ts";
import { rightsOf } from "../auth/token-rights.ts";
import type { NewToken, Token, TokenChange } from "../store/records.ts";
import { randomAlias } from "./token-alias.ts";
import {
  changedTokenRealms,
  descentFrom,
  type Giver,
  grantedAddresses,
  grantedExpiry,
  grantedLeaves,
  grantedSwitches,
  newTokenRealms,
} from "./token-grants.ts";
import { noProfile, profileAfter } from "./token-profile.ts";
import { defaultLeaves, tokenTemplates } from "./token-templates.ts";

/** What a token has that nobody says anything about. */
const defaults = { allowNoRealm: true, vaultAccess: false, eventAccess: true } as const;

/** `now`: in milliseconds. Throws ApiError with the codes of CreateToken. */
export function newToken(request: CreateTokenRequest, giver: Giver, now: number): NewToken {
  const { caller } = giver;
  const descent = descentFrom(caller);
  const expiresAt = grantedExpiry(caller, expiryOf(request.expiresAt, now, { words: true }));
  if (request.denyReauthorization) checkNoReauthorization(request, expiresAt);
  const { allowNoRealm, vaultAccess, eventAccess } = defaults;
  return {
    ...descent,
    ...profileAfter(noProfile, request, changedFields(CreateTokenRequestSchema, request)),
    ...grantedSwitches(caller, {
      allowNoRealm: request.allowNoRealm ?? allowNoRealm,
      vaultAccess: request.vaultAccess ?? vaultAccess,
      eventAccess: request.eventAccess ?? eventAccess,
    }),
    alias: request.alias ?? randomAlias(),
    ipWhitelist: grantedAddresses(caller, request.ipWhitelist),
    permissions: storedText(grantedLeaves(caller, askedLeaves(request))),
    realmIds: newTokenRealms(giver, request.realmIds),
    expiresAt,
  };
}

/** What lets the holder of a token come by another one, or by what others keep. */
const reauthorizing: Leaves = new Set(["resources.create_tokens", "resources.vault"]);

function askedLeaves({
  permissionTemplate,
  permissions,
  denyReauthorization,
}: CreateTokenRequest): Leaves {
  const template = tokenTemplates.find(({ name }) => name === permissionTemplate);
  const said = permissions === undefined ? defaultLeaves : leavesOf(permissions);
  const asked = template?.leaves ?? said;
  return denyReauthorization ? asked.difference(reauthorizing) : asked;
}

/** A token with `deny_reauthorization` must not be asked to do it, and must end. Throws ApiError INVALID_TOKEN_REQUEST. */
function checkNoReauthorization(request: CreateTokenRequest, expiresAt: string | null): void {
  const { permissionTemplate, permissions, vaultAccess } = request;
  const said =
    permissionTemplate === undefined && permissions !== undefined
      ? leavesOf(permissions)
      : new Set<string>();
  const wrong = [...said.intersection(reauthorizing)].map((leaf) => ({
    instancePath: `/permissions/${leaf.replace(".", "/")}`,
    message: "contradicts deny_reauthorization",
  }));
  if (vaultAccess) {
    wrong.push({ instancePath: "/vault_access", message: "contradicts deny_reauthorization" });
  }
  if (expiresAt === null) {
    wrong.push({ instancePath: "/expires_at", message: "is required by deny_reauthorization" });
  }
  if (wrong.length > 0) throw new ApiError(ErrorCode.INVALID_TOKEN_REQUEST, wrong);
}

const noLeaves: Leaves = new Set();

/**
 * What changes in the token that is there, field by field. What is sent without a value gets the value that a new token has,
 * but for permissions: of them nothing is left. `now`: in milliseconds. Throws ApiError with the codes of UpdateToken.
 */
export function changedToken(
  request: UpdateTokenRequest,
  giver: Giver,
  present: Token,
  now: number,
): TokenChange {
  const { caller } = giver;
  const changed = changedFields(UpdateTokenRequestSchema, request);
  const change: { -readonly [Field in keyof TokenChange]: TokenChange[Field] } = {};
  if (changed.has("alias")) change.alias = request.alias ?? randomAlias();
  if (changed.has("public_key") || changed.has("public_storage")) {
    Object.assign(change, profileAfter(present, request, changed));
  }
  if (changed.has("ip_whitelist")) {
    change.ipWhitelist = grantedAddresses(caller, request.ipWhitelist);
  }
  if (changed.has("permissions")) {
    const asked = request.permissions === undefined ? noLeaves : leavesOf(request.permissions);
    change.permissions = storedText(grantedLeaves(caller, asked));
  }
  if (changed.has("realm_ids")) {
    change.realmIds = changedTokenRealms(giver, present.realmIds, request.realmIds);
  }
  if (changed.has("expires_at")) {
    const asked = expiryOf(request.expiresAt, now, { words: true });
    change.expiresAt = grantedExpiry(caller, asked);
  }
  if (changed.has("is_enabled")) change.isEnabled = request.isEnabled ?? true;
  return Object.assign(change, grantedSwitches(caller, askedSwitches(request, changed)));
}

function askedSwitches(request: UpdateTokenRequest, changed: ReadonlySet<string>) {
  const { allowNoRealm, vaultAccess, eventAccess } = defaults;
  return {
    ...(changed.has("allow_no_realm") && { allowNoRealm: request.allowNoRealm ?? allowNoRealm }),
    ...(changed.has("vault_access") && { vaultAccess: request.vaultAccess ?? vaultAccess }),
    ...(changed.has("event_access") && { eventAccess: request.eventAccess ?? eventAccess }),
  };
}

const aliasCharactersMax = 254;

/**
 * A token that is worth what another is worth now. `chain`: that one with all it was made from. `now`: in milliseconds.
 * Throws ApiError with the codes of CopyToken.
 */
export function copiedToken(
  request: CopyTokenRequest,
  giver: Giver,
  chain: readonly [Token, ...Token[]],
  now: number,
): NewToken {
  const { caller } = giver;
  const descent = descentFrom(caller);
  const rights = rightsOf(chain);
  if (rights.confinedTo?.length === 0) {
    // An empty list would let the copy into every realm.
    const message = "names a token that works in no realm";
    throw new ApiError(ErrorCode.INVALID_TOKEN_REQUEST, [{ instancePath: "/id", message }]);
  }
  const { allowNoRealm, vaultAccess, eventAccess } = rights;
  const [source] = chain;
  const suffix = " copy";
  const alias = source.alias.slice(0, aliasCharactersMax - suffix.length) + suffix;
  const expiresAt = changedFields(CopyTokenRequestSchema, request).has("expires_at")
    ? expiryOf(request.expiresAt, now, { words: true })
    : sourceExpiry(chain, now);
  return {
    ...descent,
    ...noProfile,
    ...grantedSwitches(caller, { allowNoRealm, vaultAccess, eventAccess }),
    alias: request.alias ?? alias,
    ipWhitelist: rights.ipWhitelists.reduce(intersection, anywhere),
    permissions: storedText(grantedLeaves(caller, rights.leaves)),
    realmIds: newTokenRealms(giver, rights.confinedTo ?? []),
    expiresAt: grantedExpiry(caller, expiresAt),
  };
}

/** The first end of a token, or of one that it was made from, that is still to come; null: there is none. */
function sourceExpiry(chain: readonly Token[], now: number): string | null {
  const ends = chain.flatMap(({ expiresAt }) => expiresAt ?? []);
  return ends.filter((end) => Date.parse(end) > now).toSorted()[0] ?? null;
}

/** Permissions as they are stored: the whole tree. */
function storedText(leaves: Leaves): string {
  return toJsonString(TokenPermissionsSchema, treeOf(leaves), { useProtoFieldName: true });
}
