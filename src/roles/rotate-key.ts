// The role `rotate-key`: beside a running gate, which then does it itself; on a stopped one; on PostgreSQL, under all control planes.
import { randomBytes } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { KeyRing } from "../admin/store/key-ring.ts";
import { resealDatabase } from "../admin/store/sqlite/backup.ts";
import { opensWith } from "../admin/store/sqlite/inspect.ts";
import type { Config } from "../config/config.ts";
import { secretKeysIn } from "../config/secret-key.ts";
import { keyFile, snapshotFile } from "./data-files.ts";
import { DatabaseInUse, lockDatabase } from "./data-lock.ts";
import { becomeOwnerOf, makePlainFile } from "./key-owner.ts";
import { isSameKeys, writeSecretKeyFile } from "./secret-key-file.ts";

const POLL_MS = 200;
/** A gate that runs looks at the file every second, and goes on after an error. */
const GATE_MS = 120_000;

/** Answers the lines to print. Rejects with one line on what keeps the key from being replaced. */
export async function rotateKey(config: Config): Promise<readonly string[]> {
  const { postgres, secretKeys } = config;
  if (postgres !== null) {
    if (secretKeys === null || secretKeys.length < 2) throw new Error(bothKeys);
    const { rotatePostgresKey } = await import("../admin/store/postgres/rotate-key.ts");
    const { count, unreadable, isNew } = await rotatePostgresKey(postgres, new KeyRing(secretKeys));
    if (count === 0 && !isNew) {
      return ["the database is sealed with the first of these keys already", ...lost(unreadable)];
    }
    return [
      `${count} values sealed with the first key; no value of the database has another one`,
      ...lost(unreadable),
      "take the old key away from every control plane; sessions that it signed end then",
    ];
  }
  if (secretKeys !== null) return rotateGiven(config, secretKeys);
  return rotateFile(config, join(config.dataDir, keyFile));
}

const bothKeys =
  "give REALMGATE_SECRET_KEY, or the file of REALMGATE_SECRET_KEY_FILE, the new key and then the old one";

/** The keys are somebody else's: with a gate that runs, that gate has to get them. */
function rotateGiven(config: Config, keys: readonly Buffer[]): readonly string[] {
  if (keys.length < 2) throw new Error(bothKeys);
  becomeOwnerOf(config.databasePath);
  const unlock = lockDatabase(config.databasePath);
  try {
    return [...resealed(config, keys), "take the old key away; sessions that it signed end then"];
  } finally {
    unlock();
  }
}

/** One at a time: a second one would put its key in the place of the first one's, which has sealed values by then. */
async function rotateFile(config: Config, path: string): Promise<readonly string[]> {
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  becomeOwnerOf(path);
  makePlainFile(`${path}.lock`);
  const unlock = lockDatabase(path);
  try {
    return await rotateLocked(config, path);
  } finally {
    unlock();
  }
}

async function rotateLocked(config: Config, path: string): Promise<readonly string[]> {
  const asked = withDraft(path);
  if (asked.length > 1) writeSecretKeyFile(path, asked);
  const [next] = asked.length > 1 ? asked : [randomBytes(32)];
  if (next === undefined) throw new Error(`${path} does not hold a key (32 bytes in base64)`);
  if (asked.length === 1) writeSecretKeyFile(path, [next, ...asked]);
  rmSync(`${path}.new`, { force: true });
  const untilMs = performance.now() + GATE_MS;
  for (;;) {
    const offline = alone(config, () => {
      const lines = resealed(config, readKeys(path));
      writeSecretKeyFile(path, [next]);
      return lines;
    });
    if (offline !== null)
      return [...offline, `${path} has the new key; sessions and pages of lists end`];
    if (isSameKeys(readKeys(path), [next])) {
      return [
        `the gate has sealed everything with the new key in ${path}; sessions and pages of lists end`,
      ];
    }
    if (performance.now() > untilMs) {
      throw new Error(
        `the gate that runs has not finished in ${GATE_MS / 1000} s: its log says why. Both keys are in ${path}; it goes on by itself, and so does rotate-key`,
      );
    }
    await Bun.sleep(POLL_MS);
  }
}

/** The keys of the file, the first of which is to seal; an earlier version may have been interrupted and left a key beside it. */
function withDraft(path: string): readonly Buffer[] {
  const keys = readKeys(path);
  const left = `${path}.new`;
  if (!existsSync(left)) return keys;
  const [draft] = readKeys(left);
  if (draft === undefined || keys.some((key) => key.equals(draft))) return keys;
  return [draft, ...keys];
}

function readKeys(path: string): readonly Buffer[] {
  const keys = secretKeysIn(path);
  if (keys === null) throw new Error(`${path} does not hold a key (32 bytes in base64)`);
  return keys;
}

/** Null: a gate has the database. */
function alone<Result>({ databasePath }: Config, work: () => Result): Result | null {
  let unlock: () => void;
  try {
    unlock = lockDatabase(databasePath);
  } catch (error) {
    if (error instanceof DatabaseInUse) return null;
    throw error;
  }
  try {
    return work();
  } finally {
    unlock();
  }
}

/** Everything under the first key; no other process has the database. */
function resealed(config: Config, keys: readonly Buffer[]): readonly string[] {
  const box = new KeyRing(keys).valueBox();
  if (!opensWith(config.databasePath, box)) {
    throw new Error(`another key sealed the documents of ${config.databasePath}`);
  }
  const { count, unreadable } = resealDatabase(config.databasePath, box);
  // It may have been sealed with the old key; the gate makes another one from the database.
  rmSync(join(config.dataDir, snapshotFile), { force: true });
  return [`${count} values sealed with the new key`, ...lost(unreadable)];
}

function lost(count: number): readonly string[] {
  return count === 0 ? [] : [`${count} values open with none of the keys and stay as they are`];
}
