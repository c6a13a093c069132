import { describe, expect, test } from "bun:test";
import { mayClimb, pathReadings } from "./path-variants.ts";

test.each([
  ["/", ["/"]],
  ["/a/b.c", ["/a/b.c"]],
  ["/a%2Fb", ["/a%2Fb", "/a/b", "/a/b", "/a/b"]],
  ["//a//b/", ["//a//b/", "//a//b/", "/a/b/", "/a/b/"]],
  ["/a/..%2fb", ["/a/..%2fb", "/a/../b", "/a/../b", "/b"]],
  ["/a/../../b", ["/a/../../b", "/a/../../b", "/a/../../b", "/b"]],
  ["/a/.", ["/a/.", "/a/.", "/a/.", "/a/"]],
  ["/a/b/..", ["/a/b/..", "/a/b/..", "/a/b/..", "/a/"]],
  ["/..", ["/..", "/..", "/..", "/"]],
  ["/a\\b", ["/a\\b", "/a\\b", "/a\\b", "/a/b"]],
  ["/a;x=1/b;y", ["/a;x=1/b;y", "/a;x=1/b;y", "/a;x=1/b;y", "/a/b"]],
  ["/%C3%A9", ["/%C3%A9", "/%C3%A9", "/%C3%A9", "/%C3%A9"]],
])("%s may be read as %j", (path, readings) => {
  expect(pathReadings(path)).toEqual(readings);
});

describe("a path may climb", () => {
  test.each([
    ["/..", true],
    ["/a/../b", true],
    ["/%2e%2e/b", true],
    ["/.%2E/b", true],
    ["/a/..%2fb", true],
    ["/a%2f..%2fb", true],
    ["/a/..%5cb", true],
    ["/a\\..\\b", true],
    ["/..;/b", true],
    ["/..;x=1/b", true],
    ["/..%3b/b", true],
    ["/%252e%252e/b", true],
    ["/%25252e%25252e/b", true],
    [`/%${"25".repeat(9)}41`, true],
    ["/...", false],
    ["/..a/b..", false],
    ["/a.b/.c", false],
    ["/.", false],
    ["/100%25", false],
    ["/%zz%", false],
  ])("%s: %p", (path, expected) => {
    expect(mayClimb(path)).toBe(expected);
  });
});
