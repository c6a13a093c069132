// UserService: login, and who one is.
import { create } from "@bufbuild/protobuf";
import { Refused } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type LoginRequest,
  SessionSchema,
  type User as UserMessage,
  UserSchema,
  UserService,
} from "../../proto/gen/realmgate/v1/users_pb.ts";
import type { Implementation, PublicContext } from "./dispatch.ts";
import type { LoginLimiter } from "./login-limiter.ts";
import { accessLifetimeS, type Sessions } from "./session.ts";
import type { Store, User } from "./store/store.ts";

export function userService(
  store: Store,
  sessions: Sessions,
  limiter: LoginLimiter,
): Implementation {
  // An unknown user costs as much as a wrong password.
  const nobody = Bun.password.hash(crypto.randomUUID());
  return {
    service: UserService,
    methods: {
      async login(request: LoginRequest, { clientAddress }: PublicContext) {
        const user = await store.userForLogin(loginName(request));
        const hash = user?.passwordHash ?? (await nobody);
        const matches = await limiter.attempt(
          clientAddress,
          async () => (await Bun.password.verify(request.password, hash)) && user !== null,
        );
        if (user === null || !matches) throw new Refused(ErrorCode.INVALID_CREDENTIALS);
        const { token, expiresAt } = await sessions.issue(user);
        const message = create(SessionSchema, {
          token,
          expiresAt: expiresAt.toISOString(),
          expiresIn: accessLifetimeS,
          user: userMessage(user),
        });
        return { message };
      },

      async getMe(_request, { caller }) {
        return { message: userMessage(caller.user) };
      },
    },
  };
}

/** An e-mail address is accepted where a user name is asked for (contract N23). */
function loginName({ username, email }: LoginRequest): { username: string } | { email: string } {
  const name = username || email;
  if (!name) {
    const message = "is required, or email";
    throw new Refused(ErrorCode.MISSING_REQUIRED_FIELD, [{ instancePath: "/username", message }]);
  }
  return name.includes("@") ? { email: name } : { username: name };
}

function userMessage(user: User): UserMessage {
  const { id, username, isAdmin, createdAt, updatedAt } = user;
  const email = user.email ?? undefined;
  return create(UserSchema, { id, username, email, isAdmin, createdAt, updatedAt });
}
