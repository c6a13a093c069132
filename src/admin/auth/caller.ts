// Authentication: credential → Caller. Runs before anything else of the call is read.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { bearerToken } from "../../policy/authorization.ts";
import type { Token, User } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import type { PasswordLogin } from "./password-login.ts";
import type { Sessions } from "./session.ts";
import { allowsAddress, rightsOf, type TokenRights } from "./token-rights.ts";
import { hashSecret, tokenPrefix } from "./token-secret.ts";

/** An authenticated user, with the auth token used, if any. */
export interface Caller {
  readonly user: User;
  /** Null: authenticated by session or by name and password. */
  readonly token: CallingToken | null;
}

export interface CallingToken {
  readonly token: Token;
  readonly rights: TokenRights;
}

/** Whether the caller has a permission, `containers.read`. Sessions have all. */
export function mayDo({ token }: Caller, permission: string): boolean {
  return token === null || token.rights.permissions.has(permission);
}

/**
 * Whether the caller may set upstream addresses. A token of an operator needs the permission `admin.servers` and must not be
 * confined to realms: by choosing an address it could reach containers of other tenants.
 */
export function isOperator(caller: Caller): boolean {
  const confined = caller.token?.rights.needsRealm ?? false;
  return caller.user.isAdmin && mayDo(caller, "admin.servers") && !confined;
}

/** `last_used_at` of a token is updated at most once in this time, in milliseconds. */
const touchMs = 60_000;

export class Callers {
  readonly #store: Store;
  readonly #sessions: Sessions;
  readonly #logins: PasswordLogin;
  readonly #now: () => number;

  constructor(store: Store, sessions: Sessions, logins: PasswordLogin, now: () => number) {
    this.#store = store;
    this.#sessions = sessions;
    this.#logins = logins;
    this.#now = now;
  }

  /**
   * `Authorization` → Caller: `Bearer` with a session or a token, a bare token, or `Basic` with a password or a token in
   * either half; schemes in any case, followed by one or more spaces (RFC 9110 §11.1, §11.4). Throws ApiError: MISSING_TOKEN, INVALID_TOKEN, TOKEN_EXPIRED, TOKEN_DISABLED, IP_NOT_ALLOWED,
   * INVALID_CREDENTIALS, ACCOUNT_BANNED, RATE_LIMITED.
   */
  async identify(credential: string | null, clientAddress: string): Promise<Caller> {
    if (credential === null || credential === "") throw new ApiError(ErrorCode.MISSING_TOKEN);
    const bearer = bearerToken(credential);
    const token = bearer ?? credential;
    if (/^[^\s,]+$/.test(token)) {
      if (token.startsWith(tokenPrefix)) return this.#byToken(token, clientAddress, null);
      if (bearer !== null) return this.#bySession(bearer);
    }
    const [name, password] = basicPair(credential);
    if (name.startsWith(tokenPrefix)) return this.#byToken(name, clientAddress, null);
    if (password.startsWith(tokenPrefix)) return this.#byToken(password, clientAddress, name);
    return { user: await this.#logins.check(name, password, clientAddress), token: null };
  }

  async #bySession(token: string): Promise<Caller> {
    const claims = await this.#sessions.verify(token, "access");
    if (claims === "expired") throw new ApiError(ErrorCode.TOKEN_EXPIRED);
    if (claims === "invalid") throw new ApiError(ErrorCode.INVALID_TOKEN);
    const user = await this.#store.userById(claims.userId);
    // Before the generation: the ban has ended the session, too.
    if (user?.isBanned) throw new ApiError(ErrorCode.ACCOUNT_BANNED);
    if (user === null || user.sessionGeneration !== claims.generation) {
      throw new ApiError(ErrorCode.INVALID_TOKEN);
    }
    return { user, token: null };
  }

  /** `name`: the user name or e-mail address sent with the token, which must match its owner; null: not sent. */
  async #byToken(secret: string, clientAddress: string, name: string | null): Promise<Caller> {
    const chain = await this.#store.tokenChain(hashSecret(secret));
    const [token] = chain;
    const user = token === undefined ? null : await this.#store.userById(token.userId);
    if (token === undefined || user === null) throw new ApiError(ErrorCode.INVALID_TOKEN);
    if (name !== null && name !== user.username && name.toLowerCase() !== user.email) {
      throw new ApiError(ErrorCode.INVALID_TOKEN);
    }
    if (user.isBanned) throw new ApiError(ErrorCode.ACCOUNT_BANNED);
    const rights = rightsOf(chain);
    const now = this.#now();
    if (rights.expiresAt !== null && Date.parse(rights.expiresAt) <= now) {
      throw new ApiError(ErrorCode.TOKEN_EXPIRED);
    }
    if (!rights.isEnabled) throw new ApiError(ErrorCode.TOKEN_DISABLED);
    if (!allowsAddress(rights, clientAddress)) throw new ApiError(ErrorCode.IP_NOT_ALLOWED);
    const isRecent = token.lastUsedAt !== null && now - Date.parse(token.lastUsedAt) < touchMs;
    const use = isRecent ? {} : await this.#store.touchToken(token.id, clientAddress);
    return { user, token: { token: { ...token, ...use }, rights } };
  }
}

/** User name and password of `Basic` (RFC 7617 §2). Throws ApiError INVALID_TOKEN. */
function basicPair(credential: string): [name: string, password: string] {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(credential)?.[1];
  const text = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  if (colon === -1) throw new ApiError(ErrorCode.INVALID_TOKEN);
  return [text.slice(0, colon), text.slice(colon + 1)];
}
