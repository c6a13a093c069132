import { describe, expect, test } from "bun:test";
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import { expiryOf } from "./expiry.ts";

const now = Date.UTC(2026, 0, 31, 18, 30);

function expiry(json: JsonValue, words = true): string | null {
  try {
    return expiryOf(fromJson(ValueSchema, json), now, { words });
  } catch (error) {
    if (error instanceof ApiError) return refusalOf(error.code).code;
    throw error;
  }
}

describe("an expiry", () => {
  test.each([
    ["2026-07-12T00:00:00Z", "2026-07-12T00:00:00.000Z", "as documented"],
    ["2026-07-12T00:00:00.5Z", "2026-07-12T00:00:00.500Z", "a fraction"],
    ["2026-07-12T00:00:00.123456789Z", "2026-07-12T00:00:00.123Z", "a finer one is cut"],
    ["2026-07-12t00:00z", "2026-07-12T00:00:00.000Z", "small letters, no seconds"],
    ["2026-07-12T02:00:00+02:00", "2026-07-12T00:00:00.000Z", "an offset"],
    ["2026-07-11T19:30:00-0430", "2026-07-12T00:00:00.000Z", "one to the west, without colon"],
    ["2026-07-12T00:00:00", "2026-07-12T00:00:00.000Z", "no offset is UTC"],
    ["2026-07-12", "2026-07-12T00:00:00.000Z", "a day begins"],
    ["2028-02-29", "2028-02-29T00:00:00.000Z", "a leap day"],
    [1_783_814_400, "2026-07-12T00:00:00.000Z", "seconds"],
    [1_783_814_400.25, "2026-07-12T00:00:00.250Z", "and parts of one"],
    [1_783_814_400_000, "2026-07-12T00:00:00.000Z", "milliseconds"],
    [253_402_300_799, "9999-12-31T23:59:59.000Z", "the last second"],
    ["today", "2026-02-01T00:00:00.000Z", "the coming midnight"],
    ["tomorrow", "2026-02-01T18:30:00.000Z", "24 hours"],
  ])("%p is %s: %s", (sent, text) => {
    expect(expiry(sent)).toBe(text);
  });

  test("null and an unset value mean never", () => {
    expect(expiry(null)).toBeNull();
    expect(expiryOf(undefined, now, { words: true })).toBeNull();
    expect(expiryOf(create(ValueSchema), now, { words: true })).toBeNull();
  });

  test("today at midnight is the whole day", () => {
    const midnight = Date.UTC(2026, 1, 1);
    const today = fromJson(ValueSchema, "today");
    expect(expiryOf(today, midnight, { words: true })).toBe("2026-02-02T00:00:00.000Z");
  });

  test.each([
    "",
    "never",
    "Today",
    "2026",
    "2026-7-12",
    "2026-02-30",
    "2026-13-01",
    "2026-07-12T24:00:00Z",
    "2026-07-12T23:59:60Z",
    "2026-07-12T00:00:00+24:00",
    "2026-07-12T00:00:00+00:60",
    "2026-07-12 00:00:00Z",
    "2026-07-12T00:00:00Z ",
    "12026-07-12",
    "9999-12-31T23:59:59.999-00:01",
    "1783814400",
    253_402_300_800_000,
    1e300,
    true,
    {},
    [["2026-07-12"]],
  ])("%p is not a time", (sent) => {
    expect(expiry(sent)).toBe("INVALID_EXPIRATION_FORMAT");
  });

  test("infinity, which only gRPC can send, is not a time", () => {
    const value = create(ValueSchema, { kind: { case: "numberValue", value: Infinity } });
    expect(() => expiryOf(value, now, { words: false })).toThrow("Invalid expiration format");
  });

  test.each([
    ["2026-01-31T18:30:00Z", "now"],
    ["2020-01-01", "long ago"],
    [0, "the epoch"],
    [-1, "before it"],
  ])("%p is past: %s", (sent) => {
    expect(expiry(sent)).toBe("EXPIRATION_IN_PAST");
  });

  test("one millisecond from now is not past", () => {
    expect(expiry(now + 1)).toBe("2026-01-31T18:30:00.001Z");
  });

  test.each(["today", "tomorrow"])("the word %s is only accepted with words", (word) => {
    expect(expiry(word, false)).toBe("INVALID_EXPIRATION_FORMAT");
  });
});
