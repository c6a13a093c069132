// Token requests → the rows to store. Checks the rules between fields of one request.
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
import { type PermissionSet, permissionsIn, permissionTree } from "../auth/permissions.ts";
import { rightsOf } from "../auth/token-rights.ts";
import type { NewToken, Token, TokenChange } from "../store/records.ts";
import { randomAlias } from "./token-alias.ts";
import {
  changedTokenRealms,
  descentFrom,
  type Grantor,
  grantedAddresses,
  grantedExpiry,
  grantedPermissions,
  grantedSwitches,
  newTokenRealms,
  permissionPath,
} from "./token-grants.ts";
import { noProfile, profileAfter } from "./token-profile.ts";
import { defaultPermissions, tokenTemplates } from "./token-templates.ts";

/** Values of the fields that a request leaves out. */
const defaults = { allowNoRealm: true, vaultAccess: false, eventAccess: true } as const;

/** `now`: in milliseconds. Throws ApiError with the codes of CreateToken. */
export function newToken(request: CreateTokenRequest, grantor: Grantor, now: number): NewToken {
  const { caller } = grantor;
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
    permissions: storedText(grantedPermissions(caller, askedPermissions(request))),
    realmIds: newTokenRealms(grantor, request.realmIds),
    expiresAt,
  };
}

/** Permissions that let the holder of a token obtain another credential. */
const reauthorizing: PermissionSet = new Set(["resources.create_tokens", "resources.vault"]);

function askedPermissions({
  permissionTemplate,
  permissions,
  denyReauthorization,
}: CreateTokenRequest): PermissionSet {
  const template = tokenTemplates.find(({ name }) => name === permissionTemplate);
  const sent = permissions === undefined ? defaultPermissions : permissionsIn(permissions);
  const asked = template?.permissions ?? sent;
  return denyReauthorization ? asked.difference(reauthorizing) : asked;
}

/**
 * `deny_reauthorization` rules out permissions that reauthorize, and requires an expiry. Throws ApiError
 * INVALID_TOKEN_REQUEST.
 */
function checkNoReauthorization(request: CreateTokenRequest, expiresAt: string | null): void {
  const { permissionTemplate, permissions, vaultAccess } = request;
  const sent =
    permissionTemplate === undefined && permissions !== undefined
      ? permissionsIn(permissions)
      : new Set<string>();
  const wrong = [...sent.intersection(reauthorizing)].map((permission) => ({
    instancePath: permissionPath(permission),
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

const noPermissions: PermissionSet = new Set();

/**
 * The change that a request makes to a token. A field sent without a value gets the default of a new token; permissions
 * sent without a value become empty. `now`: in milliseconds. Throws ApiError with the codes of UpdateToken.
 */
export function changedToken(
  request: UpdateTokenRequest,
  grantor: Grantor,
  present: Token,
  now: number,
): TokenChange {
  const { caller } = grantor;
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
    const asked =
      request.permissions === undefined ? noPermissions : permissionsIn(request.permissions);
    change.permissions = storedText(grantedPermissions(caller, asked));
  }
  if (changed.has("realm_ids")) {
    change.realmIds = changedTokenRealms(grantor, present.realmIds, request.realmIds);
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
 * A token with the effective rights that the source has now. `chain`: the source token and its ancestors. `now`: in
 * milliseconds. Throws ApiError with the codes of CopyToken.
 */
export function copiedToken(
  request: CopyTokenRequest,
  grantor: Grantor,
  chain: readonly [Token, ...Token[]],
  now: number,
): NewToken {
  const { caller } = grantor;
  const descent = descentFrom(caller);
  const rights = rightsOf(chain);
  if (rights.confinedTo?.length === 0) {
    // An empty list would allow the copy in every realm.
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
    permissions: storedText(grantedPermissions(caller, rights.permissions)),
    realmIds: newTokenRealms(grantor, rights.confinedTo ?? []),
    expiresAt: grantedExpiry(caller, expiresAt),
  };
}

/** The earliest expiry in the chain that is still in the future; null: no token of it expires later. */
function sourceExpiry(chain: readonly Token[], now: number): string | null {
  const ends = chain.flatMap(({ expiresAt }) => expiresAt ?? []);
  return ends.filter((end) => Date.parse(end) > now).toSorted()[0] ?? null;
}

/** Permissions in their stored form: the whole tree as JSON. */
function storedText(permissions: PermissionSet): string {
  return toJsonString(TokenPermissionsSchema, permissionTree(permissions), {
    useProtoFieldName: true,
  });
}
