import { expect, test } from "bun:test";
import { asciiJson } from "./ascii-json.ts";

test.each([
  ["letters beyond ASCII", "é", '"\\u00e9"'],
  ["a surrogate pair", "😀", '"\\ud83d\\ude00"'],
  ["a right-to-left override", "\u202eabc", '"\\u202eabc"'],
  ["a one-byte CSI", "\u009b2J", '"\\u009b2J"'],
  ["DEL", "\u007f", '"\\u007f"'],
])("%s are escaped, and read back the same", (_what, text, json) => {
  expect(asciiJson(JSON.stringify(text))).toBe(json);
  expect(JSON.parse(json)).toBe(text);
});
