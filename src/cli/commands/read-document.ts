// The body of `permissions replace`: from flags, or from a file that flags override.
import { documentMetadata } from "../../client/write-from-answer.ts";
import type { ParsedArguments } from "../flags/flag.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";

/** Whose document it was: it is written to the one that the command names. */
const owners: ReadonlySet<string> = new Set(["project", "container"]);

export function documentFrom(
  body: Readonly<Record<string, unknown>>,
  parsed: ParsedArguments,
): Readonly<Record<string, unknown>> {
  const whole = parsed.flags.get("file");
  if (whole === undefined) return body;
  if (typeof whole !== "object" || whole === null || Array.isArray(whole)) {
    throw new CommandFailure(exitCode.usage, "--file must hold a document: a JSON object");
  }
  const kept = Object.entries(whole).filter(
    ([field]) => !documentMetadata.has(field) && !owners.has(field),
  );
  return { ...Object.fromEntries(kept), ...body };
}
