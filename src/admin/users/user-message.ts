// A user as callers are told of it.
import { create, type JsonObject } from "@bufbuild/protobuf";
import { type User as UserMessage, UserSchema } from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { User } from "../store/records.ts";

/** `account`: also what a token may not read without a leaf for it. */
export function userMessage(user: User, account: boolean): UserMessage {
  const { id, username, createdAt, updatedAt } = user;
  const message = create(UserSchema, { id, username, createdAt, updatedAt });
  if (user.alias !== null) message.alias = user.alias;
  if (user.publicKey !== null) message.publicKey = user.publicKey;
  if (!account) return message;
  if (user.email !== null) message.email = user.email;
  message.metadata = JSON.parse(user.metadata) as JsonObject;
  message.isAdmin = user.isAdmin;
  message.isBanned = false;
  message.emailVerified = false;
  // An account has an address if it was signed up for, and only then.
  if (user.email !== null) message.signupMethod = "email";
  return message;
}
