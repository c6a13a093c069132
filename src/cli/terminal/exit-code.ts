// Exit codes of commands. Scripts depend on them.

export const exitCode = {
  ok: 0,
  /** The server refused, or did not answer. */
  failed: 1,
  /** Invalid command line. */
  usage: 2,
  /** A question needs a terminal. */
  noTerminal: 6,
  /** The user declined. */
  declined: 7,
  /** `--profile` names a profile that the configuration file does not have. */
  unknownProfile: 10,
  /** Ctrl-C, as shells report it: 128 + SIGINT. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Ends the command with this exit code and these lines on stderr. */
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
