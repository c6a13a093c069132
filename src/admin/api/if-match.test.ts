import { describe, expect, test } from "bun:test";
import { ApiError } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import { etagOf, expectedVersion } from "./if-match.ts";

function outcome(ifMatch: string | null): number | string {
  try {
    return expectedVersion(ifMatch);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return refusalOf(error.code).code;
  }
}

test.each([0, 1, 42, 2_147_483_647])("the tag of version %d names that version", (version) => {
  expect(etagOf(version)).toBe(`file:v${version}`);
  expect(outcome(etagOf(version))).toBe(version);
  expect(outcome(`"${etagOf(version)}"`)).toBe(version);
});

test("an absent If-Match is refused", () => {
  expect(outcome(null)).toBe("PRECONDITION_REQUIRED");
});

describe("anything but one strong tag never matches", () => {
  test.each([
    ["", "empty"],
    ["*", "any version"],
    ['W/"file:v3"', "weak: If-Match compares strongly (RFC 9110 §13.1.1)"],
    ["W/file:v3", "weak and bare"],
    ['"file:v3", "file:v4"', "a list"],
    ["file:v3, file:v3", "two header lines joined"],
    ["file:v03", "a leading zero"],
    ["file:v00", "zero twice"],
    ["file:v", "no number"],
    ["file:v-1", "negative"],
    ["file:v+1", "a sign"],
    ["file:v1.0", "a fraction"],
    ["file:v1e3", "an exponent"],
    ["file:v0x1", "hex"],
    ["file:v99999999999", "eleven digits"],
    ["file:v1 ", "white space after"],
    [" file:v1", "white space before"],
    ["file:v1\n", "a line end"],
    ["file: v1", "white space inside"],
    ["FILE:V1", "letter case"],
    ["v1", "no prefix"],
    ["1", "the number alone"],
    ['"file:v1', "half a quote"],
    ["'file:v1'", "single quotes"],
    ["file:v١", "digits of another script"],
  ])("%j: %s", (ifMatch) => {
    expect(outcome(ifMatch)).toBe("PRECONDITION_FAILED");
  });
});
