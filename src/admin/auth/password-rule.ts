// Strength rule for new passwords.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

const kindsMin = 3;
const kinds: readonly RegExp[] = [/\p{Ll}/u, /\p{Lu}/u, /\p{Nd}/u, /[^\p{Ll}\p{Lu}\p{Nd}]/u];

/** Requires three character classes; the field rule of the contract limits the length. Throws ApiError VALIDATION_ERROR at `/password`. */
export function checkPassword(password: string): void {
  if (kinds.filter((kind) => kind.test(password)).length >= kindsMin) return;
  const message = "must have three of: lower case, upper case, digits, others";
  throw new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: "/password", message }]);
}
