// What a token shows of itself: a public key, and storage that only who knows the key can find.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Refused } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Token } from "./store/records.ts";

/** Of the storage as JSON text in UTF-8. */
const storageBytesMax = 64 * 1024;
/** Objects and arrays within each other: as deep as REST reads them. */
const depthMax = 32;

export type Profile = Pick<Token, "publicKey" | "publicStorage">;

interface SentProfile {
  readonly publicKey?: string | undefined;
  readonly publicStorage?: JsonObject | undefined;
}

/**
 * The profile that a token has after a request. `changed` has the fields that are sent; one that is sent without a value is
 * taken away, and the storage goes with the key. Throws Refused PUBLIC_STORAGE_TOO_LARGE, and INVALID_TOKEN_REQUEST for
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
    if (publicKey === null) throw badStorage("needs a public_key");
    return { publicKey, publicStorage: storedText(sent.publicStorage) };
  }
  const kept = publicKey !== null && !changed.has("public_storage");
  return { publicKey, publicStorage: kept ? present.publicStorage : null };
}

export const noProfile: Profile = { publicKey: null, publicStorage: null };

function storedText(storage: JsonObject): string {
  if (!isJson(storage, 0)) {
    throw badStorage(`must be JSON, with numbers that are finite, at most ${depthMax} levels deep`);
  }
  const text = JSON.stringify(storage);
  if (Buffer.byteLength(text) > storageBytesMax) {
    const message = `must have at most ${storageBytesMax} bytes as JSON`;
    throw new Refused(ErrorCode.PUBLIC_STORAGE_TOO_LARGE, [{ instancePath, message }]);
  }
  return text;
}

const instancePath = "/public_storage";

function badStorage(message: string): Refused {
  return new Refused(ErrorCode.INVALID_TOKEN_REQUEST, [{ instancePath, message }]);
}

/** A binary message can say more than JSON can. */
function isJson(value: JsonValue, depth: number): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return depth < depthMax && Object.values(value).every((each) => isJson(each, depth + 1));
}
