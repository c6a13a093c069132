// What clients carry to be let in, written down without the code under test.
import { createHash, createHmac } from "node:crypto";

/** `Authorization` of Basic authentication (RFC 7617) for `user:password`, in UTF-8. */
export function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/** A compact token signed with HS256 (RFC 7515 §3.1). */
export function hs256(
  secret: string,
  claims: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = { alg: "HS256" },
): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** The stored form of a password: the hex digits of SHA-256(salt ‖ password). */
export function saltedDigest(salt: string, password: string): string {
  return createHash("sha256").update(salt).update(password).digest("hex");
}
