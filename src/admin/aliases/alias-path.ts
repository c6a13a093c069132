// Target paths of aliases: the gate prepends one to the path of every request.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

/** Visible ASCII: needs no encoding in a request line (RFC 9112 §3.2). */
const visible = /^[\x21-\x7e]*$/;
const badEscape = /%(?![0-9A-Fa-f]{2})/;
const escaped = /%([0-9A-Fa-f]{2})/g;

/** A path with an optional query, starting with `/`; null: no target path. Throws ApiError VALIDATION_ERROR. */
export function targetPathOf(sent: string | undefined): string | null {
  if (sent === undefined) return null;
  const path = sent.startsWith("/") ? sent : `/${sent}`;
  const message = targetPathProblem(path);
  if (message === null) return path;
  throw new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: "/target_path", message }]);
}

/** Why a target path is not allowed, as the rest of a sentence; null: it is allowed. */
function targetPathProblem(path: string): string | null {
  if (!visible.test(path)) return "must have only visible ASCII; write the rest as %XX";
  if (path.includes("\\")) return "must not have a backslash";
  if (path.includes("#")) return "must not have a fragment";
  if (badEscape.test(path)) return "must have two hex digits after each %";
  const [beforeQuery = ""] = path.split("?", 1);
  return pathProblem(beforeQuery);
}

/** Checks the path at every level of decoding, because an upstream may decode once more than the gate. */
function pathProblem(path: string): string | null {
  for (let text = path; ; ) {
    if (/^[/\\]{2}/.test(text)) return "must not begin with //";
    if (text.split(/[/\\]/).some(goesUp)) return "must not have .. as a segment";
    const decoded = text.replace(escaped, (_, hex) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (decoded === text) return null;
    text = decoded;
  }
}

/** Some servers drop the part after `;` in a segment. */
function goesUp(segment: string): boolean {
  return segment.split(";", 1)[0] === "..";
}
