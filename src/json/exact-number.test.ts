import { expect, test } from "bun:test";
import { isExactNumber, isExactNumberText } from "./exact-number.ts";

test.each([
  "0",
  "1",
  "-1",
  "1.0",
  "1e2",
  "1E+2",
  "100e-2",
  "0.1",
  "0.10",
  "-0.5e1",
  "0e99999",
  "9007199254740991",
  "-9007199254740991",
  "90071992547409910e-1",
  "1.7976931348623157e-5",
  "5e-324",
  "0.000001",
  "1e-7",
  "1700000000.1234567",
])("%s is kept", (text) => {
  expect(isExactNumberText(text)).toBe(true);
});

test.each([
  "9007199254740992",
  "9007199254740993",
  "-9007199254740993",
  "281674916028284930",
  "12345678901234567890",
  "9007199254740993.0",
  "9007199254740993e0",
  "9.007199254740993e15",
  "0.1000000000000000055511151231257827",
  "0.30000000000000001",
  "3.141592653589793238",
  "1e400",
  "-1e400",
  "1e-400",
  "4e-324",
  "1e99999999999999999999",
  "-0",
  "-0.0",
  "-0e5",
  "1e21",
])("%s is not", (text) => {
  expect(isExactNumberText(text)).toBe(false);
});

test("a text of 200,000 zeros costs one pass", () => {
  const zeros = "0".repeat(200_000);
  expect(isExactNumberText(`0.${zeros}1`)).toBe(false);
  expect(isExactNumberText(`1.${zeros}`)).toBe(true);
  expect(isExactNumberText(`1.${zeros}1`)).toBe(false);
});

test.each([
  [0, true],
  [1.5, true],
  [2 ** 53 - 1, true],
  [2 ** 53, false],
  [-(2 ** 53), false],
  [-0, false],
  [Number.NaN, false],
  [Number.NEGATIVE_INFINITY, false],
])("the double %p: %p", (value, exact) => {
  expect(isExactNumber(value)).toBe(exact);
});
