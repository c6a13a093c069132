// Texts of flags → values, or all problems at once. One secret flag with the value `-` reads standard input.
import { readFile } from "node:fs/promises";
import type { Command } from "../execution/command.ts";
import type { Flag, Flags, ParsedArguments } from "../flags/flag.ts";
import { readFlag } from "../flags/read-flag.ts";
import { globalFlags } from "../settings/global-flags.ts";
import type { In } from "../terminal/io.ts";
import { safeText } from "../terminal/safe-text.ts";
import type { CommandLine, FlagTexts } from "./command-line.ts";

interface ParsedLine {
  readonly parsed: ParsedArguments;
  readonly globals: ReadonlyMap<string, unknown>;
  readonly problems: readonly string[];
}

type CommandOfLine = Extract<CommandLine, { kind: "command" }>;

/** Flags that mean `-` for another flag. */
const fromStdin = { "token-stdin": "token", "password-stdin": "password" } as const;

export async function parseArguments(line: CommandOfLine, stdin: In): Promise<ParsedLine> {
  const problems: string[] = [];
  const once = new StdinOnce(stdin);
  const globalTexts = new Map(line.globals);
  for (const [flag, target] of Object.entries(fromStdin)) {
    if (!globalTexts.has(flag)) continue;
    if (globalTexts.has(target)) problems.push(`give either --${flag} or --${target}`);
    globalTexts.set(target, ["-"]);
  }
  const globals = await readAll(globalFlags, globalTexts, once, problems);
  const flags = await readAll(line.command.flags ?? {}, line.flags, once, problems);
  const parsed = { args: line.args, flags };
  problems.push(...missing(line), ...wrongChoices(line.command, parsed));
  return { parsed, globals, problems };
}

async function readAll(
  flags: Flags,
  texts: ReadonlyMap<string, FlagTexts>,
  stdin: StdinOnce,
  problems: string[],
): Promise<Map<string, unknown>> {
  const values = new Map<string, unknown>();
  for (const [name, said] of texts) {
    const flag = flags[name];
    if (flag === undefined) continue;
    if (said === "negated") {
      values.set(name, flag.kind === "boolean" ? false : null);
      continue;
    }
    const texts = await textsOf(name, flag, said, stdin, problems);
    if (texts === null) continue;
    const read = readFlag(name, flag, texts);
    if (read.ok) values.set(name, read.value);
    else problems.push(...read.problem);
  }
  return values;
}

/** The texts of a flag, from a file or standard input where the flag says so. Null: unreadable, and reported. */
async function textsOf(
  name: string,
  flag: Flag,
  said: readonly string[],
  stdin: StdinOnce,
  problems: string[],
): Promise<readonly string[] | null> {
  const [first = ""] = said;
  if (flag.kind === "json-file" && first !== "-") {
    try {
      return [await readFile(first, "utf8"), ...said.slice(1)];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      problems.push(`--${name} ${safeText(first)} cannot be read (${code})`);
      return null;
    }
  }
  return flag.secret || flag.kind === "json-file" ? stdin.instead(name, said, problems) : said;
}

/** Missing required flags. A flag with an invalid value is reported elsewhere. */
function missing({ command, flags: said }: Pick<CommandOfLine, "command" | "flags">): string[] {
  return Object.entries(command.flags ?? {})
    .filter(([name, flag]) => flag.required && !said.has(name))
    .map(([name, flag]) => `--${name} is missing: ${flag.about}`);
}

function wrongChoices({ args = [] }: Command, parsed: ParsedArguments): string[] {
  return args.flatMap(({ name, choices }) => {
    const text = parsed.args.get(name);
    if (text === undefined || choices === undefined || choices.includes(text)) return [];
    return [`${name} is one of ${choices.join(", ")}; not ${safeText(text)}`];
  });
}

/** Standard input can supply one secret; a final line break, as from files and `echo`, is removed. */
class StdinOnce {
  readonly #stdin: In;
  #takenBy: string | null = null;

  constructor(stdin: In) {
    this.#stdin = stdin;
  }

  async instead(name: string, texts: readonly string[], problems: string[]): Promise<string[]> {
    const all: string[] = [];
    for (const text of texts) {
      if (text !== "-") all.push(text);
      else if (this.#takenBy !== null) {
        problems.push(`--${this.#takenBy} and --${name} cannot both read standard input`);
      } else {
        this.#takenBy = name;
        const read = await this.#stdin.text();
        const value = read.replace(/\r?\n$/, "");
        if (value === "") problems.push(`standard input is empty: --${name} needs a value`);
        all.push(value);
      }
    }
    return all;
  }
}
