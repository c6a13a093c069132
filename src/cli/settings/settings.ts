// Flags, environment and configuration file → settings of this command. A flag overrides a variable, a variable the file, the
// file the default. A profile replaces the top level of the file.
import { accessSync } from "node:fs";
import { inRealm, parseBaseUrl, realmIdPattern, realmOf } from "../../client/api-host.ts";
import type { ExitCode } from "../terminal/exit-code.ts";
import { exitCode } from "../terminal/exit-code.ts";
import { safeText } from "../terminal/safe-text.ts";
import {
  type ConfigFile,
  type ConfigProfile,
  defaultConfigPath,
  profileOf,
  readConfig,
} from "./config-file.ts";
import {
  fromEnvironment,
  type GlobalFlag,
  type GlobalName,
  globalFlags,
  type Output,
  outputs,
} from "./global-flags.ts";

/** As names of realms are made; see realms.proto. */
export const realmNamePattern = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$/;

/** This machine, by name: a realm label can be prepended. */
export const defaultBaseUrl = "http://localhost:8080";

export interface Settings {
  readonly output: Output;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly yes: boolean;
  readonly configPath: string;
  readonly config: ConfigFile;
  /** Name of the profile in force. */
  readonly profileName: string | undefined;
  readonly profile: ConfigProfile;
  /** Includes the realm label, if there is a realm. */
  readonly baseUrl: URL;
  /** The realm by its name, which is not in the base URL yet. */
  readonly realmName: string | undefined;
  /** Base URL of the containers' domain, if set. */
  readonly containersUrl: string | undefined;
  readonly container: string | undefined;
  /** Parts of credentials by source, highest precedence first; see credential.ts. */
  readonly identities: readonly CallerIdentity[];
  /** Warnings for stderr. */
  readonly warnings: readonly string[];
}

/** Credential parts from one source. Sources are not mixed, except that a password may use the name of a weaker source. */
export interface CallerIdentity {
  readonly from: Source;
  readonly token: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

export type Source = "flag" | "environment" | "config" | "default";
const ranks: readonly Source[] = ["default", "config", "environment", "flag"];

type ReadSettings =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly exit: ExitCode; readonly problems: readonly string[] };

export interface SettingSources {
  /** Parsed values of global flags; `-` is already replaced by standard input. */
  readonly flags: ReadonlyMap<string, unknown>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** For the default configuration file. */
  readonly home?: string;
  /** For commands that repair the file: treat a broken file as empty. */
  readonly toleratesConfig?: boolean;
}

export function readSettings(said: SettingSources): ReadSettings {
  const { flags, environment } = said;
  const named = text(flags.get("config")) ?? fromEnvironment("config", environment);
  const configPath = named ?? defaultConfigPath(said.home);
  // Commands that write the file make it.
  if (named !== undefined && !said.toleratesConfig && isMissing(named)) {
    return usage(`there is no configuration file ${safeText(named)}`);
  }
  const file = readConfig(configPath);
  if (!file.ok && !said.toleratesConfig) {
    return {
      ok: false,
      exit: exitCode.usage,
      problems: file.problems,
    };
  }
  const config = file.ok ? file.config : {};
  const profileName = text(flags.get("profile")) ?? fromEnvironment("profile", environment);
  const profile = profileOf(config, profileName);
  if (profile === undefined && !said.toleratesConfig) return unknownProfile(profileName, config);
  const find = (name: GlobalName) => found(name, said, profile ?? {});
  const output = find("output").text;
  if (!isOutput(output)) {
    return usage(`output is one of ${outputs.join(", ")}; not ${safeText(output ?? "")}`);
  }
  const base = baseUrl(find("base-url"), find("realm"));
  if (!base.ok) return usage(base.problem);
  return {
    ok: true,
    settings: {
      output,
      quiet: flags.get("quiet") === true,
      verbose: flags.get("verbose") === true,
      yes: flags.get("yes") === true,
      configPath,
      config,
      profileName,
      profile: profile ?? {},
      baseUrl: base.url,
      realmName: base.realmName,
      containersUrl: find("containers-url").text,
      container: find("container").text,
      identities: identities(said, profile ?? {}),
      warnings: file.ok ? file.warnings : [],
    },
  };
}

