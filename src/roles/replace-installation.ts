// Puts a database and its keys in the place of an installation's. What was there is kept aside, all of it or none.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { secretKeysIn } from "../config/secret-key.ts";
import { keyFile, restoreDraft, snapshotFile, sqliteFiles } from "./data-files.ts";
import { lockOfStoppedGate } from "./data-lock.ts";
import { isSameKeys, writeSecretKeyFile } from "./secret-key-file.ts";

const ownerOnly = 0o600;
const COPIED_AT_ONCE = 1024 * 1024;

/**
 * Copies the database in the open file `from`, and writes the key file where the settings have no key. Returns the names of what was there before.
 * Until the last step the copy lies beside the database, which a start looks for: a run that was cut off is begun anew. Throws
 * DatabaseInUse while a gate runs, and whatever the disk says, with everything as it was.
 */
export function replaceInstallation(
  { dataDir, databasePath, secretKeys }: Config,
  from: number,
  keys: readonly Buffer[],
): readonly string[] {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const unlock = lockOfStoppedGate(databasePath);
  const draft = restoreDraft(databasePath);
  const keyPath = join(dataDir, keyFile);
  const suffix = `.before-restore-${Date.now()}`;
  const moved: string[] = [];
  try {
    // Of a run that was cut off.
    rmSync(draft, { force: true });
    copyWhole(from, draft);
    const replacesKey = secretKeys === null && !holds(keyPath, keys);
    const before = [...sqliteFiles(databasePath), join(dataDir, snapshotFile)];
    for (const each of [...before, ...(replacesKey ? [keyPath] : [])]) {
      if (!existsSync(each)) continue;
      renameSync(each, `${each}${suffix}`);
      moved.push(each);
    }
    if (replacesKey) writeSecretKeyFile(keyPath, keys);
    renameSync(draft, databasePath);
    return moved.map((each) => `${each}${suffix}`);
  } catch (error) {
    for (const each of moved.toReversed()) renameSync(`${each}${suffix}`, each);
    rmSync(draft, { force: true });
    throw error;
  } finally {
    unlock();
  }
}

/** A file that holds no keys, or cannot be read, holds others. */
function holds(path: string, keys: readonly Buffer[]): boolean {
  try {
    const present = secretKeysIn(path);
    return present !== null && isSameKeys(present, keys);
  } catch {
    return false;
  }
}

/** On the disk when it returns. Neither a file nor a link may be there. */
function copyWhole(from: number, to: string): void {
  const copy = openSync(to, "wx", ownerOnly);
  try {
    const piece = Buffer.allocUnsafe(COPIED_AT_ONCE);
    for (let at = 0; ; ) {
      const length = readSync(from, piece, 0, piece.length, at);
      if (length === 0) break;
      for (let written = 0; written < length; ) {
        written += writeSync(copy, piece, written, length - written);
      }
      at += length;
    }
    fsyncSync(copy);
  } finally {
    closeSync(copy);
  }
}
