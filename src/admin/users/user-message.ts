// User record → API message.
import { create, type JsonObject } from "@bufbuild/protobuf";
import { type User as UserMessage, UserSchema } from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { User } from "../store/records.ts";

/** `account`: include the fields that a token may read only with the permission `resources.read_account`. */
export function userMessage(user: User, account: boolean): UserMessage {
  const { id, username, createdAt, updatedAt } = user;
  const message = create(UserSchema, { id, username, createdAt, updatedAt });
  if (user.alias !== null) message.alias = user.alias;
  if (user.publicKey !== null) message.publicKey = user.publicKey;
  if (!account) return message;
  if (user.email !== null) message.email = user.email;
  message.metadata = JSON.parse(user.metadata) as JsonObject;
  message.isAdmin = user.isAdmin;
  message.isBanned = user.isBanned;
  message.emailVerified = false;
  // All but the first user were signed up for, or made, with an address.
  if (user.email !== null) message.signupMethod = "email";
  return message;
}
