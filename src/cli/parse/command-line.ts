// Builds commander's parser from the table of commands; parses a line into a command and the texts of its flags.
import { CommanderError, InvalidArgumentError, Option, Command as Parser } from "commander";
import { version } from "../../../package.json";
import type { Command } from "../execution/command.ts";
import type { Flag, Flags } from "../flags/flag.ts";
import { placeholders } from "../flags/read-flag.ts";
import { type GlobalFlag, globalFlags } from "../settings/global-flags.ts";

/** Values as typed, in order; `negated`: given as `--no-NAME`. */
export type FlagTexts = readonly string[] | "negated";

export type CommandLine =
  | {
      readonly kind: "command";
      readonly command: Command;
      readonly args: ReadonlyMap<string, string>;
      readonly flags: ReadonlyMap<string, FlagTexts>;
      /** Texts of global flags. */
      readonly globals: ReadonlyMap<string, FlagTexts>;
    }
  /** Help or an error was printed instead. */
  | { readonly kind: "done"; readonly failed: boolean };

export interface Printed {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Width of help in characters. */
  readonly columns: number;
}

const introduction = `Manage projects, containers, realms, and who may reach what.

A first session:
  $ realmgate login -u admin
  $ realmgate projects list
  $ realmgate projects proxy permissions get --project ID`;

