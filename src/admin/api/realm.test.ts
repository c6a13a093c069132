import { describe, expect, test } from "bun:test";
import { activeRealm } from "./realm.ts";

const A = "0123456789abcdef01234567";
const B = "89abcdef0123456789abcdef";

describe("the realm of a host", () => {
  test.each([
    ["api.example.test", "no label of 24 hex digits"],
    ["127.0.0.1:8080", "an address"],
    ["[::1]:8080", "an IPv6 address"],
    ["localhost", "a bare name"],
    [`${A}0.api.example.test`, "25 digits"],
    [`${A.slice(1)}.api.example.test`, "23 digits"],
    [`g${A.slice(1)}.api.example.test`, "not hex"],
    [`x-${A}.api.example.test`, "part of a longer label"],
  ])("%s is the unscoped host (%s)", (host) => {
    expect(activeRealm(host, null)).toBeNull();
  });

  test.each([
    [`${A}.api.example.test`, "the plain one"],
    [`${A}.api.example.test:443`, "a port"],
    [`${A.toUpperCase()}.API.Example.Test`, "letter case"],
    [`${A}.api.example.test.`, "a trailing dot"],
    [`${A}.localhost`, "any domain"],
    [A, "the label alone"],
  ])("%s is realm A despite %s", (host) => {
    expect(activeRealm(host, null)).toBe(A);
  });

  test.each([
    [`${A}.${B}.api.example.test`, "two realms"],
    [`${A}.${A}.api.example.test`, "one realm twice"],
    [`api.${A}.example.test`, "not the leading label"],
    [`${A}.api.example.test, ${B}.api.example.test`, "two Host lines joined"],
    [`user@${A}.api.example.test`, "user information"],
    [`${A}.api.example.test/`, "a path"],
    [`${A}.api.example.test:`, "an empty port"],
    [`${A}.api.example.test:http`, "a port in letters"],
    [`%61${A.slice(1)}.api.example.test`, "percent encoding"],
    ["", "nothing"],
  ])("%j is invalid: %s", (host) => {
    expect(activeRealm(host, null)).toBe("invalid");
  });
});

test.each([
  [null, A, A, "metadata alone"],
  ["api.example.test", A, A, "unscoped host, realm in metadata"],
  [`${A}.api.example.test`, A, A, "both say the same"],
  [`${A}.api.example.test`, B, "invalid", "they differ"],
  ["api.example.test", A.toUpperCase(), "invalid", "metadata is lower case"],
  ["api.example.test", "", "invalid", "empty metadata"],
  [null, `${A}, ${A}`, "invalid", "metadata sent twice"],
  ["a/b", A, "invalid", "a bad host stays bad"],
  [null, null, null, "neither"],
] as const)("host %p with metadata %p is %p: %s", (host, metadata, realm) => {
  expect(activeRealm(host, metadata)).toBe(realm);
});
