// Expiry times: the forms that callers may send → ISO 8601.
import type { Value } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { isoTimeMs } from "./iso-time.ts";

const dayMs = 86_400_000;
/** Greater numbers are milliseconds, smaller ones seconds. */
const secondsMax = 1e12;
/** The last millisecond whose year has four digits: later ones would not sort as text. */
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * `value`: ISO 8601 date, or date and time with `Z`, an offset or neither (UTC); or a Unix time in seconds, or in
 * milliseconds above 1e12. With `words` also `today` (the coming midnight, UTC) and `tomorrow` (in 24 hours). `now`: in
 * milliseconds. Returns ISO 8601 in UTC with milliseconds, or null (never expires) for null or an unset value. Throws ApiError
 * INVALID_EXPIRATION_FORMAT, EXPIRATION_IN_PAST.
 */
export function expiryOf(
  value: Value | undefined,
  now: number,
  { words }: { readonly words: boolean },
): string | null {
  const sent = value?.kind;
  if (sent === undefined || sent.case === undefined || sent.case === "nullValue") return null;
  const ms = millisecondsOf(sent, now, words);
  if (ms === null || ms > lastMs) {
    const message = `must be an ISO 8601 time or a Unix time${words ? ", `today` or `tomorrow`" : ""}`;
    throw new ApiError(ErrorCode.INVALID_EXPIRATION_FORMAT, [at(message)]);
  }
  if (ms <= now) throw new ApiError(ErrorCode.EXPIRATION_IN_PAST, [at("must be in the future")]);
  return new Date(ms).toISOString();
}

function at(message: string) {
  return { instancePath: "/expires_at", message };
}

function millisecondsOf(sent: Value["kind"], now: number, words: boolean): number | null {
  switch (sent.case) {
    case "numberValue": {
      if (!Number.isFinite(sent.value)) return null;
      return Math.floor(sent.value > secondsMax ? sent.value : sent.value * 1000);
    }
    case "stringValue":
      if (words && sent.value === "today") return (Math.floor(now / dayMs) + 1) * dayMs;
      if (words && sent.value === "tomorrow") return now + dayMs;
      return isoTimeMs(sent.value);
    default:
      return null;
  }
}
