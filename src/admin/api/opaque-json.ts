// JSON that clients keep here and nobody reads: bounded, and nothing but what REST could have sent.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import type { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

/** As text in UTF-8. */
const bytesMax = 64 * 1024;
/** Objects and arrays within each other: as deep as REST reads them. */
const depthMax = 32;

/** The text that is stored. Throws ApiError with `unfit` for what is no JSON or nested too deep, or with `tooLarge`. */
export function keptJson(
  json: JsonObject,
  instancePath: string,
  { unfit, tooLarge }: { readonly unfit: ErrorCode; readonly tooLarge: ErrorCode },
): string {
  if (!isJson(json, 0)) {
    const message = `must be JSON, with numbers that are finite, at most ${depthMax} levels deep`;
    throw new ApiError(unfit, [{ instancePath, message }]);
  }
  const text = JSON.stringify(json);
  if (Buffer.byteLength(text) > bytesMax) {
    const message = `must have at most ${bytesMax} bytes as JSON`;
    throw new ApiError(tooLarge, [{ instancePath, message }]);
  }
  return text;
}

/** A binary message can say more than JSON can. */
function isJson(value: JsonValue, depth: number): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return depth < depthMax && Object.values(value).every((each) => isJson(each, depth + 1));
}
