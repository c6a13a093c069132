// The public profile of a token: a public key, and storage that can be read by anyone who knows the key.
import type { JsonObject } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { opaqueJson } from "../api/opaque-json.ts";
import type { Token } from "../store/records.ts";

const instancePath = "/public_storage";
const badStorage = {
  unfit: ErrorCode.INVALID_TOKEN_REQUEST,
  tooLarge: ErrorCode.PUBLIC_STORAGE_TOO_LARGE,
} as const;

type TokenProfile = Pick<Token, "publicKey" | "publicStorage">;

interface SentProfile {
  readonly publicKey?: string | undefined;
  readonly publicStorage?: JsonObject | undefined;
}

/**
 * The profile of a token after a request. `changed`: the fields that were sent. A field sent without a value is removed, and
 * removing the key removes the storage. Throws ApiError PUBLIC_STORAGE_TOO_LARGE, and INVALID_TOKEN_REQUEST for
 * storage without a key.
 */
export function profileAfter(
  present: TokenProfile,
  sent: SentProfile,
  changed: ReadonlySet<string>,
): TokenProfile {
  const publicKey = changed.has("public_key")
    ? (sent.publicKey?.toLowerCase() ?? null)
    : present.publicKey;
  if (changed.has("public_storage") && sent.publicStorage !== undefined) {
    if (publicKey === null) {
      const message = "needs a public_key";
      throw new ApiError(badStorage.unfit, [{ instancePath, message }]);
    }
    return { publicKey, publicStorage: opaqueJson(sent.publicStorage, instancePath, badStorage) };
  }
  const kept = publicKey !== null && !changed.has("public_storage");
  return { publicKey, publicStorage: kept ? present.publicStorage : null };
}

export const noProfile: TokenProfile = { publicKey: null, publicStorage: null };
