// What a token shows of itself: a public key, and storage that only who knows the key can find.
import type { JsonObject } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { keptJson } from "../api/opaque-json.ts";
import type { Token } from "../store/records.ts";

const instancePath = "/public_storage";
const badStorage = {
  unfit: ErrorCode.INVALID_TOKEN_REQUEST,
  tooLarge: ErrorCode.PUBLIC_STORAGE_TOO_LARGE,
} as const;

export type Profile = Pick<Token, "publicKey" | "publicStorage">;

interface SentProfile {
  readonly publicKey?: string | undefined;
  readonly publicStorage?: JsonObject | undefined;
}

/**
 * The profile that a token has after a request. `changed` has the fields that are sent; one that is sent without a value is
 * taken away, and the storage goes with the key. Throws ApiError PUBLIC_STORAGE_TOO_LARGE, and INVALID_TOKEN_REQUEST for
 * storage without a key.
 */
export function profileAfter(
  present: Profile,
  sent: SentProfile,
  changed: ReadonlySet<string>,
): Profile {
  const publicKey = changed.has("public_key")
    ? (sent.publicKey?.toLowerCase() ?? null)
    : present.publicKey;
  if (changed.has("public_storage") && sent.publicStorage !== undefined) {
    if (publicKey === null) {
      const message = "needs a public_key";
      throw new ApiError(badStorage.unfit, [{ instancePath, message }]);
    }
    return { publicKey, publicStorage: keptJson(sent.publicStorage, instancePath, badStorage) };
  }
  const kept = publicKey !== null && !changed.has("public_storage");
  return { publicKey, publicStorage: kept ? present.publicStorage : null };
}

export const noProfile: Profile = { publicKey: null, publicStorage: null };
