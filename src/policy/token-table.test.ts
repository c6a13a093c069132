import { expect, test } from "bun:test";
import { members } from "./bitset.ts";
import { buildTokenTable, matchToken } from "./token-table.ts";

const table = buildTokenTable(3, [
  { value: "secret", group: 0 },
  { value: "other", group: 1 },
  { value: "secret", group: 2 },
]);

test.each([
  ["secret", [0, 2]],
  ["other", [1]],
  ["Secret", []],
  ["secret ", []],
  ["", []],
  ["__proto__", []],
])("%j is the token of groups %p", (value, groups) => {
  const matched = matchToken(table, value);
  expect(matched === undefined ? [] : members(matched)).toEqual(groups);
});

test("no value is kept", () => {
  expect(JSON.stringify([...table.keys()])).not.toContain("secret");
});
