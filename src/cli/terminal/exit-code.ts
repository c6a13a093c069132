// How a command ends, as scripts see it (contract M).

export const exitCode = {
  ok: 0,
  /** The server said no, or nobody answered. */
  failed: 1,
  /** The command line cannot be read. */
  usage: 2,
  /** There is something to ask, and no terminal to ask on. */
  noTerminal: 6,
  /** The answer to a question was no. */
  declined: 7,
  /** `--profile` names none of the configuration file. */
  unknownProfile: 10,
  /** Ctrl-C, as shells report it: 128 + SIGINT. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Ends the command with these lines on stderr, each for a reader who wants to know what to do next. */
export class CommandFailure extends Error {
  readonly exit: ExitCode;
  readonly lines: readonly string[];

  constructor(exit: ExitCode, ...lines: readonly string[]) {
    super(lines[0] ?? "");
    this.name = "CommandFailure";
    this.exit = exit;
    this.lines = lines;
  }
}
