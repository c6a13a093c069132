// The configuration file; with --profile, that profile.

import { parseBaseUrl, realmIdPattern } from "../../client/api-host.ts";
import type { Command } from "../execution/command.ts";
import type { CommandContext } from "../execution/context.ts";
import type { Argument } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import {
  type ConfigFile,
  type ConfigKey,
  configKeys,
  readConfig,
  secretKeys,
  writeConfig,
} from "../settings/config-file.ts";
import { changeProfile } from "../settings/credential.ts";
import { outputs } from "../settings/global-flags.ts";
import { realmNamePattern } from "../settings/settings.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { confirm } from "../terminal/prompt.ts";
import { safeText } from "../terminal/safe-text.ts";

const key: Argument = { name: "key", about: "the setting", choices: configKeys };

/** What is wrong with a value; null: nothing. */
const rules: Readonly<Record<ConfigKey, (value: string) => string | null>> = {
  baseUrl: (value) => {
    try {
      parseBaseUrl(value);
      return null;
    } catch (error) {
      return (error as TypeError).message;
    }
  },
  containersUrl: (value) =>
    URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
      ? null
      : "containersUrl is an http:// or https:// URL, such as http://containers.localhost:8000",
  realm: (value) =>
    realmIdPattern.test(value) || realmNamePattern.test(value)
      ? null
      : "a realm is 24 lower-case hex digits, or a name",
  container: (value) =>
    /^[\x20-\x7e]+$/.test(value) ? null : "a container is 24 hex digits, or a name",
  output: (value) =>
    (outputs as readonly string[]).includes(value)
      ? null
      : `output is one of ${outputs.join(", ")}`,
  token: (value) => (/^[\x21-\x7e]+$/.test(value) ? null : "a token is printable, without spaces"),
  username: () => null,
};

export const configCommands: readonly Command[] = [
  {
    words: "config set",
    about: "store a setting",
    example: "config set baseUrl https://api.example.com",
    args: [key, { name: "value", about: "its value; - reads standard input" }],
    run: async (context, { args }) => {
      const name = args.get("key") as ConfigKey;
      const said = args.get("value") ?? "";
      const value = said === "-" ? (await context.io.stdin.text()).trim() : said;
      const problem = rules[name](value);
      if (problem !== null) throw new CommandFailure(exitCode.usage, problem);
      refuseBroken(context);
      changeProfile(context.settings, () => ({ [name]: value }));
      context.say(`${name} is set in ${context.settings.configPath}`);
    },
  },
  {
    words: "config get",
    about: "print a setting",
    example: "config get baseUrl",
    args: [key],
    run: async (context, { args }) => {
      const name = args.get("key") as ConfigKey;
      const value = context.settings.profile[name];
      if (value === undefined) throw new CommandFailure(exitCode.failed, `${name} is not set`);
      context.show(one, { data: value, raw: value });
    },
  },
  {
    words: "config unset",
    about: "remove a setting",
    example: "config unset realm",
    args: [{ ...key, choices: [...configKeys, "session"] }],
    run: async (context, { args }) => {
      refuseBroken(context);
      changeProfile(context.settings, () => ({ [args.get("key") ?? ""]: undefined }));
    },
  },
  {
    words: "config show",
    about: "print all settings without secrets",
    example: "config show -o yaml",
    run: async (context) => {
      refuseBroken(context);
      const data = withoutSecrets(context.settings.config);
      context.show({ as: "record", id: "baseUrl" }, { data, raw: JSON.stringify(data) });
    },
  },
  {
    words: "config path",
    about: "print the path of the file",
    example: "config path",
    run: async (context) => {
      const { configPath } = context.settings;
      context.show(one, { data: configPath, raw: configPath });
    },
  },
  {
    words: "config validate",
    about: "check the file",
    example: "config validate",
    run: async (context) => {
      refuseBroken(context);
      const { config } = context.settings;
      const profiles = [["", config] as const, ...Object.entries(config.profiles ?? {})];
      const problems = profiles.flatMap(([name, profile]) =>
        configKeys.flatMap((field) => {
          const value = profile[field];
          const problem = value === undefined ? null : rules[field](value);
          return problem === null
            ? []
            : [`${name === "" ? "" : `profiles.${name}.`}${field}: ${problem}`];
        }),
      );
      if (problems.length > 0) throw new CommandFailure(exitCode.failed, ...problems.map(safeText));
      context.say(`${context.settings.configPath} is valid`);
    },
  },
  {
    words: "config reset",
    about: "empty the file: removes all settings, profiles and sessions",
    example: "config reset --yes",
    run: async (context) => {
      const { configPath, yes } = context.settings;
      await confirm(context.io, `This empties ${configPath}. Go on?`, yes);
      writeConfig(configPath, {});
    },
  },
];

const one: Show = { as: "text", text: (data) => [safeText(String(data))], id: "" };

/** Never overwrite a file that cannot be read. */
function refuseBroken({ settings }: CommandContext): void {
  const read = readConfig(settings.configPath);
  if (!read.ok) {
    throw new CommandFailure(exitCode.failed, ...read.problems);
  }
}

function withoutSecrets(config: ConfigFile): unknown {
  return JSON.parse(
    JSON.stringify(config, (name, value) => (secretKeys.has(name) ? "(secret)" : value)),
  );
}
