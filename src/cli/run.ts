// Runs one command line; returns the exit code.

import { commands as allCommands } from "./commands.ts";
import type { Command } from "./execution/command.ts";
import { CommandContext } from "./execution/context.ts";
import { exitOf, failureJson, linesOf } from "./execution/failure.ts";
import { withIds } from "./execution/names.ts";
import { runCall } from "./execution/run-call.ts";
import { readCommandLine } from "./parse/command-line.ts";
import { parseArguments } from "./parse/parse-arguments.ts";
import { readSettings } from "./settings/settings.ts";
import { colours } from "./terminal/colours.ts";
import { CommandFailure, type ExitCode, exitCode } from "./terminal/exit-code.ts";
import type { Io } from "./terminal/io.ts";
import { safeText } from "./terminal/safe-text.ts";

/** Columns of help when stdout is not a terminal. */
const helpColumns = 100;

/** `argv`: the words after `realmgate`. Throws only what is a bug. */
export async function run(
  argv: readonly string[],
  process: Io,
  commands: readonly Command[] = allCommands,
): Promise<ExitCode> {
  const words = argv.filter((word) => word !== noColor);
  const io = words.length === argv.length ? process : withoutColours(process);
  const said: string[] = [];
  const line = readCommandLine(commands, words, {
    out: (text) => io.stdout.write(text),
    err: (text) => said.push(text),
    columns: io.stdout.columns ?? helpColumns,
  });
  let output: unknown = writtenOutput(words, io);
  const complain = (lines: readonly string[], exit: ExitCode, thrown: unknown = null) => {
    if (lines.length > 0 && output === "json") {
      io.stderr.write(failureJson(lines, exit, thrown));
      return;
    }
    const { bad } = colours(io.stderr, io.environment);
    const [first, ...rest] = lines;
    if (first === undefined) return;
    io.stderr.write([`${bad("error:")} ${first}\n`, ...rest.map((each) => `${each}\n`)].join(""));
  };
  if (line.kind === "done") {
    const text = printable(said.join(""));
    if (!line.failed || output !== "json") io.stderr.write(text);
    else complain(linesIn(text), exitCode.usage);
    return line.failed ? exitCode.usage : exitCode.ok;
  }
  const { parsed, globals, problems } = await parseArguments(line, io.stdin);
  output = globals.get("output") ?? output;
  if (problems.length > 0) {
    complain([...problems, `see realmgate ${line.command.words} --help`], exitCode.usage);
    return exitCode.usage;
  }
  const toleratesConfig = line.command.words.startsWith("config ");
  const { environment, home } = io;
  const read = readSettings({ flags: globals, environment, home, toleratesConfig });
  if (!read.ok) {
    complain(read.problems, read.exit);
    return read.exit;
  }
  ({ output } = read.settings);
  const context = new CommandContext(read.settings, io, words);
  for (const warning of read.settings.warnings) context.warn(warning);
  try {
    const resolved = await withIds(line.command, context, parsed);
    if ("call" in line.command) await runCall(line.command, context, resolved);
    else await line.command.run(context, resolved);
    return exitCode.ok;
  } catch (thrown) {
    const exit = exitOf(thrown);
    const lines = thrown instanceof CommandFailure ? thrown.lines : linesOf(thrown, read.settings);
    if (lines === null) throw thrown;
    complain(lines, exit, thrown);
    return exit;
  }
}

/** Removed before parsing: commands of projects have a `--color` flag, and the parser would read this as its negation. */
const noColor = "--no-color";

function withoutColours(io: Io): Io {
  return { ...io, environment: { ...io.environment, NO_COLOR: "1" } };
}

/** The output that a line asks for that may not be readable; else that of the configuration file. */
function writtenOutput(words: readonly string[], { environment, home }: Io): unknown {
  const line = words.join("\n");
  const [, typed] = /(?:^|\n)(?:-o=?|--output=|(?:-o|--output)\n)([a-z]+)(?:\n|$)/.exec(line) ?? [];
  if (typed !== undefined) return typed;
  const read = readSettings({ flags: new Map(), environment, home, toleratesConfig: true });
  return read.ok ? read.settings.output : undefined;
}

function linesIn(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((each) => each.trim() !== "")
    .map((each) => each.replace(/^error: /, ""));
}

/** Messages of the parser may contain parts of the line. */
function printable(text: string): string {
  return text.split("\n").map(safeText).join("\n");
}
