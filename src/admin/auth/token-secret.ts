// Secrets of auth tokens: shown once, stored as a hash.
import { createHash, randomBytes } from "node:crypto";

/** Prefix of every secret. */
export const tokenPrefix = "hdy_";

/** A new secret: the prefix and 256 random bits in base64url (43 characters). */
export function newSecret(): string {
  return `${tokenPrefix}${randomBytes(32).toString("base64url")}`;
}

/** The stored form of a secret: SHA-256. With 256 random bits a fast hash suffices. */
export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
