import { describe, expect, test } from "bun:test";
import { mayClimb, pathVariants, pathWork } from "./path-variants.ts";

test.each(["/", "/a/b.c", "/a/b/", "/v1/items:get", "/~me/(draft)", "/a=b,c@d!$&'*+|"])(
  "%s reads the same everywhere",
  (path) => {
    expect(pathVariants(path)).toEqual([path]);
  },
);

test.each([
  ["/a%2Fb", ["/a/b"]],
  ["/a/..%2fb", ["/a/../b", "/b"]],
  ["/a/../../b", ["/b"]],
  ["/a/.", ["/a/"]],
  ["/a/b/..", ["/a/"]],
  ["/..", ["/"]],
  ["//a//../b", ["/b", "//a/b"]],
  ["/a\\b", ["/a/b"]],
  ["/a;x=1/b;y", ["/a/b", "/a"]],
  ["/;%2Fx/a", ["//a", "/;/x/a", "//x/a"]],
  ["/;a%2f..%2fz/b", ["//b", "/z/b"]],
  ["/;%5cq/b", ["//b"]],
  ["/a/..;/b", ["/a/../b", "/b"]],
  ["/%252561", ["/%2561", "/%61", "/a"]],
  ["/x%2fy/%2e%2e/b", ["/b", "/x/b"]],
  ["//host/b", ["/b"]],
  ["/b%00.png", ["/b", "/b.png"]],
  ["/%09b%0d", ["/b"]],
  ["/b%3Fc", ["/b"]],
  ["/b%23c", ["/b"]],
  ["/%EF%BC%8Fb", ["//b"]],
  ["/%E2%88%95b", ["//b"]],
  ["/%ef%bd%82", ["/b"]],
  ["/%c0%afb", ["//b"]],
  ["/%c0%2fb", ["//b"]],
  ["/%e0%80%afb", ["//b"]],
  ["/%f0%80%80%afb", ["//b"]],
  ["/%u0062", ["/b"]],
  ["/%uFF42", ["/b"]],
  ["/b./c%20", ["/b/c"]],
  ["/b::$DATA", ["/b"]],
  ["/b:$i30:$INDEX_ALLOCATION/c", ["/b/c"]],
  ["/(S(x))/b", ["/b"]],
  ["/b/(A(x)S(y))in", ["/bin"]],
  ["/b\\/(S(x))in", ["/bin"]],
  ["/index.php/b", ["/b"]],
  ["/a/Index.php/b", ["/a/b"]],
  ["/app_dev.php/b", ["/b"]],
  ["/a/run.fcgi/b", ["/a/b"]],
  ["/x.php5/y.php/b", ["/y.php/b", "/b"]],
  ["/VirtualHostBase/https/h:443/a/VirtualHostRoot/_vh_x/_vh_y/b", ["/a/b"]],
  ["/VirtualHostBase/http/h:80/VirtualHostRoot", ["/"]],
  ["/%C4%B1%c4%b0", ["/iI"]],
  ["/pa%C3%9F", ["/pass"]],
  ["/PA%E1%BA%9E", ["/PASS"]],
  ["/%f8%80%80%80%afb", ["//b"]],
  ["/%fc%80%80%80%80%afb", ["//b"]],
  ["/%uD835%uDC01", ["/B"]],
  ["/b%e2%80%8b%ef%bb%bfc%c2%ad", ["/bc"]],
  ["//x\\y/b", ["/b", "//x/y/b"]],
  ["/;a//x\\y/b", ["/b"]],
  ["/a/;x/b;y", ["/a/;x/b", "/a//b", "/a/"]],
  ["/app.pl/b", ["/b"]],
  ["/a/x.wsgi/b", ["/a/b"]],
  ["/x.dll/b", ["/b"]],
  ["/x.aspx/b", ["/b"]],
  ["/x.cfm/b", ["/b"]],
  ["/\u00e9", ["/%c3%a9"]],
])("%s may be read as each of %j", (path, readings) => {
  expect(pathVariants(path)).toEqual(expect.arrayContaining(readings));
});

describe("a path that could be anything", () => {
  test.each([
    ["decoded four times", "/%2525252561"],
    ["of all tricks at once", "/;a%2f..%2fz/%255cq\\x;y%253b/..;/(S(x))/%u002f%c0%af./%00"],
    ["long, and in many forms", `/${"a;b/../%2561".repeat(1500)}`],
  ])("%s, has no list of readings", (_what, path) => {
    expect(pathVariants(path)).toBeNull();
  });
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
    ["/%c0%ae%c0%ae/b", true],
    ["/%u002e%u002e/b", true],
    ["/%EF%BC%8E%EF%BC%8E/b", true],
    ["/.%09./b", true],
    ["/..%00/b", true],
    ["/..%3fx", true],
    ["/..%20/b", true],
    ["/a;%2f/..%2fb", true],
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

describe("what a path costs", () => {
  const work = (path: string): number => {
    const before = pathWork.characters;
    pathVariants(path);
    return pathWork.characters - before;
  };

  test("is nothing where it reads the same everywhere", () => {
    expect(work("/a/b.c/v1/items:get")).toBe(0);
  });

  test.each([
    ["of parameters in all forms", `/${"a;b/%2e%2e/%5c./".repeat(32)}`],
    ["of a thousand steps", `/${"a;b/../x%20/".repeat(600)}`],
    ["of letters beyond ASCII", `/${"\u00e9;".repeat(4_000)}`],
    ["of forms that fold", `/${"\uff05;2e/".repeat(1_600)}`],
    ["of layers of encoding", `/${"%252525c3%2525a9;/".repeat(400)}`],
  ])("is bounded for one %s", (_, path) => {
    const characters = work(path);
    expect(characters).toBeGreaterThan(path.length);
    // The last step may go beyond the budget by what its transforms make.
    expect(characters).toBeLessThan(65_536 + 30 * 3 * path.length);
  });
});

test("letters beyond ASCII are looked at in one go, however many others stand between them", () => {
  const letters = Array.from({ length: 4_000 }, (_, i) => String.fromCodePoint(0xe0 + (i % 24)));
  const { normalize } = String.prototype;
  let normalized = 0;
  String.prototype.normalize = function (this: string, form?: string) {
    normalized++;
    return normalize.call(this, form ?? "NFC");
  };
  try {
    pathVariants(`/${letters.join(";")}`);
  } finally {
    String.prototype.normalize = normalize;
  }
  expect(normalized).toBeLessThan(30);
});

test("a run that is no UTF-8 changes nothing for those beside it", () => {
  expect(pathVariants("/%ff/%EF%BD%82/%EF%BC")).toEqual(expect.arrayContaining(["/%ff/b/%EF%BC"]));
});
