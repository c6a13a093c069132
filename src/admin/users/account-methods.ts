// UserService: a user's own account, which only that user can read and change.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type GetUserRequest,
  type UpdateUserRequest,
  UpdateUserRequestSchema,
} from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import { opaqueJson } from "../api/opaque-json.ts";
import { changedFields } from "../api/update-mask.ts";
import { type Caller, mayDo } from "../auth/caller.ts";
import type { PasswordLogin } from "../auth/password-login.ts";
import { checkPassword } from "../auth/password-rule.ts";
import type { User } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { currentToken } from "../tokens/token-message.ts";
import { userMessage } from "./user-message.ts";

const badMetadata = {
  unfit: ErrorCode.VALIDATION_ERROR,
  tooLarge: ErrorCode.VALIDATION_ERROR,
} as const;

export interface AccountParts {
  readonly store: Store;
  readonly logins: PasswordLogin;
}

export function accountMethods({ store, logins }: AccountParts): Implementation["methods"] {
  return {
    async getMe(_request, { caller, scope }) {
      const message = ownMessage(caller);
      if (caller.token !== null) {
        message.authToken = currentToken(caller.token, scope);
      }
      return { message };
    },

    async getUser({ id }: GetUserRequest, { caller }) {
      mustBe(caller, id);
      return { message: ownMessage(caller) };
    },

    async updateUser(request: UpdateUserRequest, { caller, clientAddress }: Context) {
      mustBe(caller, request.id);
      const { user } = caller;
      const change = accountChange(request);
      const password = newPassword(request);
      if (password !== null) {
        await logins.checkAgain(user, password.current, clientAddress);
        const attempt = { clientAddress, account: `account ${user.id}` };
        change.passwordHash = await logins.hash(password.next, attempt);
      }
      if (Object.keys(change).length === 0) return { message: userMessage(user, true) };
      const changed = await store.updateUser(user.id, user.sessionGeneration, change);
      // The sessions were revoked since the call began, by logout or a new password.
      if (changed === null) throw new ApiError(ErrorCode.INVALID_TOKEN);
      return { message: userMessage(changed, true) };
    },
  };
}

/** Refuses other users, whether they exist or not. */
function mustBe({ user }: Caller, id: string): void {
  if (user.id !== id) throw new ApiError(ErrorCode.INSUFFICIENT_PERMISSIONS);
}

function ownMessage(caller: Caller) {
  return userMessage(caller.user, mayDo(caller, "resources.read_account"));
}

type AccountChange = {
  -readonly [Field in "alias" | "publicKey" | "metadata" | "passwordHash"]?: User[Field];
};

/** All changes except the password. */
function accountChange(request: UpdateUserRequest): AccountChange {
  const fields = changedFields(UpdateUserRequestSchema, request);
  const change: AccountChange = {};
  if (fields.has("alias")) change.alias = request.alias ?? null;
  if (fields.has("public_key")) change.publicKey = request.publicKey?.toLowerCase() ?? null;
  if (fields.has("metadata")) {
    change.metadata = opaqueJson(request.metadata ?? {}, "/metadata", badMetadata);
  }
  return change;
}

function newPassword(request: UpdateUserRequest): { current: string; next: string } | null {
  const fields = changedFields(UpdateUserRequestSchema, request);
  if (!fields.has("password")) return null;
  const { password = "", currentPassword = "" } = request;
  if (currentPassword === "") {
    const message = "is required with password";
    throw new ApiError(ErrorCode.MISSING_REQUIRED_FIELD, [
      { instancePath: "/current_password", message },
    ]);
  }
  checkPassword(password);
  return { current: currentPassword, next: password };
}
