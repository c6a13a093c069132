// TokenService: auth tokens of a user.
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type CopyTokenRequest,
  type CreateTokenRequest,
  type DeleteTokenRequest,
  type GetPublicProfileRequest,
  type GetTokenRequest,
  ListTemplatesResponseSchema,
  type ListTokensRequest,
  ListTokensResponseSchema,
  PublicProfileSchema,
  type TokenRealmRequest,
  TokenService,
  type UpdatePublicProfileRequest,
  UpdatePublicProfileRequestSchema,
  type UpdateTokenRequest,
  UpdateTokenRequestSchema,
} from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import type { ListCursors } from "../api/list-cursor.ts";
import { RequestedPage } from "../api/page.ts";
import { changedFields } from "../api/update-mask.ts";
import type { CallingToken } from "../auth/caller.ts";
import { permissionTree } from "../auth/permissions.ts";
import { hashSecret, newSecret } from "../auth/token-secret.ts";
import { renameEvent } from "../store/call-event.ts";
import { tokensMax } from "../store/limits.ts";
import type { NewToken, Token, TokenChange, TokenWriter } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { withoutTokenRealm, withTokenRealm } from "./token-grants.ts";
import { currentToken, storageOf, tokenMessage } from "./token-message.ts";
import { profileAfter } from "./token-profile.ts";
import { changedToken, copiedToken, newToken } from "./token-request.ts";
import { tokenTemplates } from "./token-templates.ts";

export interface TokenServiceParts {
  readonly store: Store;
  readonly cursors: ListCursors;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function tokenService({ store, cursors, now }: TokenServiceParts): Implementation {
  /** Creates a token. Only this answer contains its secret. */
  async function make(token: NewToken, context: Context) {
    const secret = newSecret();
    const secretHash = hashSecret(secret);
    const made = await store.createToken(writerOf(context), { ...token, secretHash });
    const message = tokenMessage(stored(made), context.scope);
    message.token = secret;
    return { message };
  }

  async function change(id: string, context: Context, to: (present: Token) => TokenChange) {
    const token = stored(await store.updateToken(writerOf(context), id, to));
    return { message: tokenMessage(token, context.scope) };
  }

  return {
    service: TokenService,
    methods: {
      async listTokens(request: ListTokensRequest, context) {
        const list = ["ListTokens", context.scope.userId] as const;
        const page = new RequestedPage(cursors, list, request, tokensMax);
        const { tokens, next } = await store.tokens(writerOf(context), page.query);
        const message = create(ListTokensResponseSchema, {
          tokens: tokens.map((token) => tokenMessage(token, context.scope)),
          truncated: next !== null,
          ...page.next(next),
        });
        return { message };
      },

      async createToken(request: CreateTokenRequest, context) {
        return make(newToken(request, context, now()), context);
      },

      async copyToken(request: CopyTokenRequest, context) {
        const [source, ...makers] = await store.chainOf(writerOf(context), request.id);
        if (source === undefined) throw new ApiError(ErrorCode.TOKEN_NOT_FOUND);
        return make(copiedToken(request, context, [source, ...makers], now()), context);
      },

      async listTemplates() {
        const templates = tokenTemplates.map(({ permissions, ...template }) => ({
          ...template,
          permissions: permissionTree(permissions),
        }));
        return { message: create(ListTemplatesResponseSchema, { templates }) };
      },

      async getCurrentToken(_request, context) {
        return { message: currentToken(callingToken(context), context.scope) };
      },

      async updatePublicProfile(request: UpdatePublicProfileRequest, context) {
        const changed = changedFields(UpdatePublicProfileRequestSchema, request);
        if (!changed.has("public_key") && !changed.has("public_storage")) {
          const message = "must have public_key or public_storage";
          throw new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: "", message }]);
        }
        const { id } = callingToken(context).token;
        const token = await store.updateOwnProfile(id, (present) =>
          profileAfter(present, request, changed),
        );
        return { message: tokenMessage(stored(token), context.scope) };
      },

      async getPublicProfile(request: GetPublicProfileRequest, { scope }) {
        const publicKey = request.publicKey.toLowerCase();
        const profile = await store.publicProfile(publicKey, scope.realms);
        if (profile === null) throw new ApiError(ErrorCode.TOKEN_NOT_FOUND);
        const message = create(PublicProfileSchema, { publicKey });
        const { publicStorage } = profile;
        if (publicStorage !== null) message.publicStorage = storageOf(publicStorage);
        return { message };
      },

      async getToken({ id }: GetTokenRequest, context) {
        const token = stored(await store.token(writerOf(context), id));
        return { message: tokenMessage(token, context.scope) };
      },

      async updateToken(request: UpdateTokenRequest, context) {
        const kind = switchedKind(request);
        if (kind !== null) renameEvent(kind);
        return change(request.id, context, (present) =>
          changedToken(request, context, present, now()),
        );
      },

      async deleteToken({ id }: DeleteTokenRequest, context) {
        const existed = await store.deleteToken(writerOf(context), id);
        if (!existed) throw new ApiError(ErrorCode.TOKEN_NOT_FOUND);
        return { message: create(EmptySchema) };
      },

      async addTokenRealm({ id, realmId }: TokenRealmRequest, context) {
        return change(id, context, ({ realmIds }) => ({
          realmIds: withTokenRealm(context, realmIds, realmId),
        }));
      },

      async removeTokenRealm({ id, realmId }: TokenRealmRequest, context) {
        return change(id, context, ({ realmIds }) => ({
          realmIds: withoutTokenRealm(context, realmIds, realmId),
        }));
      },
    },
  };
}

/** A session manages all tokens of its user, a token only its descendants. */
function writerOf({ caller, scope }: Context): TokenWriter {
  const { userId, realms, confinedTo } = scope;
  return { userId, realms, confinedTo, madeFrom: caller.token?.token.id ?? null };
}

function callingToken({ caller }: Context): CallingToken {
  if (caller.token === null) throw new ApiError(ErrorCode.TOKEN_REQUIRED);
  return caller.token;
}

/** The stored token, or throws the ApiError for the store's refusal. */
function stored(result: Token | "duplicate" | "limit" | "gone" | null): Token {
  switch (result) {
    case null:
      throw new ApiError(ErrorCode.TOKEN_NOT_FOUND);
    case "duplicate":
      throw new ApiError(ErrorCode.DUPLICATE_TOKEN_ALIAS);
    case "limit":
      throw new ApiError(ErrorCode.AUTH_TOKEN_LIMIT_REACHED);
    case "gone":
      throw new ApiError(ErrorCode.INVALID_TOKEN);
    default:
      return result;
  }
}

/** What an event of a token that is switched on or off is called; null: there is none, or more changes beside it. */
function switchedKind(request: UpdateTokenRequest): string | null {
  const changed = changedFields(UpdateTokenRequestSchema, request);
  const others = [...changed].filter((name) => !["id", "is_enabled", "update_mask"].includes(name));
  if (!changed.has("is_enabled") || others.length > 0) return null;
  return request.isEnabled ? "auth.token.enabled" : "auth.token.disabled";
}
