import { describe, expect, test } from "bun:test";
import { covers, has, isEmpty, members, setOf, union, wordsFor } from "./bitset.ts";

test.each([
  [0, 0],
  [1, 1],
  [32, 1],
  [33, 2],
  [1000, 32],
])("%p groups take %p words", (groups, words) => {
  expect(wordsFor(groups)).toBe(words);
});

test.each([[[]], [[0]], [[31]], [[32]], [[0, 31, 32, 63, 64, 99]]])(
  "a set of %p has exactly these members",
  (wanted) => {
    const set = setOf(100, wanted);
    expect(members(set)).toEqual(wanted);
    expect(isEmpty(set)).toBe(wanted.length === 0);
    for (let i = 0; i < 100; i++) {
      expect(has(set, i)).toBe(wanted.includes(i));
    }
  },
);

test("a member that is named twice is a member", () => {
  expect(members(setOf(3, [2, 2]))).toEqual([2]);
});

test("the set of a document without groups is empty and covers itself", () => {
  const none = setOf(0, []);
  expect(isEmpty(none)).toBe(true);
  expect(members(none)).toEqual([]);
  expect(covers(none, none)).toBe(true);
});

describe("union", () => {
  const a = setOf(40, [1, 31]);
  const b = setOf(40, [31, 32]);
  const empty = setOf(40, []);
  test("holds the members of both and changes neither", () => {
    expect(members(union(a, b))).toEqual([1, 31, 32]);
    expect(members(a)).toEqual([1, 31]);
    expect(members(b)).toEqual([31, 32]);
  });
  test("with an empty set is the other set itself", () => {
    expect(union(a, empty)).toBe(a);
    expect(union(empty, b)).toBe(b);
  });
});

test.each([
  [[31], [31], true],
  [[31, 32], [31], true],
  [[31], [31, 32], false],
  [[0], [31], false],
  [[0], [], true],
])("%p covers %p: %p", (held, asked, isCovered) => {
  expect(covers(setOf(40, held), setOf(40, asked))).toBe(isCovered);
});
