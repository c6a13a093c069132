import { describe, expect, test } from "bun:test";
import type { JsonValue } from "@bufbuild/protobuf";
import { setOf } from "../../src/policy/bitset.ts";
import type { CompiledPolicy } from "../../src/policy/compile.ts";
import { type Decision, decide, grantingGroups } from "../../src/policy/decide.ts";
import type { Identity } from "../../src/policy/identify.ts";
import { policyOf } from "../harness/policy.ts";

function identityOf(policy: CompiledPolicy, names: string[], presented = false): Identity {
  const groups = names.map((name) => policy.groupNames.indexOf(name));
  return {
    groups: setOf(policy.groupNames.length, groups),
    presented,
    wrong: false,
    untimely: false,
    consumedCredentials: [],
    unverifiedSources: [],
    validUntilS: 0,
    subject: null,
  };
}

const words = (decision: Decision) =>
  decision.allow
    ? decision.reason
    : [decision.reason, decision.status, decision.challenge ?? ""].join(" ").trim();

const ip = { type: "ip", range: "10.0.0.0/8" };
const token = { type: "token", value: "t", param: "k" };
const password = { type: "password", username: "u", password: "p", salt: "s" };

describe("any group", () => {
  const policy = policyOf({
    groups: { office: ip, ci: token, off: { ...token, enabled: false } },
    permissions: {
      office: { http: "8000-8999", files: false, logs: "*", https: 443 },
      ci: { http: [80], files: true, logs: true, terminal: 2 },
      off: { browser: true },
    },
  });
  test.each<[string[], string, number, boolean, string, string[]]>([
    [["office"], "http", 8000, false, "granted", ["office"]],
    [["office"], "http", 8999, false, "granted", ["office"]],
    [["office"], "http", 7999, false, "not_granted 403", []],
    [["office"], "http", 9000, false, "not_granted 403", []],
    [["office"], "http", 80, false, "not_granted 401 bearer", []],
    [["office"], "http", 80, true, "not_granted 403", []],
    [["office"], "logs", 1, false, "not_granted 401 bearer", []],
    [["office"], "https", 443, false, "granted", ["office"]],
    [["office"], "https", 8000, false, "not_granted 403", []],
    [["ci"], "https", 80, true, "granted", ["ci"]],
    [["ci"], "https", 443, true, "not_granted 403", []],
    [["office", "ci"], "files", 1, true, "granted", ["ci"]],
    [["office"], "browser", 1, false, "not_granted 403", []],
    [["office"], "constructor", 1, false, "not_granted 403", []],
    [["office", "ci"], "terminal", 1, true, "not_granted 403", []],
    [[], "http", 80, false, "unauthenticated 401 bearer", []],
    [[], "http", 80, true, "unauthenticated 401 bearer", []],
  ])(
    "matched %p, %s-%p, credential %p: %s",
    (names, program, instance, presented, outcome, granting) => {
      const decision = decide(policy, identityOf(policy, names, presented), program, instance);
      expect(words(decision)).toBe(outcome);
      expect(grantingGroups(policy, decision)).toEqual(granting);
    },
  );
});

describe("nobody matches", () => {
  test.each<[JsonValue, string]>([
    [{}, "denied 403"],
    [{ default: "allow" }, "default_allow"],
    [{ groups: { a: ip } }, "denied 403"],
    [{ groups: { a: ip }, default: "allow" }, "default_allow"],
    [{ groups: { a: token } }, "unauthenticated 401 bearer"],
    [{ groups: { a: ip, b: password } }, "unauthenticated 401 basic"],
    [{ groups: { a: token, b: password } }, "unauthenticated 401 basic"],
    [{ groups: { a: { ...password, enabled: false } } }, "unauthenticated 401 basic"],
    [{ combine: "all" }, "denied 403"],
    [{ combine: "all", default: "allow" }, "default_allow"],
  ])("%j: %s", (json, outcome) => {
    const policy = policyOf(json);
    expect(words(decide(policy, identityOf(policy, []), "http", 80))).toBe(outcome);
  });
});

describe("all groups", () => {
  const groups = { a: ip, b: token };
  const permissions = { a: { http: true, files: true }, b: { http: "1-100" } };
  const policy = policyOf({ groups, permissions, combine: "all" });
  test.each<[string[], string, number, string, string[]]>([
    [["a", "b"], "http", 100, "granted", ["a", "b"]],
    [["a", "b"], "http", 101, "not_granted 403", []],
    [["a", "b"], "files", 1, "not_granted 403", []],
    [["a"], "http", 1, "unauthenticated 401 bearer", []],
    [["b"], "http", 1, "unauthenticated 401 bearer", []],
    [[], "http", 1, "unauthenticated 401 bearer", []],
  ])("matched %p, %s-%p: %s", (names, program, instance, outcome, granting) => {
    const decision = decide(policy, identityOf(policy, names, true), program, instance);
    expect(words(decision)).toBe(outcome);
    expect(grantingGroups(policy, decision)).toEqual(granting);
  });

  test("a disabled group never matches, so that nothing does", () => {
    const half = policyOf({
      groups: { a: ip, b: { ...token, enabled: false } },
      permissions,
      combine: "all",
    });
    expect(words(decide(half, identityOf(half, ["a"]), "http", 1))).toBe(
      "unauthenticated 401 bearer",
    );
  });
});

test("thirty-two and more groups", () => {
  const names = Array.from({ length: 65 }, (_, i) => `g${i}`);
  const policy = policyOf({
    groups: Object.fromEntries(names.map((name) => [name, ip])),
    permissions: { g31: { http: 1 }, g32: { http: 2 }, g64: { http: true } },
  });
  const all = identityOf(policy, names);
  const granting = (instance: number) =>
    grantingGroups(policy, decide(policy, all, "http", instance));
  expect(granting(1)).toEqual(["g31", "g64"]);
  expect(granting(2)).toEqual(["g32", "g64"]);
  expect(words(decide(policy, identityOf(policy, ["g32"]), "http", 1))).toBe("not_granted 403");
});
