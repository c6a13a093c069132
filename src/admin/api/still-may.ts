// Whether the caller of a write may still do it when the write begins.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { CallerKind, type Requires } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Caller } from "../auth/caller.ts";
import type { CallEvent } from "../store/call-event.ts";
import { lackingOperator } from "./lacking.ts";

/**
 * A write may have waited, for the hash of a password or behind other writes, while its caller was shut out, logged out or lost the
 * rights of an operator. The check throws ApiError.
 */
export function stillMay(
  { user, token }: Caller,
  { operator, caller: kind }: Pick<Requires, "operator" | "caller">,
): CallEvent["checkActor"] {
  const operates = user.isAdmin && (operator || kind === CallerKind.SESSION);
  return (now) => {
    if (now === null) throw new ApiError(ErrorCode.INVALID_TOKEN);
    if (now.isBanned) throw new ApiError(ErrorCode.ACCOUNT_BANNED);
    const isEnded = token === null && now.sessionGeneration !== user.sessionGeneration;
    if (isEnded) throw new ApiError(ErrorCode.INVALID_TOKEN);
    if (operates && !now.isAdmin) throw lackingOperator();
  };
}
