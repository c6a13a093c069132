// Exit codes of commands. Scripts depend on them.

export const exitCode = {
  ok: 0,
  /** Anything that has no code of its own. */
  failed: 1,
  /** Invalid command line. */
  usage: 2,
  /** The server has no such thing, or does not show it to this caller (404). */
  notFound: 3,
  /** The server refused the caller or the call (401, 403, 429), or `--expect` expected another decision. */
  refused: 4,
  /** Somebody else was faster, or it exists already (409, 412, 428). */
  conflict: 5,
  /** A question needs a terminal. */
  noTerminal: 6,
  /** The user declined. */
  declined: 7,
  /** There was no answer: no connection, no name, no valid certificate, no time. */
  unreachable: 9,
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
