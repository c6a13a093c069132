import { describe, expect, test } from "bun:test";
import {
  hasControlCharacter,
  headerNameProblem,
  isCookieName,
  isCookieValue,
  isHeaderValue,
} from "./field-syntax.ts";

describe("headerNameProblem", () => {
  test.each([["Authorization"], ["X-Api-Key"], ["x_token"], ["a"]])("%p can be read", (name) => {
    expect(headerNameProblem(name)).toBeUndefined();
  });
  test.each([
    [""],
    ["X Api"],
    ["X-Api:"],
    ["X-Api\r\nHost"],
    ["é"],
    ["Host"],
    ["COOKIE"],
    ["connection"],
    ["Content-Length"],
    ["Transfer-Encoding"],
    ["Keep-Alive"],
    ["Proxy-Authorization"],
    ["TE"],
    ["Trailer"],
    ["Upgrade"],
  ])("%p cannot", (name) => {
    expect(headerNameProblem(name)).toBeString();
  });
});

test.each([
  ["abc", true, true, true],
  ["a b", true, false, false],
  [" a", false, false, false],
  ["a ", false, false, false],
  ["a\tb", false, false, false],
  ["a\nb", false, false, false],
  ["é", false, false, false],
  ["a;b", true, false, false],
  ["a,b", true, false, false],
  ['"a"', true, false, false],
  ["a\\b", true, false, false],
  ["a=b", true, true, false],
  ["", false, false, false],
])("%j: header value %p, cookie value %p, cookie name %p", (text, header, cookie, name) => {
  expect(isHeaderValue(text)).toBe(header);
  expect(isCookieValue(text)).toBe(cookie);
  expect(isCookieName(text)).toBe(name);
});

test.each([
  ["", false],
  ["pässwörd ~", false],
  ["a\0", true],
  ["a\x7f", true],
  ["\n", true],
])("control characters in %j: %p", (text, found) => {
  expect(hasControlCharacter(text)).toBe(found);
});
