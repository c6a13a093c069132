// UserService: accounts. A user reads and changes the own one, operators all.

import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type GetUserRequest,
  type UpdateUserRequest,
  UpdateUserRequestSchema,
} from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { CallOutcome, Context, Implementation } from "../api/dispatch.ts";
import { lacking, lackingOperator } from "../api/lacking.ts";
import { opaqueJson } from "../api/opaque-json.ts";
import { changedFields } from "../api/update-mask.ts";
import { type Caller, isOperator, mayDo } from "../auth/caller.ts";
import type { PasswordLogin } from "../auth/password-login.ts";
import { checkPassword } from "../auth/password-rule.ts";
import { renameEvent } from "../store/call-event.ts";
import type { AccountChange, AccountTaken, User } from "../store/records.ts";
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
      if (id !== caller.user.id && caller.token === null && isOperator(caller)) {
        const user = await store.userById(id);
        if (user === null) throw new ApiError(ErrorCode.USER_NOT_FOUND);
        return { message: userMessage(user, true) };
      }
      mustBe(caller, id);
      return { message: ownMessage(caller) };
    },

    async updateUser(request: UpdateUserRequest, { caller, clientAddress }: Context) {
      const operators = operatorsFields(request);
      if (operators.size > 0 || (request.id !== caller.user.id && isOperator(caller))) {
        if (!isOperator(caller)) throw lackingOperator();
        return await updateAsOperator({ store, logins }, request, caller, clientAddress);
      }
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

/** Throws ApiError. The operator's own password needs the present one all the same. */
async function updateAsOperator(
  { store, logins }: AccountParts,
  request: UpdateUserRequest,
  { user }: Caller,
  clientAddress: string,
): Promise<CallOutcome> {
  const change: MutableAccountChange = accountChange(request);
  const named = operatorsFields(request);
  const { isAdmin, isBanned, email, username } = request;
  if (named.has("is_admin")) change.isAdmin = isAdmin ?? false;
  if (named.has("is_banned")) change.isBanned = isBanned ?? false;
  const kind = standingKind(named, change);
  if (kind !== null) renameEvent(kind);
  if (email) change.email = email;
  if (username) change.username = username;
  const isOwn = request.id === user.id;
  const password = newPassword(request, isOwn);
  if (password !== null) {
    if (isOwn) await logins.checkAgain(user, password.current, clientAddress);
    const attempt = { clientAddress, account: `account ${user.id}` };
    change.passwordHash = await logins.hash(password.next, attempt);
  }
  const present = await store.userById(request.id);
  if (present !== null && hasStanding(present, change)) {
    return { message: userMessage(present, true), unchanged: true };
  }
  const changed = await store.updateAccount(request.id, change);
  if (changed === null) throw new ApiError(ErrorCode.USER_NOT_FOUND);
  if (changed === "last_operator") throw new ApiError(ErrorCode.LAST_OPERATOR);
  if (typeof changed === "string") throw taken(changed);
  return { message: userMessage(changed, true) };
}

/** The change asks for a standing that the account has already, and for nothing else. */
function hasStanding(user: User, change: AccountChange): boolean {
  const { isAdmin = user.isAdmin, isBanned = user.isBanned, ...others } = change;
  const isSame = isAdmin === user.isAdmin && isBanned === user.isBanned;
  return isSame && Object.keys(change).length > 0 && Object.keys(others).length === 0;
}

/** What an event of a changed standing is called; null: there is none, or more changes beside it. */
function standingKind(named: ReadonlySet<string>, change: MutableAccountChange): string | null {
  if (named.size !== 1) return null;
  if (named.has("is_admin")) return "user.role_changed";
  if (!named.has("is_banned")) return null;
  return change.isBanned ? "user.banned" : "user.unbanned";
}

/** What only operators change. Throws ApiError where a name or an address would be taken away. */
function operatorsFields(request: UpdateUserRequest): ReadonlySet<string> {
  const fields = changedFields(UpdateUserRequestSchema, request);
  const named = ["is_admin", "is_banned", "email", "username"].filter((name) => fields.has(name));
  for (const name of ["email", "username"] as const) {
    if (!named.includes(name) || request[name]) continue;
    const message = "must not be empty";
    throw new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: `/${name}`, message }]);
  }
  return new Set(named);
}

/** The refusal of a name or an address that another account has. */
export function taken(what: AccountTaken): ApiError {
  return new ApiError(what === "email" ? ErrorCode.EMAIL_TAKEN : ErrorCode.USERNAME_TAKEN);
}

/** Refuses other users, whether they exist or not. */
function mustBe({ user }: Caller, id: string): void {
  if (user.id !== id) throw lacking("the user itself, or an operator");
}

function ownMessage(caller: Caller) {
  return userMessage(caller.user, mayDo(caller, "resources.read_account"));
}

type OwnChange = {
  -readonly [Field in "alias" | "publicKey" | "metadata" | "passwordHash"]?: User[Field];
};
type MutableAccountChange = { -readonly [Field in keyof AccountChange]: AccountChange[Field] };

/** All changes except the password. */
function accountChange(request: UpdateUserRequest): OwnChange {
  const fields = changedFields(UpdateUserRequestSchema, request);
  const change: OwnChange = {};
  if (fields.has("alias")) change.alias = request.alias ?? null;
  if (fields.has("public_key")) change.publicKey = request.publicKey?.toLowerCase() ?? null;
  if (fields.has("metadata")) {
    change.metadata = opaqueJson(request.metadata ?? {}, "/metadata", badMetadata);
  }
  return change;
}

/** `isOwn`: the present password is needed, too. */
function newPassword(
  request: UpdateUserRequest,
  isOwn = true,
): { current: string; next: string } | null {
  const fields = changedFields(UpdateUserRequestSchema, request);
  if (!fields.has("password")) return null;
  const { password = "", currentPassword = "" } = request;
  if (isOwn && currentPassword === "") {
    const message = "is required with password";
    throw new ApiError(ErrorCode.MISSING_REQUIRED_FIELD, [
      { instancePath: "/current_password", message },
    ]);
  }
  checkPassword(password);
  return { current: currentPassword, next: password };
}
