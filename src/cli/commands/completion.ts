// Completion of the command line in shells.
import type { Command } from "../execution/command.ts";
import {
  type Completions,
  completionScript,
  type Shell,
  shells,
} from "../output/completion-script.ts";
import { type GlobalFlag, globalFlags } from "../settings/global-flags.ts";

/** Roles that the table of commands does not have. */
const roles = [
  ...["serve", "control", "gateway", "connect"],
  ...["backup", "restore", "doctor", "rotate-key", "admin"],
] as const;

/** `commands`: all of them, this one included. */
export function completionCommands(commands: () => readonly Command[]): readonly Command[] {
  return [
    {
      words: "completion",
      about: "print a script that completes commands and flags",
      example: "completion bash",
      args: [{ name: "shell", about: "the shell", choices: shells }],
      run: async (context, { args }) => {
        const script = completionScript(args.get("shell") as Shell, completionsOf(commands()));
        context.io.stdout.write(script);
      },
    },
  ];
}

function completionsOf(commands: readonly Command[]): Completions {
  const after = new Map<string, Set<string>>();
  const values = new Map<string, readonly string[]>();
  const add = (path: string, word: string) =>
    after.set(path, (after.get(path) ?? new Set()).add(word));
  for (const role of roles) add("", role);
  for (const { words, aliases = [], args = [], flags = {} } of commands) {
    for (const spelling of [words, ...aliases]) {
      const parts = spelling.split(" ");
      for (const [index, part] of parts.entries()) add(parts.slice(0, index).join(" "), part);
      for (const choice of args.flatMap(({ choices = [] }) => choices)) add(spelling, choice);
      add(spelling, "--help");
      for (const [name, flag] of Object.entries(flags))
        if (!flag.hidden) add(spelling, `--${name}`);
      for (const name of Object.keys(globalFlags)) add(spelling, `--${name}`);
    }
    for (const [name, { choices }] of Object.entries(flags)) {
      if (choices !== undefined) values.set(`--${name}`, choices);
    }
  }
  for (const [name, { choices, short }] of Object.entries<GlobalFlag>(globalFlags)) {
    if (choices === undefined) continue;
    values.set(`--${name}`, choices);
    if (short !== undefined) values.set(`-${short}`, choices);
  }
  return { after: new Map([...after].map(([path, words]) => [path, [...words]])), values };
}
