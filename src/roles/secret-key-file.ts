import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { secretKeyFrom } from "../config/secret-key.ts";

/** Reads the master key (32 bytes) from a file of mode 0600; creates the file at the first start. Throws when it holds anything else. */
export function readSecretKeyFile(path: string): Buffer {
  if (!existsSync(path)) {
    writeFileSync(path, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  }
  chmodSync(path, 0o600);
  const key = secretKeyFrom(readFileSync(path, "utf8").trim());
  if (key === null) throw new Error(`${path} does not hold 32 bytes in base64`);
  return key;
}
