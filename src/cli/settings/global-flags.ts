// The flags that every command has, their variables, and their settings in the configuration file.
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
    about: "how answers are shown",
    choices: outputs,
    placeholder: "format",
    config: "output",
  },
  quiet: { kind: "boolean", short: "q", about: "print ids only" },
  verbose: { kind: "boolean", short: "v", about: "say on stderr what is called" },
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
    about: "the API; https://<realm>.api.… is that realm of it",
    placeholder: "url",
    variables: ["BASE_URL", "API_URL"],
    config: "baseUrl",
  },
  "containers-url": {
    kind: "text",
    about: "where containers are reached, when the API's address does not tell",
    placeholder: "url",
    variables: ["CONTAINERS_URL"],
    config: "containersUrl",
  },
  realm: {
    kind: "text",
    about: "work in this realm",
    placeholder: "id",
    variables: ["REALM", "REALM_ID"],
    config: "realm",
  },
  container: {
    kind: "text",
    short: "c",
    about: "the container",
    placeholder: "id",
    variables: ["CONTAINER", "CONTAINER_ID"],
    config: "container",
  },
  token: {
    kind: "text",
    short: "t",
    about: "auth or session token; -: from standard input",
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
    about: "password; -: from standard input",
    placeholder: "text",
    secret: true,
    variables: ["PASSWORD", "PASS"],
  },
  "password-stdin": { kind: "boolean", about: "read the password from standard input" },
  yes: { kind: "boolean", short: "y", about: "do not ask" },
} as const satisfies Readonly<Record<string, GlobalFlag>>;

export type GlobalName = keyof typeof globalFlags;

/** Ours first: `HOODY_` is what the people who come from there have set. */
const prefixes = ["REALMGATE_", "HOODY_"] as const;

/** The text that the environment has for a flag; a variable that is empty is not set. */
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

/** Every variable that is read, ours only: the server has settings of that prefix, too. */
export function ownVariables(): string[] {
  return Object.values(globalFlags).flatMap((flag: GlobalFlag) =>
    (flag.variables ?? []).map((variable) => `REALMGATE_${variable}`),
  );
}
