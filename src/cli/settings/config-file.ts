// ~/.realmgate/config.json: settings kept between commands. It holds credentials, so only its owner may read it.
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { parseJsonText, pointAt } from "../flags/json-text.ts";
import { safeText } from "../terminal/safe-text.ts";

/** A login and the API it belongs to; it is sent nowhere else. */
export interface StoredSession {
  /** The base URL without a realm. */
  readonly baseUrl: string;
  readonly token: string;
  readonly refreshToken: string;
}

/** The settings that `config set` knows, at the top or in a profile. */
export const configKeys = [
  "baseUrl",
  "containersUrl",
  "realm",
  "container",
  "output",
  "token",
  "username",
] as const;
export type ConfigKey = (typeof configKeys)[number];

export type ConfigProfile = { readonly [Key in ConfigKey]?: string } & {
  readonly session?: StoredSession;
};

export interface ConfigFile extends ConfigProfile {
  readonly profiles?: Readonly<Record<string, ConfigProfile>>;
}

/** Secret settings. */
export const secretKeys: ReadonlySet<string> = new Set(["token", "session"]);

const anew = "realmgate config reset starts a new file";

type ReadConfig =
  | { readonly ok: true; readonly config: ConfigFile; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

export function defaultConfigPath(home: string = homedir()): string {
  return join(home, ".realmgate", "config.json");
}

/** A missing file counts as empty. */
export function readConfig(path: string): ReadConfig {
  let text: string;
  let warnings: readonly string[] = [];
  try {
    text = readFileSync(path, "utf8");
    // Windows has no such bits.
    const open = process.platform === "win32" ? 0 : statSync(path).mode & 0o077;
    if (open !== 0) warnings = [`${path} can be read by others: chmod 600 ${path}`];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { ok: true, config: {}, warnings };
    return { ok: false, problems: [`${path} cannot be read (${code})`] };
  }
  const read = parseJsonText(text);
  if (!read.ok) {
    const line = text.slice(0, read.at).split("\n").length;
    const [shown, caret] = pointAt(text, read.at);
    return {
      ok: false,
      problems: [
        `${path} is not JSON: line ${line}: ${read.problem}`,
        `  ${shown}`,
        `  ${caret}`,
        anew,
      ],
    };
  }
  const problems = configProblems(read.value);
  if (problems.length > 0)
    return { ok: false, problems: [...problems.map((each) => `${path}: ${each}`), anew] };
  return { ok: true, config: read.value as ConfigFile, warnings };
}

/** Replaces the file atomically, with mode 0600 whatever its mode was. Throws errors of the file system. */
export function writeConfig(path: string, config: ConfigFile): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    writeFileSync(draft, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** The named profile, or the top level. Undefined: no such profile. */
export function profileOf(config: ConfigFile, name: string | undefined): ConfigProfile | undefined {
  return name === undefined ? config : ownField(config.profiles, name);
}

/** A copy with settings changed in the profile or at the top level; undefined removes a setting. */
export function withSettings(
  config: ConfigFile,
  profile: string | undefined,
  change: { readonly [Key in keyof ConfigProfile]?: ConfigProfile[Key] | undefined },
): ConfigFile {
  if (profile === undefined) return merged(config, change);
  const before = ownField(config.profiles, profile) ?? {};
  return { ...config, profiles: { ...config.profiles, [profile]: merged(before, change) } };
}

function merged<Settings extends object>(settings: Settings, change: object): Settings {
  const entries = Object.entries({ ...settings, ...change });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Settings;
}

/** Problems, each with its path. */
function configProblems(value: unknown): string[] {
  if (!isObject(value)) return ["must be a JSON object"];
  const { profiles = {}, ...top } = value;
  if (!isObject(profiles)) return [...profileProblems(top, ""), "profiles must be an object"];
  return [
    ...profileProblems(top, ""),
    ...Object.entries(profiles).flatMap(([name, profile]) =>
      isObject(profile)
        ? profileProblems(profile, `profiles.${name}.`)
        : [`profiles.${name} must be an object`],
    ),
  ].map(safeText);
}

function profileProblems(profile: Readonly<Record<string, unknown>>, at: string): string[] {
  return Object.entries(profile).flatMap(([key, value]) => {
    if (key === "session")
      return isSession(value) ? [] : [`${at}session is not a session: log in again`];
    if (!(configKeys as readonly string[]).includes(key)) {
      return [`${at}${key} is not a setting (${configKeys.join(", ")})`];
    }
    return typeof value === "string" ? [] : [`${at}${key} must be a string`];
  });
}

function isSession(value: unknown): value is StoredSession {
  const fields = ["baseUrl", "token", "refreshToken"];
  return isObject(value) && fields.every((field) => typeof value[field] === "string");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function ownField<Value>(
  record: Readonly<Record<string, Value>> | undefined,
  name: string,
): Value | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
