// The role `admin`: what an operator does on the machine of the gate, with the settings of `serve`.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CallEvent, callEvent } from "../admin/store/call-event.ts";
import { KeyRing } from "../admin/store/key-ring.ts";
import { openSqliteStore } from "../admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../admin/store/store.ts";
import { type Config, parseConfig } from "../config/config.ts";
import { keyFile } from "./data-files.ts";
import { lockOfStoppedGate } from "./data-lock.ts";
import { dropRootTo } from "./key-owner.ts";
import { withMadePassword } from "./made-password.ts";
import { readSecretKeyFile } from "./secret-key-file.ts";

const failed = 1;
const usageError = 2;

const usage = `usage: realmgate admin reset-password [--username NAME] [--setting value]…

  Gives a user of this installation a new password, prints it once, and ends the user's sessions. The default is the first user,
  REALMGATE_ADMIN_USERNAME. Takes the settings of realmgate serve. The gate must be stopped.`;

/** Returns the exit code: 0 done, 1 refused, 2 usage. */
export async function adminRole(words: readonly string[]): Promise<number> {
  const [command, ...rest] = words;
  if (command !== "reset-password" || rest.includes("--help")) {
    console.log(usage);
    return rest.includes("--help") || command === "--help" ? 0 : usageError;
  }
  const at = rest.indexOf("--username");
  const username = at === -1 ? null : (rest[at + 1] ?? "");
  const flags = at === -1 ? rest : rest.toSpliced(at, 2);
  const parsed = parseConfig(process.env, flags);
  if (!parsed.ok) return complain(parsed.problems, usageError);
  process.umask(0o077);
  try {
    return await resetPassword(parsed.config, username ?? parsed.config.adminUsername);
  } catch (error) {
    return complain([error instanceof Error ? error.message : String(error)], failed);
  }
}

async function resetPassword(config: Config, username: string): Promise<number> {
  await using opened = await openStore(config);
  const { store } = opened;
  const name = username.includes("@") ? { email: username } : { username };
  const user = await store.userForLogin(name);
  if (user === null)
    return complain([`there is no user ${username}: name one with --username`], failed);
  const password = randomBytes(18).toString("base64url");
  const passwordHash = await Bun.password.hash(password, "argon2id");
  const event = new CallEvent({
    ...{ kind: "user.password_reset", code: null, attempted: null },
    ...{ actorId: null, actorName: null, tokenId: null, ip: null, requestId: null, realmId: null },
    ...{ resourceKind: "user", resourceId: user.id, fields: ["password"] },
    ...{ versionBefore: null, versionAfter: null, within: null, takesAway: false },
    ...{ method: null, path: null, status: null },
  });
  const made = `user ${user.username}, password ${password}`;
  await withMadePassword(made, () =>
    callEvent.run(event, () => store.updateAccount(user.id, { passwordHash })),
  );
  if (user.isBanned)
    console.error(
      `realmgate: ${user.username} is banned: another operator has to let the account in`,
    );
  console.log(`${made} (shown only now); sessions are over`);
  return 0;
}

interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
}

/** Throws when there is no database yet, or another process has it. */
async function openStore(config: Config): Promise<OpenedStore> {
  const { postgres, databasePath, dataDir, secretKeys } = config;
  if (postgres === null && !existsSync(databasePath)) {
    throw new Error(
      `${databasePath} is not there: name the data directory with REALMGATE_DATA_DIR`,
    );
  }
  // The gate has to read and write what this leaves.
  if (postgres === null) dropRootTo(databasePath);
  // Before the key is read, which makes it where there is none.
  const unlock =
    postgres === null
      ? lockOfStoppedGate(databasePath)
      : await (await import("../admin/store/postgres/refuse-running.ts")).refuseRunning(postgres);
  try {
    const options = { box: new KeyRing(keysOf(secretKeys, dataDir)).valueBox(), now: Date.now };
    const store =
      postgres === null
        ? openSqliteStore({ path: databasePath, ...options })
        : await (await import("../admin/store/postgres/postgres-store.ts")).openPostgresStore({
            ...postgres,
            ...options,
            notNew: "it is empty: there is no user",
          });
    return {
      store,
      async [Symbol.asyncDispose]() {
        await store.close();
        await unlock();
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

function keysOf(secretKeys: Config["secretKeys"], dataDir: string): readonly Buffer[] {
  if (secretKeys !== null) return secretKeys;
  const path = join(dataDir, keyFile);
  if (existsSync(path)) return readSecretKeyFile(path);
  throw new Error(`${path} is not there: set REALMGATE_SECRET_KEY, or restore the file`);
}

function complain(problems: readonly string[], code: number): number {
  for (const problem of problems) console.error(`realmgate: ${problem}`);
  return code;
}
