// Whether the caller of a write may still do it when the write begins.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Requires } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Caller } from "../auth/caller.ts";
import { allowsAddress, rightsOf } from "../auth/token-rights.ts";
import type { CallEvent, Standing } from "../store/call-event.ts";
import { authorize } from "./authorize.ts";
import { lackingOperator } from "./lacking.ts";

interface BegunCall {
  readonly caller: Caller;
  readonly needs: Requires;
  readonly realmId: string | null;
  readonly clientAddress: string;
}

/**
 * A write may have waited, for its message, the hash of a password or behind other writes, while its caller was shut out, logged
 * out or lost the rights of an operator, or its token was deleted, disabled or lost what the call needs. The check throws ApiError.
 */
export function stillMay(call: BegunCall): CallEvent["checkActor"] {
  const { user, token } = call.caller;
  return (now) => {
    if (now === null) throw new ApiError(ErrorCode.INVALID_TOKEN);
    if (now.isBanned) throw new ApiError(ErrorCode.ACCOUNT_BANNED);
    const isEnded = token === null && now.sessionGeneration !== user.sessionGeneration;
    if (isEnded) throw new ApiError(ErrorCode.INVALID_TOKEN);
    if (user.isAdmin && !now.isAdmin) throw lackingOperator();
    if (token !== null) checkToken(call, now);
  };
}

/** Expiry is not looked at again: it was known when the call began. */
function checkToken({ caller, needs, realmId, clientAddress }: BegunCall, now: Standing): void {
  const [token] = now.chain;
  if (token === undefined) throw new ApiError(ErrorCode.INVALID_TOKEN);
  const rights = rightsOf(now.chain);
  if (!rights.isEnabled) throw new ApiError(ErrorCode.TOKEN_DISABLED);
  if (!allowsAddress(rights, clientAddress)) throw new ApiError(ErrorCode.IP_NOT_ALLOWED);
  authorize({ ...caller, token: { token, rights } }, needs, realmId);
}
