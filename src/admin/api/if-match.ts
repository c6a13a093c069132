// `If-Match` of document writes: one tag `file:v<N>`, bare or quoted, compared strongly (RFC 9110 §13.1.1).
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

/** The entity tag of a document's version. */
export function etagOf(version: number): string {
  return `file:v${version}`;
}

/**
 * The version that the writer saw. Throws ApiError: PRECONDITION_REQUIRED when absent, PRECONDITION_FAILED for anything but
 * one such tag (`*`, weak tags, lists, leading zeros). Call it only after checking that the document exists.
 */
export function expectedVersion(ifMatch: string | null): number {
  if (ifMatch === null) throw new ApiError(ErrorCode.PRECONDITION_REQUIRED);
  const digits = /^(?:file:v(0|[1-9]\d{0,9})|"file:v(0|[1-9]\d{0,9})")$/.exec(ifMatch);
  if (digits === null) throw new ApiError(ErrorCode.PRECONDITION_FAILED);
  return Number(digits[1] ?? digits[2]);
}
