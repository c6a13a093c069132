// Resource ids: 96 random bits as 24 lower-case hex digits.
import { randomBytes } from "node:crypto";

/** A new id. Two of 2^48 ids collide with even odds; the store's primary key catches the rest. */
export function newId(): string {
  return randomBytes(12).toString("hex");
}
