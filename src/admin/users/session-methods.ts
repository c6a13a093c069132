// UserService: login, refresh and logout.
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type LoginRequest,
  type RefreshRequest,
  type Session,
  SessionSchema,
} from "../../../proto/gen/realmgate/v1/users_pb.ts";
import { bearerToken } from "../../policy/authorization.ts";
import type { Implementation, PublicContext } from "../api/dispatch.ts";
import type { PasswordLogin } from "../auth/password-login.ts";
import { lifetimeS, type Sessions } from "../auth/session.ts";
import { takeShared } from "../auth/shared-window.ts";
import { WindowLimiter } from "../auth/window-limiter.ts";
import type { User } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { userMessage } from "./user-message.ts";

/** Refreshes per network. */
const refreshes = { max: 30, windowS: 30 * 60 };

export interface SessionParts {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly logins: PasswordLogin;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function sessionMethods(parts: SessionParts): Implementation["methods"] {
  const { store, sessions, logins, now } = parts;
  const limiter = new WindowLimiter(refreshes, () => now() / 1000);
  return {
    async login(request: LoginRequest, { clientAddress }: PublicContext) {
      const user = await logins.check(loginName(request), request.password, clientAddress);
      await store.recordLogin(user.id, clientAddress);
      return { message: await newSession(parts, user, clientAddress), actor: user };
    },

    async refresh({ refreshToken }: RefreshRequest, context: PublicContext) {
      const { credential, clientAddress } = context;
      limiter.take(clientAddress);
      await takeShared({ store, name: "refresh", ...refreshes, now }, clientAddress);
      if (credential === null || credential === "") throw new ApiError(ErrorCode.MISSING_TOKEN);
      if (bearerToken(credential) !== refreshToken) throw new ApiError(ErrorCode.INVALID_TOKEN);
      const claims = await sessions.verify(refreshToken, "refresh");
      if (claims === "expired") throw new ApiError(ErrorCode.TOKEN_EXPIRED);
      const user = claims === "invalid" ? null : await store.userById(claims.userId);
      if (user?.isBanned) throw new ApiError(ErrorCode.ACCOUNT_BANNED);
      if (claims === "invalid" || user?.sessionGeneration !== claims.generation) {
        throw new ApiError(ErrorCode.INVALID_TOKEN);
      }
      return { message: await newSession(parts, user, clientAddress), actor: user };
    },

    async logout(_request, { caller }) {
      await store.endSessions(caller.user.id);
      return { message: create(EmptySchema) };
    },
  };
}

/** The name to log in with: `username`, which may be an e-mail address, or `email`. */
function loginName({ username, email }: LoginRequest): string {
  const name = username || email;
  if (!name) {
    const message = "is required unless email is set";
    throw new ApiError(ErrorCode.MISSING_REQUIRED_FIELD, [{ instancePath: "/username", message }]);
  }
  return name;
}

async function newSession(
  { store, sessions }: SessionParts,
  user: User,
  clientAddress: string,
): Promise<Session> {
  const access = await sessions.issue(user, "access");
  const refresh = await sessions.issue(user, "refresh");
  const recent = await store.recentLogins(user.id);
  return create(SessionSchema, {
    token: access.token,
    refreshToken: refresh.token,
    expiresAt: access.expiresAt.toISOString(),
    expiresIn: lifetimeS.access,
    refreshExpiresAt: refresh.expiresAt.toISOString(),
    refreshExpiresIn: lifetimeS.refresh,
    clientIp: clientAddress,
    recentLoginIps: recent.map(({ ip, at }) => ({ ip, timestamp: at })),
    authTokenCount: await store.tokenCount(user.id),
    user: userMessage(user, true),
  });
}
