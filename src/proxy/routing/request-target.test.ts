import { expect, test } from "bun:test";
import { joinTarget, pathOf, queryOf, withoutFragment } from "./request-target.ts";

test.each([
  ["/", "/", ""],
  ["/a?", "/a", ""],
  ["/a?b=c", "/a", "b=c"],
  ["/a?b?c", "/a", "b?c"],
  ["/?", "/", ""],
])("%s is %j and %j", (target, path, query) => {
  expect([pathOf(target), queryOf(target)]).toEqual([path, query]);
});

test("joining leaves out an empty query", () => {
  expect([joinTarget("/a", ""), joinTarget("/a", "b")]).toEqual(["/a", "/a?b"]);
});

test.each([
  ["/a#b", "/a"],
  ["/a?b#c?d", "/a?b"],
  ["/a", "/a"],
])("%s without its fragment is %s", (target, expected) => {
  expect(withoutFragment(target)).toBe(expected);
});
