// Token records → API messages.
import { create, type JsonObject } from "@bufbuild/protobuf";
import {
  type CurrentToken,
  CurrentTokenSchema,
  type Restrictions,
  RestrictionsSchema,
  type Token as TokenMessage,
  TokenSchema,
} from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import { shownRealms } from "../api/realm-ids.ts";
import type { CallingToken } from "../auth/caller.ts";
import { permissionTree } from "../auth/permissions.ts";
import { storedPermissions } from "../auth/token-rights.ts";
import { tokenPrefix } from "../auth/token-secret.ts";
import { delegationDepthMax } from "../store/limits.ts";
import type { Scope, Token } from "../store/records.ts";

/** A token without its secret. A confined caller sees only its own realms. */
export function tokenMessage(token: Token, scope: Pick<Scope, "confinedTo">): TokenMessage {
  const { userId: _, publicStorage, permissions, ipWhitelist, realmIds, ...rest } = token;
  const { publicKey, expiresAt, createdByTokenId, lastUsedAt, lastUsedIp, ...always } = rest;
  const message = create(TokenSchema, {
    ...always,
    prefix: tokenPrefix,
    permissions: permissionTree(storedPermissions(permissions)),
    ipWhitelist: [...ipWhitelist],
    realmIds: shownRealms(scope, realmIds),
  });
  if (publicKey !== null) message.publicKey = publicKey;
  if (publicStorage !== null) message.publicStorage = storageOf(publicStorage);
  if (expiresAt !== null) message.expiresAt = expiresAt;
  if (createdByTokenId !== null) message.createdByTokenId = createdByTokenId;
  if (lastUsedAt !== null) message.lastUsedAt = lastUsedAt;
  if (lastUsedIp !== null) message.lastUsedIp = lastUsedIp;
  return message;
}

/** Stored public storage → JSON. */
export function storageOf(publicStorage: string): JsonObject {
  return JSON.parse(publicStorage);
}

/** The calling token and where it may be used. Programs call this first to find their host. */
export function currentToken({ token, rights }: CallingToken, scope: Scope): CurrentToken {
  const { confinedTo, needsRealm } = rights;
  const restrictions: Restrictions = create(RestrictionsSchema, {
    hasRealmRestrictions: needsRealm,
    requiresRealmScope: needsRealm,
    allowedRealmIds: [...(confinedTo ?? [])],
    allowNoRealm: token.allowNoRealm,
    maxDelegationDepth: delegationDepthMax,
  });
  if (scope.realmId !== null) restrictions.activeRealmId = scope.realmId;
  return create(CurrentTokenSchema, { token: tokenMessage(token, scope), restrictions });
}
