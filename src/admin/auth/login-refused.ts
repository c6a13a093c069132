// A refused login, with the account that it was for: for the audit trail, never for an answer.
import { ApiError } from "../../../proto/call.ts";
import type { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

export class LoginRefused extends ApiError {
  /** Null: there is no such account. */
  readonly userId: string | null;

  constructor(code: ErrorCode, userId: string | null, retryAfterS: number | null = null) {
    super(code, [], retryAfterS);
    this.userId = userId;
  }
}
