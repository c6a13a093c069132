// UserService: lists, makes and deletes accounts, for operators.
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type CreateUserRequest,
  type DeleteUserRequest,
  type ListUsersRequest,
  ListUsersResponseSchema,
} from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import type { ListCursors } from "../api/list-cursor.ts";
import { RequestedPage } from "../api/page.ts";
import type { PasswordLogin } from "../auth/password-login.ts";
import { checkPassword } from "../auth/password-rule.ts";
import type { UserColumn } from "../store/paging.ts";
import type { Store } from "../store/store.ts";
import { taken } from "./account-methods.ts";
import { userMessage } from "./user-message.ts";

export interface OperatorParts {
  readonly store: Store;
  readonly logins: PasswordLogin;
  readonly cursors: ListCursors;
}

export function operatorMethods({ store, logins, cursors }: OperatorParts) {
  return {
    async listUsers(request: ListUsersRequest, { scope }: Context) {
      const search = request.search || null;
      const list = ["ListUsers", scope.userId, search ?? ""] as const;
      const page = new RequestedPage<UserColumn>(cursors, list, request, 20);
      const found = await store.users({ ...page.query, search });
      const message = create(ListUsersResponseSchema, {
        users: found.items.map((user) => userMessage(user, true)),
        pagination: page.pagination(found),
      });
      return { message };
    },

    async createUser(request: CreateUserRequest, { caller, clientAddress }: Context) {
      const { username, email, password, isAdmin = false } = request;
      checkPassword(password);
      const attempt = { clientAddress, account: `account ${caller.user.id}` };
      const passwordHash = await logins.hash(password, attempt);
      const made = await store.createAccount({ username, email, passwordHash, isAdmin });
      if (typeof made === "string") throw taken(made);
      return { message: userMessage(made, true) };
    },

    async deleteUser({ id, withContainers = false }: DeleteUserRequest) {
      const deleted = await store.deleteAccount(id, withContainers);
      if (deleted === null) throw new ApiError(ErrorCode.USER_NOT_FOUND);
      if (deleted === "last_operator") throw new ApiError(ErrorCode.LAST_OPERATOR);
      if (deleted === "has_containers") throw new ApiError(ErrorCode.USER_HAS_CONTAINERS);
      return { message: create(EmptySchema), committed: deleted };
    },
  } satisfies Implementation["methods"];
}
