// Points in time as requests name them.
const isoTime =
  /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d))?)?$/i;

/** ISO 8601 → milliseconds; null for other formats and for dates and times that do not exist. */
export function isoTimeMs(text: string): number | null {
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
