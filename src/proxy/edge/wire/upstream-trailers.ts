// The trailers of a request as they go upstream.
import type { HeadWriter } from "../../../http1/head-writer.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import type { CredentialLocation } from "../../../policy/credential-location.ts";
import { Claim, claimOf, METHOD_NAMES } from "./line-rules.ts";
import { isConsumed } from "./upstream-head.ts";

/**
 * The lines that are left and the empty line; null: they do not fit. There are programs that merge trailers into header fields, so what only the
 * gate or a trusted proxy may say, and credentials that the gate took, end here as they do in the head.
 */
export function upstreamTrailers(
  writer: HeadWriter,
  trailers: HeaderLines,
  consumed: readonly CredentialLocation[],
): Uint8Array | null {
  for (let line = 0; line < trailers.count; line++) {
    const isDropped =
      claimOf(trailers, line) !== Claim.none ||
      METHOD_NAMES.some((name) => trailers.nameIs(line, name)) ||
      isConsumed(trailers, line, consumed);
    if (isDropped) trailers.drop(line);
  }
  return writer.begin().keptLines(trailers).crlf().finish();
}