/** Parses the words after `realmgate`. */
export function readCommandLine(
  commands: readonly Command[],
  words: readonly string[],
  printed: Printed,
): CommandLine {
  let found: Extract<CommandLine, { kind: "command" }> | null = null;
  const root = new Parser("realmgate")
    .description(introduction)
    .usage("[flags] COMMAND …")
    .exitOverride()
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    .helpCommand(false)
    .version(version, "-V, --version", "print the version")
    .configureHelp({
      helpWidth: printed.columns,
      subcommandTerm: (each) =>
        [each.name(), ...each.registeredArguments.map(argumentTerm)].join(" "),
    })
    .configureOutput({ writeOut: printed.out, writeErr: printed.err, outputError: printed.err });
  root.helpOption("-h, --help", "print help");
  root.showHelpAfterError("realmgate --help lists the commands");
  addFlags(root, globalFlags, false);
  root.addOption(new Option("--no-color", "no colours; the same as NO_COLOR=1"));
  root.addHelpText(
    "after",
    [
      "",
      "Flags may stand anywhere after realmgate. Each command has its own --help.",
      "`realmgate serve` runs the gate, `control`, `proxy` and `gateway` parts of it; `realmgate connect HOST` is a tunnel for OpenSSH;",
      "`backup`, `restore`, `doctor` and `rotate-key` look after the gate's data; `admin reset-password` lets somebody in again.",
      "All have their own --help.",
    ].join("\n"),
  );
  for (const command of commands) {
    for (const [index, spelling] of [command.words, ...(command.aliases ?? [])].entries()) {
      // One-word aliases show in the help.
      const isHidden = index > 0 && spelling.includes(" ");
      const leaf = place(root, spelling.split(" "), command, isHidden);
      dress(leaf, command);
      leaf.action(() => {
        const names = command.args?.map(({ name }) => name) ?? [];
        found = {
          kind: "command",
          command,
          args: new Map(names.flatMap((name, at) => entry(name, leaf.args[at]))),
          flags: textsOf([leaf], Object.keys(command.flags ?? {})),
          globals: globalTexts(leaf, command),
        };
      });
    }
  }
  const bare = withoutTruth(helpLast(words), booleanNames(commands));
  try {
    root.parse([...bare], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { kind: "done", failed: error.exitCode !== 0 };
  }
  return found ?? { kind: "done", failed: true };
}

function argumentTerm(argument: { readonly required: boolean; name(): string }): string {
  return argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
}

/** Finds or creates the parser of these words. */
function place(root: Parser, words: readonly string[], command: Command, hidden: boolean): Parser {
  let at = root;
  for (const [index, word] of words.entries()) {
    const isLeaf = index === words.length - 1;
    let next = at.commands.find((each) => each.name() === word);
    if (next === undefined) {
      // A group is visible when a command in it is; aliases come after their command.
      next = at.command(word, { hidden });
      next.usage(isLeaf ? "" : "COMMAND …").helpCommand(false);
      if (isLeaf) addShortForms(next, command);
      addFlags(next, isLeaf ? withoutOwn(command) : globalFlags, true);
      const path = words.slice(0, index + 1).join(" ");
      if (!isLeaf) next.description(groupAbout(path));
      const otherWord = isLeaf ? undefined : groupAliases[path];
      if (otherWord !== undefined) next.alias(otherWord);
      next.showHelpAfterError(`see realmgate ${path} --help`);
      if (!isLeaf)
        next.addHelpText("after", `\nrealmgate ${path} COMMAND --help describes a command.`);
    }
    if (isLeaf) next.description(command.about);
    at = next;
  }
  return at;
}

function dress(leaf: Parser, command: Command): void {
  for (const { name, about, choices, orContainer } of command.args ?? []) {
    const told = choices === undefined ? about : `${about}: ${choices.join(", ")}`;
    leaf.argument(orContainer ? `[${name}]` : `<${name}>`, told);
  }
  const args = (command.args ?? []).map((each) =>
    each.orContainer ? `[${each.name}]` : `<${each.name}>`,
  );
  leaf.usage(["[flags]", ...args].join(" "));
  addFlags(leaf, command.flags ?? {}, false);
  for (const name of command.shows ?? []) {
    leaf.options.find(({ long }) => long === `--${name}`)?.hideHelp(false);
  }
  const others = command.aliases === undefined ? "" : `\nAlso: ${command.aliases.join(", ")}`;
  leaf.addHelpText(
    "after",
    `${others}\nExample:\n  $ realmgate ${command.example}\n\nrealmgate --help lists the flags of all commands.`,
  );
}

function addFlags(parser: Parser, flags: Flags, hidden: boolean): void {
  for (const [name, flag] of Object.entries(flags)) {
    if (parser.options.some((option) => option.long === `--${name}`)) continue;
    for (const option of optionsOf(parser, name, flag)) {
      if (hidden || flag.hidden) option.hideHelp();
      parser.addOption(option);
    }
  }
}

function optionsOf(parser: Parser, name: string, flag: Flag & Pick<GlobalFlag, "short">): Option[] {
  const long = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
  const about = flag.required ? `${flag.about} (required)` : flag.about;
  if (flag.kind === "boolean") {
    return [new Option(long, about), new Option(`--no-${name}`).hideHelp()];
  }
  const choices = flag.choices === undefined ? "" : ` (${flag.choices.join(", ")})`;
  const value = flag.placeholder ?? placeholders[flag.kind];
  const told = `${about}${choices}${flag.nullable ? `; --no-${name} removes it` : ""}`;
  const option = new Option(
    `${long} <${value}>`,
    flag.choices === undefined ? told : about + choices,
  );
  takingTexts(parser, option);
  return flag.nullable ? [option, new Option(`--no-${name}`).hideHelp()] : [option];
}

function takingTexts(parser: Parser, option: Option): Option {
  return option.argParser((text: string, before: string[] | undefined) => {
    // With an empty variable, `--container $EMPTY --if-match …` would take the next flag as the value and change the command's meaning.
    if (parser.options.some(({ long }) => long === text)) {
      throw new InvalidArgumentError("It is a flag itself: is a variable empty?");
    }
    return [...(before ?? []), text];
  });
}

/** Flags of all commands that the command does not replace. */
function withoutOwn({ flags = {} }: Command): Flags {
  return Object.fromEntries(Object.entries(globalFlags).filter(([name]) => !flags[name]?.own));
}

/** The short names of the flags that the command replaces: they keep their meaning. */
function addShortForms(parser: Parser, { flags = {} }: Command): void {
  for (const [name, flag] of Object.entries<GlobalFlag>(globalFlags)) {
    if (!flags[name]?.own || flag.short === undefined) continue;
    const option = new Option(`-${flag.short} <${flag.placeholder ?? placeholders[flag.kind]}>`);
    parser.addOption(takingTexts(parser, option).hideHelp());
  }
}

/** Texts of the flags of all commands; one that the command replaces is not read from its own flag. */
function globalTexts(leaf: Parser, { flags = {} }: Command): Map<string, FlagTexts> {
  const above = leaf.parent === null ? [] : lineage(leaf.parent);
  const texts = new Map<string, FlagTexts>();
  for (const [name, flag] of Object.entries<GlobalFlag>(globalFlags)) {
    const isReplaced = flags[name]?.own === true;
    const found = textsOf(isReplaced ? above : [...above, leaf], [name]).get(name);
    const short = isReplaced ? leaf.getOptionValue(flag.short ?? "") : undefined;
    const all = [found, short as FlagTexts | undefined].filter((each) => each !== undefined);
    const [first, ...others] = all;
    if (first === undefined) continue;
    texts.set(name, others.length === 0 ? first : all.flat());
  }
  return texts;
}

function lineage(parser: Parser): Parser[] {
  return parser.parent === null ? [parser] : [...lineage(parser.parent), parser];
}

/** Values of these flags, given at the command or at any word before it. */
function textsOf(parsers: readonly Parser[], names: readonly string[]): Map<string, FlagTexts> {
  return new Map(
    names.flatMap((name) => {
      const all = parsers.flatMap((parser) => {
        const option = parser.options.find(({ long }) => long === `--${name}`);
        if (option === undefined) return [];
        const key = option.attributeName();
        if (parser.getOptionValueSource(key) !== "cli") return [];
        const value: unknown = parser.getOptionValue(key);
        if (value === false) return ["negated" as const];
        return value === true ? ["true"] : (value as string[]);
      });
      const texts = all.filter((text) => text !== "negated");
      if (all.length === 0) return [];
      // Values of all levels together, so that a flag given at two levels is reported; a value overrides a negation.
      return entry(name, texts.length === 0 ? ("negated" as const) : booleanTwice(texts));
    }),
  );
}

/** A boolean flag given at two levels counts once. */
function booleanTwice(texts: readonly string[]): readonly string[] {
  return texts.every((text) => text === "true") ? ["true"] : texts;
}

function booleanNames(commands: readonly Command[]): ReadonlySet<string> {
  const all = [globalFlags as Flags, ...commands.map(({ flags }) => flags ?? {})];
  return new Set(
    all.flatMap((flags) => Object.keys(flags).filter((name) => flags[name]?.kind === "boolean")),
  );
}

/** `help projects create` is `projects create --help`. */
function helpLast(words: readonly string[]): readonly string[] {
  return words[0] === "help" ? [...words.slice(1), "--help"] : words;
}

/** `--enabled=false` is `--no-enabled`, which commander knows. */
function withoutTruth(words: readonly string[], booleans: ReadonlySet<string>): readonly string[] {
  return words.map((word) => {
    const [, name = "", truth] = /^--([a-z-]+)=(true|false)$/.exec(word) ?? [];
    if (!booleans.has(name)) return word;
    return truth === "true" ? `--${name}` : `--no-${name}`;
  });
}

function entry<Value>(name: string, value: Value | undefined): [string, Value][] {
  return value === undefined ? [] : [[name, value]];
}

/** Another last word of a command group. */
const groupAliases: Readonly<Record<string, string>> = { "projects permissions": "members" };

/** Descriptions of command groups in the help. */
const groups: Readonly<Record<string, string>> = {
  auth: "log in and out; auth tokens",
  "auth realms": "the realms of an auth token",
  "auth profile": "the public profile of an auth token",
  realms: "realms in use",
  events: "what was done, by whom, and what was refused",
  activity: "what your account did, and what was done with it",
  projects: "projects, their members, and who may reach their containers",
  "projects permissions": "members of a project",
  "projects proxy": "who may reach the containers of a project",
  containers: "containers, and who may reach them",
  "containers proxy": "who may reach a container",
  "containers proxy hooks": "scripts that answer for a container's programs",
  "containers proxy settings": "kill switch and default of a container",
  "containers proxy discovery": "what a container's document names",
  "containers upstream": "where the gate dials (operators)",
  proxy: "aliases: short names of a container's programs; its log",
  "proxy logs": "who accessed a container",
  connections: "who is connected to a container",
  servers: "proxy nodes",
  users: "your account; all accounts (operators)",
  nodes: "nodes of an installation in several processes (operators)",
  enforcement: "whether a write has reached every proxy",
  config: "the configuration file",
  curl: "links that carry a whole request",
};

function groupAbout(words: string): string {
  const own = groups[words];
  if (own !== undefined) return own;
  const last = words.split(" ").at(-1) ?? "";
  const documents: Readonly<Record<string, string>> = {
    permissions: words.includes("groups")
      ? "what a group may reach"
      : "the whole permission document",
    groups: "who: one group at a time",
    ip: "a group of addresses",
    jwt: "a group of signed tokens",
    password: "a group with a password",
    token: "a group with a token",
    services: "programs that the document names",
  };
  return documents[last] ?? "";
}
