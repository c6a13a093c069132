import { expect, test } from "bun:test";
import { parsePathTemplate } from "./path-template.ts";

const literal = (text: string) => ({ kind: "literal" as const, text });
const variable = (field: string) => ({ kind: "variable" as const, field });

test.each([
  ["/a", [literal("a")]],
  ["/api/v1/projects", [literal("api"), literal("v1"), literal("projects")]],
  ["/{id}", [variable("id")]],
  ["/a/{project_id}/b", [literal("a"), variable("project_id"), literal("b")]],
  ["/A-z0.9_~", [literal("A-z0.9_~")]],
])("%s is parsed", (template, segments) => {
  expect(parsePathTemplate(template)).toEqual(segments);
});

test.each([
  ["", "no slash"],
  ["a", "no slash in front"],
  ["/", "an empty segment"],
  ["/a/", "a slash at the end"],
  ["/a//b", "an empty segment inside"],
  ["/{}", "a variable without a name"],
  ["/{Id}", "a name in upper case"],
  ["/{1d}", "a name that begins with a digit"],
  ["/{id=*}", "a pattern in a variable"],
  ["/a.{id}", "a variable beside text"],
  ["/{a}{b}", "two variables in a segment"],
  ["/*", "a wildcard"],
  ["/**", "a deep wildcard"],
  ["/a:verb", "a custom verb"],
  ["/a b", "a space"],
  ["/%61", "an escape"],
])("%j is refused: %s", (template) => {
  expect(() => parsePathTemplate(template)).toThrow(template);
});