/** Not what cannot be read for another reason, which reading says. */
function isMissing(path: string): boolean {
  try {
    accessSync(path);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

interface FoundSetting {
  readonly text: string | undefined;
  readonly from: Source;
}

function found(
  name: GlobalName,
  { flags, environment }: SettingSources,
  profile: ConfigProfile,
): FoundSetting {
  const flag: GlobalFlag = globalFlags[name];
  const said = text(flags.get(name));
  if (said !== undefined) return { text: said, from: "flag" };
  const variable = fromEnvironment(name, environment);
  if (variable !== undefined) return { text: variable, from: "environment" };
  const kept = flag.config === undefined ? undefined : profile[flag.config];
  if (kept !== undefined) return { text: kept, from: "config" };
  const fallback = { "base-url": defaultBaseUrl, output: "table" }[name as string];
  return { text: fallback, from: "default" };
}

type BaseUrl =
  | { readonly ok: true; readonly url: URL; readonly realmName?: string }
  | { readonly ok: false; readonly problem: string };

/** The realm in a base URL overrides a --realm of weaker source; from the same source they must agree. */
function baseUrl(base: FoundSetting, realm: FoundSetting): BaseUrl {
  try {
    const url = parseBaseUrl(base.text ?? defaultBaseUrl);
    if (realm.text === undefined) return { ok: true, url };
    const isId = realmIdPattern.test(realm.text);
    if (!isId && !realmNamePattern.test(realm.text)) {
      return {
        ok: false,
        problem: `a realm is 24 lower-case hex digits, or a name; not ${safeText(realm.text)}`,
      };
    }
    const named = realmOf(url);
    const weaker = ranks.indexOf(realm.from) < ranks.indexOf(base.from);
    if (named !== null && weaker) return { ok: true, url };
    if (named !== null && named !== realm.text && realm.from === base.from) {
      return {
        ok: false,
        problem: `the base URL names the realm ${named}, and --realm ${realm.text}`,
      };
    }
    if (isId) return { ok: true, url: inRealm(url, realm.text) };
    const bare = inRealm(url, null);
    // Throws where no realm can stand before the host.
    inRealm(bare, "0".repeat(24));
    return { ok: true, url: bare, realmName: realm.text };
  } catch (error) {
    return { ok: false, problem: (error as TypeError).message };
  }
}

function identities(
  { flags, environment }: SettingSources,
  profile: ConfigProfile,
): CallerIdentity[] {
  const of = (from: Source, read: (name: GlobalName) => string | undefined): CallerIdentity => ({
    from,
    token: read("token"),
    username: read("username"),
    password: read("password"),
  });
  return [
    of("flag", (name) => text(flags.get(name))),
    of("environment", (name) => fromEnvironment(name, environment)),
    { from: "config", token: profile.token, username: profile.username, password: undefined },
  ];
}

function unknownProfile(name: string | undefined, config: ConfigFile): ReadSettings {
  const known = Object.keys(config.profiles ?? {}).map(safeText);
  const hint =
    known.length === 0
      ? "there are none yet: realmgate config set --profile NAME baseUrl URL makes one"
      : `there are ${known.join(", ")}`;
  const problems = [`no profile ${safeText(name ?? "")} in the configuration file; ${hint}`];
  return { ok: false, exit: exitCode.unknownProfile, problems };
}

function usage(problem: string): ReadSettings {
  return { ok: false, exit: exitCode.usage, problems: [problem] };
}

function isOutput(name: string | undefined): name is Output {
  return (outputs as readonly (string | undefined)[]).includes(name);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
