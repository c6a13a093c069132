// Credential → Caller. Who is calling, before anything else of the call is looked at.
import { Refused } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Sessions } from "./session.ts";
import type { Store, User } from "./store/store.ts";

/** A user, through a session. */
export interface Caller {
  readonly user: User;
}

/** `Authorization` → Caller. Throws Refused: MISSING_TOKEN, INVALID_TOKEN, TOKEN_EXPIRED. */
export async function identifyCaller(
  credential: string | null,
  sessions: Sessions,
  store: Store,
): Promise<Caller> {
  if (credential === null || credential === "") throw new Refused(ErrorCode.MISSING_TOKEN);
  const token = /^Bearer ([^\s,]+)$/.exec(credential)?.[1];
  if (token === undefined) throw new Refused(ErrorCode.INVALID_TOKEN);
  const claims = await sessions.verify(token);
  if (claims === "expired") throw new Refused(ErrorCode.TOKEN_EXPIRED);
  if (claims === "invalid") throw new Refused(ErrorCode.INVALID_TOKEN);
  const user = await store.userById(claims.userId);
  if (user === null || user.sessionGeneration !== claims.generation) {
    throw new Refused(ErrorCode.INVALID_TOKEN);
  }
  return { user };
}
