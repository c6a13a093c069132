// Asks questions on stderr, as stdout is for data. Without a terminal it fails rather than assume an answer.
import { CommandFailure, exitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { safeText } from "./safe-text.ts";

/** Returns when the user says yes or `sayYes` is set. Throws CommandFailure otherwise. */
export async function confirm(io: Io, question: string, sayYes: boolean): Promise<void> {
  if (sayYes) return;
  requireTerminal(io, `${question} There is no terminal to ask on: use --yes to confirm`);
  const line = await answer(io, `${safeText(question)} [y/N] `, true);
  if (!/^\s*y(es)?\s*$/i.test(line)) {
    throw new CommandFailure(exitCode.declined, "nothing was done");
  }
}

/** `instead`: what to do without a terminal. Throws CommandFailure. */
export async function ask(
  io: Io,
  label: string,
  options: { readonly echo: boolean; readonly instead: string },
): Promise<string> {
  requireTerminal(io, `${label} is missing and there is no terminal to ask on: ${options.instead}`);
  return answer(io, `${label}: `, options.echo);
}

async function answer(io: Io, prompt: string, echo: boolean): Promise<string> {
  // Switch off echo before printing the prompt, so that type-ahead is not shown either.
  const typed = io.stdin.line({ echo });
  io.stderr.write(prompt);
  const line = await typed;
  if (line === "interrupted") throw new CommandFailure(exitCode.interrupted);
  if (line === null) throw new CommandFailure(exitCode.declined, "nothing was done");
  return line;
}

function requireTerminal(io: Io, otherwise: string): void {
  if (!io.stdin.isTerminal || !io.stderr.isTerminal) {
    throw new CommandFailure(exitCode.noTerminal, otherwise);
  }
}
