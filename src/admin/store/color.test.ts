import { expect, test } from "bun:test";
import { colorOf } from "./color.ts";

test.each([
  ["#abc", "#ABC"],
  ["abc", "#ABC"],
  ["#1a2b3c", "#1A2B3C"],
  ["1A2b3C", "#1A2B3C"],
  ["000", "#000"],
])("%s is kept as %s", (sent, kept) => {
  expect(colorOf(sent)).toBe(kept);
});

test("a colour that was not sent is random and well-formed", () => {
  const colors = Array.from({ length: 200 }, () => colorOf(undefined));
  for (const color of colors) expect(color).toMatch(/^#[0-9A-F]{6}$/);
  expect(new Set(colors).size).toBeGreaterThan(100);
});
