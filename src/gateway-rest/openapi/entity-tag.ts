// Entity tags of published content, and conditional requests for it (RFC 9110 §8.8.3, §13.1.2).
import { createHash } from "node:crypto";

/** A strong entity tag that depends on the content alone: 132 bits of its SHA-256, quoted. */
export function entityTag(bytes: Uint8Array): string {
  const digest = createHash("sha256").update(bytes).digest("base64url");
  return `"${digest.slice(0, 22)}"`;
}

/** Whether `If-None-Match` names this version: one of a list, compared weakly, or `*`. */
export function isNotModified(request: Request, etag: string): boolean {
  const ifNoneMatch = request.headers.get("if-none-match");
  if (ifNoneMatch === null) return false;
  const tags = ifNoneMatch.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}
