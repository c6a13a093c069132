// Flags of every command, with their environment variables and their settings in the configuration file.
import type { Flag } from "../flags/flag.ts";
import type { ConfigKey } from "./config-file.ts";

export interface GlobalFlag extends Flag {
  readonly short?: string;
  /** After `REALMGATE_` or `HOODY_`. */
  readonly variables?: readonly string[];
  readonly config?: ConfigKey;
}

export const outputs = ["table", "json", "yaml", "wide", "raw"] as const;
export type Output = (typeof outputs)[number];

export const globalFlags = {
  output: {
    kind: "text",
    short: "o",
    about: "output format",
    choices: outputs,
    placeholder: "format",
    config: "output",
  },
  quiet: { kind: "boolean", short: "q", about: "print ids only" },
  verbose: { kind: "boolean", short: "v", about: "print each request on stderr" },
  config: {
    kind: "text",
    about: "configuration file",
    placeholder: "file",
    variables: ["CONFIG"],
  },
  profile: {
    kind: "text",
    about: "profile of the configuration file",
    placeholder: "name",
    variables: ["PROFILE"],
  },
  "base-url": {
    kind: "text",
    about: "URL of the API; https://<realm>.api.… selects that realm",
    placeholder: "url",
    variables: ["BASE_URL", "API_URL"],
    config: "baseUrl",
  },
  "containers-url": {
    kind: "text",
    about: "URL of the containers' domain, if it does not follow from the API's",
    placeholder: "url",
    variables: ["CONTAINERS_URL"],
    config: "containersUrl",
  },
  realm: {
    kind: "text",
    about: "work in this realm: id or name",
    placeholder: "realm",
    variables: ["REALM", "REALM_ID"],
    config: "realm",
  },
  container: {
    kind: "text",
    short: "c",
    about: "the container: id, name or project/name",
    placeholder: "container",
    variables: ["CONTAINER", "CONTAINER_ID"],
    config: "container",
  },
  token: {
    kind: "text",
    short: "t",
    about: "auth or session token; - reads standard input",
    placeholder: "token",
    secret: true,
    variables: ["TOKEN", "API_TOKEN"],
    config: "token",
  },
  "token-stdin": { kind: "boolean", about: "read the token from standard input" },
  username: {
    kind: "text",
    short: "u",
    about: "user name or e-mail address",
    placeholder: "name",
    variables: ["USERNAME", "USER"],
    config: "username",
  },
  password: {
    kind: "text",
    short: "p",
    about: "password; - reads standard input",
    placeholder: "text",
    secret: true,
    variables: ["PASSWORD", "PASS"],
  },
  "password-stdin": { kind: "boolean", about: "read the password from standard input" },
  yes: { kind: "boolean", short: "y", about: "do not ask for confirmation" },
} as const satisfies Readonly<Record<string, GlobalFlag>>;

export type GlobalName = keyof typeof globalFlags;

/** `HOODY_` is for users of the Hoody command line; ours takes precedence. */
const prefixes = ["REALMGATE_", "HOODY_"] as const;

/** The value of a flag in the environment; an empty variable counts as unset. */
export function fromEnvironment(
  name: GlobalName,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { variables = [] }: GlobalFlag = globalFlags[name];
  for (const prefix of prefixes) {
    for (const variable of variables) {
      const text = environment[prefix + variable];
      if (text) return text;
    }
  }
  return undefined;
}

/** Every variable of commands with our prefix, which settings of the server share. */
export function ownVariables(): string[] {
  return Object.values(globalFlags).flatMap((flag: GlobalFlag) =>
    (flag.variables ?? []).map((variable) => `REALMGATE_${variable}`),
  );
}
