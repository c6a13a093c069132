// The trailers of a request as they go upstream.
import type { HeadWriter } from "../../../http1/head-writer.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import type { CredentialLocation } from "../../../policy/credential-location.ts";
import { fieldKey } from "../../snapshot/header-match.ts";
import type { CompiledHook } from "../../snapshot/hook-match.ts";
import { Claim, claimOf, isReadAs, METHOD_NAMES } from "./line-rules.ts";

const COOKIE = Buffer.from("cookie");

/**
 * The lines that are left and the empty line; null: they do not fit. There are programs that merge trailers into header fields, so
 * what only the gate or a trusted proxy may say ends here as it does in the head. So does what a hook of the program looks for, and
 * whatever has the name of a place where its policy reads credentials: both have seen the head alone.
 */
export function upstreamTrailers(
  writer: HeadWriter,
  trailers: HeaderLines,
  places: readonly CredentialLocation[],
  hooks: readonly Pick<CompiledHook, "headers">[],
): Uint8Array | null {
  const guarded = hooks.flatMap(({ headers }) => headers.map(([name]) => fieldKey(name)));
  const readsCookies = places.some(({ kind }) => kind === "cookie");
  for (let line = 0; line < trailers.count; line++) {
    const isDropped =
      claimOf(trailers, line) !== Claim.none ||
      METHOD_NAMES.some((name) => trailers.nameIs(line, name)) ||
      isReadAs(trailers, line, places) ||
      (readsCookies && trailers.nameIs(line, COOKIE)) ||
      (guarded.length > 0 && guarded.includes(fieldKey(trailers.name(line))));
    if (isDropped) trailers.drop(line);
  }
  return writer.begin().keptLines(trailers).crlf().finish();
}
