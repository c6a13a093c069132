// Prints the typed command line with some flags changed, ready to run again. Omits secrets: logs may keep what we print.

import type { Flag } from "../flags/flag.ts";
import { type GlobalFlag, globalFlags } from "../settings/global-flags.ts";
import type { Command } from "./command.ts";

/** Quoted for a POSIX shell. `changes`: flag → new value. */
export function retryHint(
  typed: readonly string[],
  command: Command,
  changes: ReadonlyMap<string, string>,
): string {
  const words: string[] = ["realmgate"];
  for (let index = 0; index < typed.length; index++) {
    const word = typed[index] ?? "";
    const [spelled = "", inline] = word.startsWith("--") ? word.split(/=(.*)/s, 2) : [word];
    const name = nameOf(spelled);
    const flag =
      name === undefined ? undefined : flagOf(spelled, name, command, typed.slice(0, index));
    if (name === undefined || flag === undefined || flag.kind === "boolean") {
      words.push(quoted(word));
      continue;
    }
    const value = inline ?? typed[++index] ?? "";
    const change = changes.get(name);
    words.push(spelled, change ?? (flag.secret && value !== "-" ? hidden(value) : quoted(value)));
  }
  return words.join(" ");
}

/** Keeps the name of a `name=value` pair: `team='…'`. */
function hidden(value: string): string {
  const [, name] = /^([A-Za-z0-9_-]+)=/.exec(value) ?? [];
  return name === undefined ? "'…'" : `${name}='…'`;
}

function nameOf(word: string): string | undefined {
  if (word.startsWith("--")) return word.slice(2);
  if (!/^-[a-z]$/.test(word)) return undefined;
  return Object.entries(globalFlags).find(
    ([, flag]) => (flag as GlobalFlag).short === word.slice(1),
  )?.[0];
}

/**
 * A flag that the command has in place of one of all commands is the command's only after its words, and by its long name.
 * `before`: what was typed before it.
 */
function flagOf(
  spelled: string,
  name: string,
  { flags = {}, words }: Command,
  before: readonly string[],
): Flag | undefined {
  const isOfCommand = spelled.startsWith("--") && Object.hasOwn(flags, name);
  const isGlobal = flags[name]?.own && !before.join(" ").includes(words);
  if (isOfCommand && !isGlobal) return flags[name];
  return Object.hasOwn(globalFlags, name)
    ? globalFlags[name as keyof typeof globalFlags]
    : undefined;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
