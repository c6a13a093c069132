import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { secretKeyFrom } from "../config/secret-key.ts";

const ownerOnly = 0o600;

/** Null: it does not hold 32 bytes in base64. Throws when it cannot be read. */
export function secretKeyIn(path: string): Buffer | null {
  return secretKeyFrom(readFileSync(path, "utf8").trim());
}

/** Reads the master key (32 bytes) from a file of mode 0600; creates the file at the first start. Throws when it holds anything else. */
export function readSecretKeyFile(path: string): Buffer {
  if (!existsSync(path)) {
    const text = `${randomBytes(32).toString("base64")}\n`;
    writeFileSync(path, text, { mode: ownerOnly, flag: "wx" });
  }
  // Not where it is right already: the folder may be read-only.
  if ((statSync(path).mode & 0o777) !== ownerOnly) chmodSync(path, ownerOnly);
  const key = secretKeyIn(path);
  if (key === null) throw new Error(`${path} does not hold 32 bytes in base64`);
  return key;
}
