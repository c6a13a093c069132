// UserService: wires its methods.
import { UserService } from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { Implementation } from "../api/dispatch.ts";
import { type AccountParts, accountMethods } from "./account-methods.ts";
import { type OperatorParts, operatorMethods } from "./operator-methods.ts";
import { type SessionParts, sessionMethods } from "./session-methods.ts";
import { type SignupParts, signupMethod } from "./signup.ts";

export interface UserServiceParts extends SignupParts, SessionParts, AccountParts, OperatorParts {}

export function userService(parts: UserServiceParts): Implementation {
  return {
    service: UserService,
    methods: {
      ...signupMethod(parts),
      ...sessionMethods(parts),
      ...accountMethods(parts),
      ...operatorMethods(parts),
    },
  };
}
