// The file of secret keys in the data directory: one key, or two while one takes the place of the other.
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchownSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { secretKeysIn } from "../config/secret-key.ts";

const ownerOnly = 0o600;
/** Neither a file nor a link may be there. */
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Reads the secret keys from a file of mode 0600; creates the file at the first start. Throws when it holds anything else. */
export function readSecretKeyFile(path: string): readonly Buffer[] {
  if (!existsSync(path)) {
    writeFileSync(path, textOf([randomBytes(32)]), { mode: ownerOnly, flag: "wx" });
  }
  // Not where it is right already: the folder may be read-only.
  if ((statSync(path).mode & 0o777) !== ownerOnly) chmodSync(path, ownerOnly);
  const keys = secretKeysIn(path);
  if (keys === null) throw new Error(`${path} does not hold 32 bytes in base64`);
  return keys;
}

/** Takes the place of the file at once, or not at all, and outlives a power cut. It stays its owner's, whoever writes it. */
export function writeSecretKeyFile(path: string, keys: readonly Buffer[]): void {
  const draft = `${path}.${process.pid}.draft`;
  const before = statSync(path, { throwIfNoEntry: false });
  try {
    const file = openSync(draft, newFile, ownerOnly);
    try {
      writeFileSync(file, textOf(keys));
      // By its descriptor: under its name there may be a link by now.
      if (before !== undefined && before.uid !== process.getuid?.()) {
        fchownSync(file, before.uid, before.gid);
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), "r");
  fsyncSync(folder);
  closeSync(folder);
}

export function isSameKeys(one: readonly Buffer[], other: readonly Buffer[]): boolean {
  return one.length === other.length && one.every((key, index) => other[index]?.equals(key));
}

export function hasKey(keys: readonly Buffer[], wanted: Buffer): boolean {
  return keys.some((key) => key.equals(wanted));
}

/** As the file holds them. */
export function textOf(keys: readonly Buffer[]): string {
  return keys.map((key) => `${key.toString("base64")}\n`).join("");
}
