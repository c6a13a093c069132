import { expect, test } from "bun:test";
import fc from "fast-check";
import { hasHeader } from "./header-match.ts";

type Line = readonly [name: string, value: string];

test.each<[string, Line[], boolean]>([
  ["once", [["x-mode", "on"]], true],
  [
    "first of two",
    [
      ["x-mode", "on"],
      ["x-mode", "off"],
    ],
    true,
  ],
  [
    "last of two",
    [
      ["x-mode", "off"],
      ["x-mode", "on"],
    ],
    true,
  ],
  ["in a list", [["x-mode", "off,on"]], true],
  ["with an underscore", [["x_mode", "on"]], true],
  ["with a dot", [["x.mode", "on"]], true],
  [
    "beside another spelling",
    [
      ["x-mode", "off"],
      ["x_mode", "on"],
    ],
    true,
  ],
  ["other", [["x-mode", "off"]], false],
  ["in part", [["x-mode", "one"]], false],
  ["of another field", [["x-modes", "on"]], false],
  ["not at all", [], false],
])("a value that is said %s", (_how, lines, expected) => {
  expect(hasHeader(new Headers(lines as [string, string][]), "x-mode", "on")).toBe(expected);
});

test("a cookie among others", () => {
  const headers = new Headers([["cookie", "a=1; admin=1"]]);
  expect(hasHeader(headers, "cookie", "admin=1")).toBeTrue();
  expect(hasHeader(headers, "cookie", "admin")).toBeFalse();
});

/** How programs read a field: the first line, the last, all joined; CGI and WSGI under one name, in either order. */
function readings(lines: readonly Line[], name: string): string[] {
  const cgi = name.replaceAll("-", "_");
  const same = lines.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
  const alike = lines
    .filter(([each]) => each.toLowerCase().replaceAll("-", "_") === cgi)
    .map(([, value]) => value);
  const bySpelling = Map.groupBy(
    lines.filter(([each]) => each.toLowerCase().replaceAll("-", "_") === cgi),
    ([each]) => each.toLowerCase(),
  );
  const grouped = [...bySpelling.values()].map((group) => group.map(([, value]) => value));
  const orders = [grouped.flat(), grouped.toReversed().flat()];
  return [same, alike, ...orders].flatMap((values) => [
    ...values,
    ...(values.length === 0 ? [] : [values.join(", "), values.join(",")]),
  ]);
}

test("no reading of a common program goes around a guard", () => {
  const value = fc.constantFrom("on", "off", "a, b", "a,b", "x;y", "on, off");
  const name = fc.constantFrom("x-auth-mode", "X_Auth_Mode", "x-auth_mode", "x_auth-mode", "other");
  // One spelling's lines are together, as the platform's `Headers` have them.
  const lines = fc.array(fc.tuple(name, value), { maxLength: 5 });
  fc.assert(
    fc.property(lines, (all) => {
      const headers = new Headers(all as [string, string][]);
      const spelled = [...headers] as [string, string][];
      const seen = new Set([
        ...readings(
          all.filter(([n]) => n === "x-auth-mode"),
          "x-auth-mode",
        ),
        ...readings(spelled, "x-auth-mode"),
      ]);
      for (const reading of seen) {
        expect(hasHeader(headers, "x-auth-mode", reading)).toBeTrue();
      }
    }),
    { numRuns: 500 },
  );
});
