// JSON that clients store and the server never interprets: limited in size and depth, alike for REST and gRPC.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import type { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { isExactNumber } from "../../json/exact-number.ts";

/** Of the JSON text in UTF-8. */
const bytesMax = 64 * 1024;
/** Nesting of objects and arrays; the same limit as REST bodies. */
const depthMax = 32;

/** The JSON text to store. Throws ApiError `unfit` for values that are not JSON or nested too deep, or `tooLarge`. */
export function opaqueJson(
  json: JsonObject,
  instancePath: string,
  { unfit, tooLarge }: { readonly unfit: ErrorCode; readonly tooLarge: ErrorCode },
): string {
  if (!isJson(json, 0)) {
    const numbers = "numbers that are kept exactly (no integer beyond ±9007199254740991)";
    const message = `must be JSON, with ${numbers}, at most ${depthMax} levels deep`;
    throw new ApiError(unfit, [{ instancePath, message }]);
  }
  const text = JSON.stringify(json);
  if (Buffer.byteLength(text) > bytesMax) {
    const message = `must have at most ${bytesMax} bytes as JSON`;
    throw new ApiError(tooLarge, [{ instancePath, message }]);
  }
  return text;
}

/** Binary protobuf can carry numbers that JSON cannot (NaN, infinities), rounded integers, and deeper nesting. */
function isJson(value: JsonValue, depth: number): boolean {
  if (typeof value === "number") return isExactNumber(value);
  if (typeof value !== "object" || value === null) return true;
  return depth < depthMax && Object.values(value).every((each) => isJson(each, depth + 1));
}
