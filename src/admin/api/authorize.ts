// Whether a caller may call a method at all.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { CallerKind, type Requires } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { type Caller, isOperator, mayDo } from "../auth/caller.ts";
import { lackingOperator, lackingPermission } from "./lacking.ts";

/** Checks the caller against the method's requirements and the realm of the host. Throws ApiError. */
export function authorize(caller: Caller, needs: Requires, realmId: string | null): void {
  const { token } = caller;
  if (token !== null) {
    const { confinedTo, needsRealm } = token.rights;
    if (realmId === null && needsRealm && !needs.anyHost) {
      throw new ApiError(ErrorCode.REALM_SCOPE_REQUIRED);
    }
    if (realmId !== null && confinedTo !== null && !confinedTo.includes(realmId)) {
      throw new ApiError(ErrorCode.REALM_NOT_ALLOWED);
    }
  }
  if (needs.caller === CallerKind.SESSION && token !== null) {
    throw new ApiError(ErrorCode.SESSION_REQUIRED);
  }
  if (needs.caller === CallerKind.TOKEN && token === null) {
    throw new ApiError(ErrorCode.TOKEN_REQUIRED);
  }
  const hasPermission =
    needs.leaves.length === 0 || needs.leaves.some((permission) => mayDo(caller, permission));
  if (!hasPermission) throw lackingPermission(needs.leaves);
  if (needs.operator && !isOperator(caller)) throw lackingOperator();
}
