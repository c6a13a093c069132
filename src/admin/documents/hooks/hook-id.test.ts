import { expect, test } from "bun:test";
import { newHookId } from "./hook-id.ts";

test("an id is 26 digits of Crockford's alphabet in lower case", () => {
  const ids = Array.from({ length: 1000 }, () => newHookId(Date.UTC(2026, 0, 1)));
  for (const id of ids) expect(id).toMatch(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  expect(new Set(ids).size).toBe(1000);
  // Every random bit is one: no digit after the time is the same in all of a thousand.
  const fixed = Array.from({ length: 26 }, (_, at) => new Set(ids.map((id) => id[at])).size === 1);
  expect(fixed.lastIndexOf(true)).toBe(9);
});

test.each([
  [0, "0000000000"],
  [1, "0000000001"],
  [1469918176385, "01aryz6s41"],
  [2 ** 48 - 1, "7zzzzzzzzz"],
])("%d ms begin with %s", (nowMs, begins) => {
  expect(newHookId(nowMs).slice(0, 10)).toBe(begins);
});

test("a later id sorts behind an earlier one", () => {
  const ids = [5, 50, 500, 5_000, 1_700_000_000_000, 1_700_000_000_001].map(newHookId);
  expect(ids.toSorted()).toEqual(ids);
});
