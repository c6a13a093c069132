import { describe, expect, test } from "bun:test";
import { type ClaimRule, claimHolds, describeClaims, parseClaimRule } from "./claim.ts";
import { parseCompactToken } from "./compact-token.ts";

function rule(name: string, sent: unknown): ClaimRule {
  const parsed = parseClaimRule(name, sent);
  if (typeof parsed === "string") throw new TypeError(parsed);
  return parsed;
}

/** Whether a token with this JSON as its claims has what is wanted. */
function holds(name: string, sent: unknown, claims: string): boolean {
  const part = (text: string) => Buffer.from(text).toString("base64url");
  const token = parseCompactToken(`${part('{"alg":"HS256"}')}.${part(claims)}.AAAA`);
  if (token === null) throw new TypeError("no token");
  return claimHolds(name, rule(name, sent), token.claims);
}

describe("equality", () => {
  test.each<[string, unknown, string, boolean]>([
    ["roles", "admin", '{"roles":"admin"}', true],
    ["roles", "admin", '{"roles":["admin"]}', false],
    ["scope", "read", '{"scope":"read write"}', false],
    ["aud", "api", '{"aud":["web","api"]}', true],
    ["a.b", "x", '{"a.b":"x"}', true],
    ["a.b", "x", '{"a":{"b":"x"}}', false],
    ["uid", 1, '{"uid":1.0}', true],
    ["uid", 1, '{"uid":"1"}', false],
    ["uid", 9007199254740991, '{"uid":9007199254740991}', true],
    ["uid", 9007199254740991, '{"uid":9007199254740991.4}', false],
    ["uid", 0.1, '{"uid":0.1000000000000000055511151231257827}', false],
    ["uid", 0, '{"uid":-0}', false],
    ["uid", 0, '{"uid":1e-400}', false],
    ["aud", 0.1, '{"aud":[0.10000000000000001]}', false],
  ])("claim %s, wanted %j, token %s: %p", (name, wanted, claims, expected) => {
    expect(holds(name, wanted, claims)).toBe(expected);
  });
});

describe("has", () => {
  test.each<[string, unknown, string, boolean]>([
    ["roles", "admin", '{"roles":["user","admin"]}', true],
    ["roles", "admin", '{"roles":["administrator"]}', false],
    ["roles", "admin", '{"roles":[["admin"]]}', false],
    ["roles", "admin", '{"roles":{"admin":true}}', false],
    ["roles", "admin", '{"roles":{"has":"admin"}}', false],
    ["roles", "admin", '{"roles":[]}', false],
    ["roles", "admin", "{}", false],
    ["roles", "0", '{"roles":["x"]}', false],
    ["roles", 1, '{"roles":[1]}', true],
    ["roles", 1, '{"roles":["1"]}', false],
    ["roles", true, '{"roles":[true]}', true],
    ["ids", 5, '{"ids":5}', false],
    ["ids", 0, '{"ids":[-0,1e-400]}', false],
    ["ids", 2 ** 53 - 1, '{"ids":[9007199254740993]}', false],
    ["scope", "read", '{"scope":"read write"}', true],
    ["scope", "write", '{"scope":"read  write"}', true],
    ["scope", "rea", '{"scope":"read write"}', false],
    ["scope", "READ", '{"scope":"read write"}', false],
    ["scope", "read write", '{"scope":"read write"}', false],
    ["scope", "read", String.raw`{"scope":"read\twrite"}`, false],
    ["scope", "1", '{"scope":"1"}', true],
    ["scope", 1, '{"scope":"1"}', false],
    ["realm_access.roles", "admin", '{"realm_access":{"roles":["admin"]}}', true],
    ["realm_access.roles", "admin", '{"realm_access":{"roles":"user admin"}}', true],
    ["realm_access.roles", "admin", '{"realm_access":[{"roles":["admin"]}]}', false],
    ["realm_access.roles", "admin", '{"realm_access":null}', false],
    ["a.b.c", "x", '{"a":{"b":{"c":["x"]}}}', true],
    ["a.b.c", "x", '{"a":{"b.c":["x"]}}', false],
    ["a.b.c", "x", '{"a.b":{"c":["x"]}}', false],
    ["https://id.test/roles", "x", '{"https://id.test/roles":["x"]}', true],
    ["a.b", "x", '{"a.b":["y"],"a":{"b":["x"]}}', false],
    ["a.b", "x", '{"a.b":null,"a":{"b":["x"]}}', false],
    ["a.0", "x", '{"a":["x"]}', false],
    ["a.length", 1, '{"a":["x"]}', false],
    ["a.constructor.name", "Object", '{"a":{}}', false],
    ["__proto__.a", "x", '{"__proto__":{"a":["x"]}}', true],
    ["n.value", 1, '{"n":9007199254740993}', false],
  ])("claim %s, wanted %j, token %s: %p", (name, has, claims, expected) => {
    expect(holds(name, { has }, claims)).toBe(expected);
  });
});

describe("refused at write", () => {
  test.each<[string, unknown]>([
    ["an integer beyond 2^53", 281674916028284930],
    ["an infinity", Number.POSITIVE_INFINITY],
    ["a negative zero", -0],
    ["null", null],
    ["a list", ["admin"]],
    ["an empty object", {}],
    ["another form", { in: ["a"] }],
    ["has with company", { has: "admin", not: "x" }],
    ["has with a list", { has: ["admin"] }],
    ["has with has", { has: { has: "admin" } }],
    ["has with nothing", { has: "" }],
    ["has with null", { has: null }],
    ["has with an integer beyond 2^53", { has: 2 ** 53 }],
    ["has that is inherited", Object.create({ has: "admin" })],
    ["has of 8,193 characters", { has: "x".repeat(8193) }],
  ])("%s", (_what, sent) => {
    expect(parseClaimRule("roles", sent)).toBeString();
  });
});

test("the explicit form is described without growing", () => {
  const rules = new Map([
    ["aud", rule("aud", "api")],
    ["roles", rule("roles", { has: "admin" })],
    ["level", rule("level", { has: 3 })],
    ["long", rule("long", { has: "x".repeat(8000) })],
    ["fourth", rule("fourth", { has: true })],
    ["fifth", rule("fifth", { has: true })],
  ]);
  expect(describeClaims(rules)).toBe(
    ` where roles has "admin", level has 3, long has "${"x".repeat(64)}…", fourth has true and 1 more`,
  );
  expect(describeClaims(new Map([["aud", rule("aud", "api")]]))).toBe("");
});
