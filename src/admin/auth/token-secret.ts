// The secret of an auth token: shown once, kept as its hash.
import { createHash, randomBytes } from "node:crypto";

/** What every secret begins with. */
export const tokenPrefix = "hdy_";

/** A new secret: the prefix and 256 random bits as 43 characters of base64url. */
export function newSecret(): string {
  return `${tokenPrefix}${randomBytes(32).toString("base64url")}`;
}

/** How a secret is stored: SHA-256. It has 256 random bits, so that a fast hash suffices. */
export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
