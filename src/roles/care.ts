// The roles that look after an installation's data: backup, restore, doctor and rotate-key. They take the settings of `serve`.
import { closeSync, existsSync, openSync, statfsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { KeyRing } from "../admin/store/key-ring.ts";
import { copyDatabase } from "../admin/store/sqlite/backup.ts";
import { damageOf, fileState, opensWith } from "../admin/store/sqlite/inspect.ts";
import { type Config, parseConfig } from "../config/config.ts";
import { secretKeysIn } from "../config/secret-key.ts";
import { databaseAt } from "./control-plane.ts";
import { keyFile, snapshotFile } from "./data-files.ts";
import { dropRootTo } from "./key-owner.ts";
import { findings } from "./readiness.ts";
import { replaceInstallation } from "./replace-installation.ts";
import { rotateKey } from "./rotate-key.ts";
import { writeSecretKeyFile } from "./secret-key-file.ts";

const usage = 2;
const failed = 1;

/** What a role was called with: flags of its own, at most one file, and the settings. */
interface CareCall {
  readonly config: Config;
  readonly file: string | null;
  readonly own: ReadonlySet<string>;
}

/** Ends a role with this line. */
class CareFailure extends Error {}

interface Role {
  readonly about: string;
  readonly takesFile: boolean;
  readonly flags: readonly string[];
  /** Returns the lines to print. Throws CareFailure. */
  readonly run: (call: CareCall) => Promise<readonly string[]>;
}

const roles: Readonly<Record<string, Role>> = {
  backup: {
    about:
      "FILE [--with-key]: write a whole copy of the database, also while the gate runs; the key beside it, as FILE.key, when asked",
    takesFile: true,
    flags: ["--with-key"],
    run: backup,
  },
  restore: {
    about:
      "FILE: put a backup in the place of the database of a stopped gate, and FILE.key in that of the key; what was there is kept aside",
    takesFile: true,
    flags: [],
    run: restore,
  },
  doctor: {
    about: "tell what is wrong with the installation",
    takesFile: false,
    flags: [],
    run: doctor,
  },
  "rotate-key": {
    about: "seal everything with a new key, also while the gate runs; an interrupted run goes on",
    takesFile: false,
    flags: [],
    run: ({ config }) => rotateKey(config),
  },
};

/** Returns the exit code: 0 done, 1 failed, 2 invalid command line or settings. */
export async function careRole(name: string, words: readonly string[]): Promise<number> {
  const role = roles[name];
  if (role === undefined) return usage;
  if (words.includes("--help")) {
    console.log(
      `usage: realmgate ${name} ${role.about}\n\nFlags of serve, such as --data-dir, name the installation.`,
    );
    return 0;
  }
  const own = new Set(words.filter((word) => role.flags.includes(word)));
  const rest = words.filter((word) => !own.has(word));
  const at = role.takesFile ? placeOfFile(rest) : -1;
  const [named] = at === -1 ? [] : rest.splice(at, 1);
  const file = named === undefined ? null : resolve(named);
  const parsed = parseConfig(process.env, rest);
  const problems = [
    ...(parsed.ok ? [] : parsed.problems),
    ...(role.takesFile && file === null ? [`say which file: realmgate ${name} FILE`] : []),
    ...(parsed.config.postgres !== null && role.takesFile
      ? ["REALMGATE_DATABASE_URL is PostgreSQL: use its own tools, such as pg_dump"]
      : []),
  ];
  if (problems.length > 0) {
    for (const problem of problems) console.error(`realmgate: ${problem}`);
    return usage;
  }
  process.umask(0o077);
  try {
    for (const line of await role.run({ config: parsed.config, file, own })) console.log(line);
    return 0;
  } catch (error) {
    console.error(`realmgate: ${error instanceof Error ? error.message : error}`);
    return failed;
  }
}

/** Of the first word that is neither a flag nor the value of one: each takes one, after `=` or as the next word. */
function placeOfFile(words: readonly string[]): number {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (!word.startsWith("-")) return at;
    if (!word.includes("=")) at++;
  }
  return -1;
}

function keyPath({ dataDir }: Config): string {
  return join(dataDir, keyFile);
}

/** Where the keys are, for people. */
function keyPlace(config: Config): string {
  if (config.secretKeyFile !== null) return config.secretKeyFile;
  return config.secretKeys === null ? keyPath(config) : "REALMGATE_SECRET_KEY";
}

