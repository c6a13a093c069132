import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { members } from "./bitset.ts";
import { buildPasswordTable, type GroupPassword, matchPassword } from "./password.ts";

function account(group: number, username: string, salt: string, password: string): GroupPassword {
  const digest = createHash("sha256")
    .update(salt + password)
    .digest("hex");
  return { username, salt, digest, group };
}

describe("matchPassword", () => {
  const table = buildPasswordTable(40, [
    account(0, "ada", "s1", "pw"),
    account(1, "ada", "s1", "other"),
    account(2, "ada", "s2", "pw"),
    account(3, "bob", "s1", "pw"),
    account(33, "ada", "s1", "pw"),
    account(4, "constructor", "s1", "pw"),
  ]);
  test.each([
    ["ada", "pw", [0, 2, 33]],
    ["ada", "other", [1]],
    ["bob", "pw", [3]],
    ["constructor", "pw", [4]],
    ["ada", "PW", []],
    ["Ada", "pw", []],
    ["eve", "pw", []],
    ["toString", "pw", []],
    ["ada", "", []],
    ["", "pw", []],
    ["ada", "s1pw", []],
  ])("%j with %j matches groups %p", (username, password, groups) => {
    const matched = matchPassword(table, username, password);
    expect(matched === undefined ? [] : members(matched)).toEqual(groups);
  });

  test("hashes as often for an unknown user as for the user with most salts", () => {
    expect(table.rounds).toBe(2);
  });

  test("salt and password are joined salt first", () => {
    const one = buildPasswordTable(1, [account(0, "u", "ab", "c")]);
    expect(matchPassword(one, "u", "c")).toBeDefined();
    expect(matchPassword(one, "u", "bc")).toBeUndefined();
  });
});

test("an unknown user takes about as long as a known one", () => {
  const table = buildPasswordTable(1, [account(0, "ada", "salt", "pw")]);
  const timeOf = (username: string): number => {
    const start = performance.now();
    for (let i = 0; i < 2000; i++) {
      matchPassword(table, username, "wrong");
    }
    return performance.now() - start;
  };
  timeOf("ada");
  timeOf("eve");
  // Measured by turns, so that a busy machine slows both.
  const ratios = Array.from({ length: 41 }, () => timeOf("ada") / timeOf("eve"));
  const median = ratios.sort((a, b) => a - b)[20];
  expect(median).toBeGreaterThan(0.5);
  expect(median).toBeLessThan(2);
});
