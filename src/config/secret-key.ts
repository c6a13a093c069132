// Secret keys as people write them.
import { readFileSync } from "node:fs";

/** Keys at most: one that seals, and those of rotations that were not finished. */
export const secretKeysMax = 4;

/** 32 bytes from canonical base64, padded or not; null for any other text, including one with surrounding white space. */
export function secretKeyFrom(base64: string): Buffer | null {
  const key = Buffer.from(base64, "base64");
  // Buffer.from skips characters that are not base64, so compare the text with the encoding of the decoded bytes.
  const padded = key.toString("base64");
  const canonical = base64 === padded || `${base64}=` === padded;
  return key.length === 32 && canonical ? key : null;
}

/** Several, in text with one on each line or with commas between them; null: one is none, or they are none or too many. */
export function secretKeysFrom(text: string): readonly Buffer[] | null {
  const keys = text
    .split(/[\n,]/)
    .map((each) => each.trim())
    .filter((each) => each !== "")
    .map(secretKeyFrom);
  const good = keys.filter((key) => key !== null);
  if (good.length !== keys.length || good.length === 0 || good.length > secretKeysMax) return null;
  return good;
}

/** Keys of a file, one on each line; null: it holds something else. Throws when it cannot be read. */
export function secretKeysIn(path: string): readonly Buffer[] | null {
  return secretKeysFrom(readFileSync(path, "utf8"));
}
