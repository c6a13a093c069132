// The body of `permissions replace`: from flags, or whole from a file with flags over it.
import type { Given } from "../command.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";

/** What answers have and the server makes: a document that was read can be written as it is. */
const outputOnly: ReadonlySet<string> = new Set([
  "file_version",
  "etag",
  "schema_version",
  "warnings",
]);

export function documentFrom(
  body: Readonly<Record<string, unknown>>,
  given: Given,
): Readonly<Record<string, unknown>> {
  const whole = given.flags.get("file");
  if (whole === undefined) return body;
  if (typeof whole !== "object" || whole === null || Array.isArray(whole)) {
    throw new CommandFailure(exitCode.usage, "--file has no document: it must be a JSON object");
  }
  const kept = Object.entries(whole).filter(([field]) => !outputOnly.has(field));
  return { ...Object.fromEntries(kept), ...body };
}