/** The keys of the installation. Throws CareFailure when there are none. */
function keysOf(config: Config): readonly Buffer[] {
  return config.secretKeys ?? readKeys(keyPath(config));
}

function readKeys(path: string, advice = ""): readonly Buffer[] {
  const keys = existsSync(path) ? secretKeysIn(path) : null;
  if (keys === null) {
    throw new CareFailure(`${path} does not hold a key (32 bytes in base64)${advice}`);
  }
  return keys;
}

/** Throws CareFailure unless it is a sound database of this program that the key opens. */
function requireSound(path: string, keys: readonly Buffer[]): void {
  const state = fileState(path);
  if (state !== "current" && state !== "older") {
    throw new CareFailure(`${path} is no database of this version (${state})`);
  }
  const [damage] = damageOf(path);
  if (damage !== undefined) throw new CareFailure(`${path} is damaged: ${damage}`);
  if (state === "current" && !opensWith(path, new KeyRing(keys).valueBox())) {
    throw new CareFailure(`another key sealed the documents of ${path}`);
  }
}

async function backup({ config, file, own }: CareCall): Promise<readonly string[]> {
  const path = file ?? "";
  const withKey = own.has("--with-key");
  for (const each of [path, ...(withKey ? [`${path}.key`] : [])]) {
    if (existsSync(each)) throw new CareFailure(`${each} exists already`);
  }
  const keys = keysOf(config);
  copyDatabase(config.databasePath, path);
  requireSound(path, keys);
  if (withKey) writeSecretKeyFile(`${path}.key`, keys);
  return [
    `${path}: ${statSync(path).size} bytes, whole and readable with the key`,
    withKey
      ? `${path}.key: the key; whoever has both files can read every document`
      : `the key is not in it: keep ${keyPlace(config)}, too`,
  ];
}

async function restore({ config, file }: CareCall): Promise<readonly string[]> {
  const path = file ?? "";
  if (!existsSync(path)) throw new CareFailure(`${path} is missing`);
  const besides = `${path}.key`;
  // A key of the settings stays the installation's, whatever lies beside the backup.
  const found = existsSync(besides) ? besides : keyPath(config);
  const advice = `: put the key of ${path} there, in ${besides} or in REALMGATE_SECRET_KEY`;
  const keys = config.secretKeys ?? readKeys(found, advice);
  requireSound(path, keys);
  // Before we are somebody who may not read it.
  const backup = openSync(path, "r");
  dropRootTo(config.dataDir);
  const kept = replaceInstallation(config, backup, keys);
  closeSync(backup);
  return [
    `${config.databasePath}: restored from ${path}`,
    ...kept.map((each) => `${each}: what was there before`),
  ];
}

async function doctor({ config }: CareCall): Promise<readonly string[]> {
  const { dataDir, databasePath, postgres } = config;
  const all = await findings(config);
  // Of a database on a server the gates of other machines have a part, too: what tells of one here are its addresses.
  const running = all.some(
    ({ taken }) => taken === "database" || (postgres !== null && taken === "address"),
  );
  // A gate that runs has the database and its addresses: that is well.
  const found = running ? all.filter(({ taken }) => taken === undefined) : all;
  const size = (path: string) => statSync(path, { throwIfNoEntry: false })?.size;
  const facts = [
    `data directory: ${dataDir}`,
    `gate: ${running ? "running" : "not running"}`,
    postgres !== null
      ? `database: ${databaseAt(postgres.url)}, PostgreSQL`
      : `database: ${databasePath}, ${existsSync(databasePath) ? fileState(databasePath) : "missing"}, ${size(databasePath) ?? 0} bytes and ${size(`${databasePath}-wal`) ?? 0} in its log`,
    `key: ${keyPlace(config)}`,
    `snapshot: ${size(join(dataDir, snapshotFile)) ?? 0} bytes`,
    ...(existsSync(dataDir) ? [`free on disk: ${freeBytes(dataDir)} bytes`] : []),
    ...found.map(({ level, text }) => `${level}: ${text}`),
  ];
  if (!found.some(({ level }) => level === "error")) return [...facts, "nothing is wrong"];
  for (const line of facts) console.log(line);
  throw new CareFailure("see the errors above");
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
