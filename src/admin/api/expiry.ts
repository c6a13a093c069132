// Expiry times: the forms that callers may send → ISO 8601.
import type { Value } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

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
      return timeOf(sent.value);
    default:
      return null;
  }
}

const isoTime =
  /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d))?)?$/i;

/** ISO 8601 → milliseconds; null for other formats and for dates and times that do not exist. */
function timeOf(text: string): number | null {
  const parts = isoTime.exec(text);
  if (parts === null) return null;
  const [, day, minute = "00:00", second = "00", fraction = "", sign, hours = "0", minutes = "0"] =
    parts;
  const utc = `${day}T${minute}:${second}.${fraction.padEnd(3, "0").slice(0, 3)}Z`;
  const ms = Date.parse(utc);
  // Date.parse reads 31 April as 1 May, and 24:00 as the next day.
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== utc) return null;
  if (Number(hours) > 23 || Number(minutes) > 59) return null;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === "-" ? ms + offsetMs : ms - offsetMs;
}
