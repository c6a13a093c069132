// The trailers of a request as they go upstream.
import type { HeadWriter } from "../../../http1/head-writer.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import type { CredentialLocation } from "../../../policy/credential-location.ts";
import { fieldKey } from "../../snapshot/header-match.ts";
import type { CompiledHook } from "../../snapshot/hook-match.ts";
import { Claim, claimOf, METHOD_NAMES } from "./line-rules.ts";
import { isConsumed } from "./upstream-head.ts";

/**
 * The lines that are left and the empty line; null: they do not fit. There are programs that merge trailers into header fields, so
 * what only the gate or a trusted proxy may say, and credentials that the gate took, end here as they do in the head. So does what a
 * hook of the program looks for: it has seen the head alone.
 */
export function upstreamTrailers(
  writer: HeadWriter,
  trailers: HeaderLines,
  consumed: readonly CredentialLocation[],
  hooks: readonly Pick<CompiledHook, "headers">[],
): Uint8Array | null {
  const guarded = hooks.flatMap(({ headers }) => headers.map(([name]) => fieldKey(name)));
  for (let line = 0; line < trailers.count; line++) {
    const isDropped =
      claimOf(trailers, line) !== Claim.none ||
      METHOD_NAMES.some((name) => trailers.nameIs(line, name)) ||
      isConsumed(trailers, line, consumed) ||
      (guarded.length > 0 && guarded.includes(fieldKey(trailers.name(line))));
    if (isDropped) trailers.drop(line);
  }
  return writer.begin().keptLines(trailers).crlf().finish();
}
