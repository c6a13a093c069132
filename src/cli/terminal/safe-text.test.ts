import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { safeJson, safeText } from "./safe-text.ts";

describe("text of other people", () => {
  test.each([
    ["colours and cursor moves", "\u001b[31mred\u001b[2J", "\\u{1b}[31mred\\u{1b}[2J"],
    ["the one-byte CSI of C1", "\u009b31m", "\\u{9b}31m"],
    ["a title or a link (OSC)", "\u001b]8;;http://evil\u0007x", "\\u{1b}]8;;http://evil\\u{7}x"],
    ["a line break that begins a line of its own", "a\r\nerror: b", "a\\u{d}\\u{a}error: b"],
    ["backspaces over what stands before", "ab\b\b", "ab\\u{8}\\u{8}"],
    ["text that runs the other way", "gpj.\u202eexe", "gpj.\\u{202e}exe"],
    ["letters that cannot be seen", "ad\u200bmin", "ad\\u{200b}min"],
    ["half a surrogate pair", "\ud800", "\\u{d800}"],
  ])("%s", (_name, text, safe) => {
    expect(safeText(text)).toBe(safe);
  });

  test("what is harmless stays: umlauts, CJK, emoji", () => {
    for (const text of ["Zürich – 東京", "😀 done", "a=1 'b' \"c\" \\"]) {
      expect(safeText(text)).toBe(text);
    }
  });
});

test("JSON stays the same document, and nothing unsafe is in it but the line breaks of its layout", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const safe = safeJson(JSON.stringify(value, null, 2));
      expect(JSON.parse(safe)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(safeText(safe.replaceAll("\n", ""))).toBe(safe.replaceAll("\n", ""));
    }),
  );
  expect(safeJson(JSON.stringify("\u009b\u202e"))).toBe('"\\u009b\\u202e"');
});
