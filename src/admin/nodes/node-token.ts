// Tokens of nodes: random, and only their digest is kept.
import { hash, randomBytes } from "node:crypto";

const prefix = "hdn_";

export function newNodeToken(): string {
  return `${prefix}${randomBytes(32).toString("base64url")}`;
}

/** Null: it has not the form of a node's token. */
export function nodeTokenHash(token: string): Buffer | null {
  return /^hdn_[\w-]{43}$/.test(token) ? hash("sha256", token, "buffer") : null;
}
