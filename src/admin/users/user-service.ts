// UserService, put together.
import { UserService } from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { Implementation } from "../api/dispatch.ts";
import type { ServiceParts } from "../services.ts";
import { accountMethods } from "./account-methods.ts";
import { sessionMethods } from "./session-methods.ts";
import { signupMethod } from "./signup.ts";

export function userService(parts: ServiceParts): Implementation {
  return {
    service: UserService,
    methods: { ...signupMethod(parts), ...sessionMethods(parts), ...accountMethods(parts) },
  };
}
