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
import type { ServiceParts } from "./services.ts";
import { lifetimeS } from "./session.ts";
import type { User } from "./store/records.ts";

export function userService({ sessions, logins }: ServiceParts): Implementation {
  return {
    service: UserService,
    methods: {
      async login(request: LoginRequest, { clientAddress }: PublicContext) {
        const user = await logins.check(loginName(request), request.password, clientAddress);
        const { token, expiresAt } = await sessions.issue(user, "access");
        const message = create(SessionSchema, {
          token,
          expiresAt: expiresAt.toISOString(),
          expiresIn: lifetimeS.access,
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

/** An e-mail address is accepted where a user name is asked for. */
function loginName({ username, email }: LoginRequest): string {
  const name = username || email;
  if (!name) {
    const message = "is required, or email";
    throw new Refused(ErrorCode.MISSING_REQUIRED_FIELD, [{ instancePath: "/username", message }]);
  }
  return name;
}

function userMessage(user: User): UserMessage {
  const { id, username, isAdmin, createdAt, updatedAt } = user;
  const email = user.email ?? undefined;
  return create(UserSchema, { id, username, email, isAdmin, createdAt, updatedAt });
}
