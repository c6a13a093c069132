// UserService: wires its methods.
import { UserService } from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { Implementation } from "../api/dispatch.ts";
import { type AccountParts, accountMethods } from "./account-methods.ts";
import { type SessionParts, sessionMethods } from "./session-methods.ts";
import { type SignupParts, signupMethod } from "./signup.ts";

export interface UserServiceParts extends SignupParts, SessionParts, AccountParts {}

export function userService(parts: UserServiceParts): Implementation {
  return {
    service: UserService,
    methods: { ...signupMethod(parts), ...sessionMethods(parts), ...accountMethods(parts) },
  };
}
