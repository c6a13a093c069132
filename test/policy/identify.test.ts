import { describe, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { members } from "../../src/policy/bitset.ts";
import type { CompiledPolicy } from "../../src/policy/compile.ts";
import { type Identity, identify, type PresentedCredentials } from "../../src/policy/identify.ts";
import { parseAddressKey } from "../../src/policy/ip-range.ts";
import { basic, hs256 } from "../harness/credentials.ts";
import { policyOf } from "../harness/policy.ts";

const policyOfGroups = (groups: JsonObject) => policyOf({ groups });

/** Credentials by place, "header:authorization" and so on; notes what was asked for. */
function presenting(found: Record<string, string>, asked: string[] = []): PresentedCredentials {
  const at = (kind: string) => (name: string) => {
    asked.push(`${kind}:${name}`);
    return found[`${kind}:${name}`] ?? null;
  };
  return { header: at("header"), cookie: at("cookie"), param: at("param") };
}

const summary = (policy: CompiledPolicy, { groups, presented, consumedCredentials }: Identity) => ({
  groups: members(groups).map((group) => policy.groupNames[group]),
  presented,
  consumedCredentials: consumedCredentials.map(({ kind, name }) => `${kind}:${name}`),
});

const jwt = (claims: Record<string, unknown>) => hs256("k", claims);

const mixed = policyOfGroups({
  office: { type: "ip", range: "10.0.0.0/8" },
  ada: { type: "password", username: "ada", password: "pw", salt: "s" },
  ci: { type: "token", value: "t0k", header: "Authorization" },
  key: { type: "token", value: "t0k", header: "X-Key" },
  sid: { type: "token", value: "t0k", cookie: "sid" },
  q: { type: "token", value: "t0k", param: "q" },
  user: { type: "jwt", secret: "k", sources: ["header:Authorization", "cookie:jwt"] },
  off: { type: "token", value: "t0k", header: "X-Off", enabled: false },
});

describe("identify", () => {
  test.each<[string, Record<string, string>, string[], boolean, string[]]>([
    ["nothing", {}, [], false, []],
    ["a header token", { "header:x-key": "t0k" }, ["key"], true, ["header:x-key"]],
    ["a wrong one", { "header:x-key": "T0k" }, [], true, []],
    ["a Bearer prefix elsewhere is raw", { "header:x-key": "Bearer t0k" }, [], true, []],
    ["an empty one", { "header:x-key": "" }, [], false, []],
    ["a cookie", { "cookie:sid": "t0k" }, ["sid"], true, ["cookie:sid"]],
    ["a parameter", { "param:q": "t0k" }, ["q"], true, ["param:q"]],
    ["names count in their case", { "cookie:SID": "t0k", "param:Q": "t0k" }, [], false, []],
    [
      "raw Authorization",
      { "header:authorization": "t0k" },
      ["ci"],
      true,
      ["header:authorization"],
    ],
    ["Bearer", { "header:authorization": "bearer  t0k" }, ["ci"], true, ["header:authorization"]],
    ["Basic", { "header:authorization": basic("ada:pw") }, ["ada"], true, ["header:authorization"]],
    ["a wrong password", { "header:authorization": basic("ada:PW") }, [], true, []],
    [
      "a jwt is not consumedCredentials",
      { "header:authorization": `Bearer ${jwt({})}` },
      ["user"],
      true,
      [],
    ],
    ["a jwt wants Bearer", { "header:authorization": jwt({}) }, [], true, []],
    ["a jwt in a cookie is raw", { "cookie:jwt": jwt({}) }, ["user"], true, []],
    ["no Bearer in a cookie", { "cookie:jwt": `Bearer ${jwt({})}` }, [], true, []],
    ["a disabled group", { "header:x-off": "t0k" }, [], false, []],
    [
      "several",
      { "header:authorization": basic("ada:pw"), "cookie:sid": "t0k", "cookie:jwt": jwt({}) },
      ["ada", "sid", "user"],
      true,
      ["header:authorization", "cookie:sid"],
    ],
  ])("%s", async (_, found, groups, presented, consumedCredentials) => {
    const identity = await identify(mixed, presenting(found), null, 0);
    expect(summary(mixed, identity)).toEqual({ groups, presented, consumedCredentials });
  });

  test("adds what the address matches", async () => {
    const identity = await identify(
      mixed,
      presenting({ "header:x-key": "t0k" }),
      parseAddressKey("::ffff:10.1.2.3"),
      0,
    );
    expect(summary(mixed, identity).groups).toEqual(["office", "key"]);
  });

  test("answers without a promise unless the client must wait for a signature check", async () => {
    const asked = presenting({ "cookie:jwt": jwt({ exp: 100 }) });
    const waiting = { take: () => false, wait: async () => {} };
    const first = identify(mixed, asked, null, 0, "10.0.0.1", waiting);
    expect(first).toBeInstanceOf(Promise);
    expect(
      identify(mixed, presenting({ "cookie:jwt": "x" }), null, 0, "10.0.0.1", waiting),
    ).not.toBeInstanceOf(Promise);
    const later = await first;
    const known = identify(mixed, asked, null, 0, "10.0.0.1", waiting);
    expect(known).not.toBeInstanceOf(Promise);
    expect(await known).toEqual(later);
    const fresh = policyOfGroups({ a: { type: "jwt", secret: "k", sources: ["cookie:jwt"] } });
    expect(identify(fresh, asked, null, 0)).not.toBeInstanceOf(Promise);
  });

  test.each<[string, boolean, Record<string, string>]>([
    ["nothing", false, {}],
    ["a right token", false, { "header:x-key": "t0k" }],
    ["a right password", false, { "header:authorization": basic("ada:pw") }],
    ["a right JWT", false, { "cookie:jwt": jwt({}) }],
    ["a wrong token", true, { "header:x-key": "T0K" }],
    ["a wrong password", true, { "header:authorization": basic("ada:PW") }],
    ["an unknown user", true, { "header:authorization": basic("bob:pw") }],
    ["a forged JWT", true, { "cookie:jwt": `${jwt({}).slice(0, -4)}AAAA` }],
    ["what is no JWT", true, { "cookie:jwt": "x" }],
    ["an expired JWT", false, { "cookie:jwt": jwt({ exp: -60 }) }],
    ["a JWT to come", false, { "cookie:jwt": jwt({ nbf: 60 }) }],
    ["a right one beside a wrong one", true, { "header:x-key": "t0k", "cookie:sid": "guess" }],
    ["a credential that no enabled group reads", false, { "header:x-off": "guess" }],
  ])("%s may be a guess: %p", async (_what, wrong, found) => {
    expect((await identify(mixed, presenting(found), null, 0)).wrong).toBe(wrong);
    const waiting = { take: () => false, wait: async () => {} };
    expect((await identify(mixed, presenting(found), null, 0, "10.0.0.1", waiting)).wrong).toBe(
      wrong,
    );
  });

  test("names the moment from which the first jwt is refused", async () => {
    const two = policyOfGroups({
      a: { type: "jwt", secret: "k", sources: ["cookie:a", "cookie:b"] },
    });
    const asked = presenting({ "cookie:a": jwt({ exp: 200 }), "cookie:b": jwt({ exp: 100 }) });
    const { validUntilS } = await identify(two, asked, null, 0);
    expect(validUntilS).toBe(130);
    expect((await identify(two, asked, null, validUntilS)).validUntilS).toBe(230);
    expect((await identify(two, presenting({}), null, 0)).validUntilS).toBe(Infinity);
  });

  test("a source that is named twice is one source", async () => {
    const policy = policyOfGroups({
      a: { type: "jwt", secret: "k", sources: ["cookie:a", "cookie:a"] },
    });
    const identity = await identify(policy, presenting({ "cookie:a": jwt({}) }), null, 0);
    expect(members(identity.groups)).toEqual([0]);
  });

  test("a value written with Bearer means the same as without", async () => {
    const policy = policyOfGroups({
      a: { type: "token", value: "Bearer t", header: "authorization" },
    });
    for (const value of ["Bearer t", "t", "bearer   t"]) {
      const asked = presenting({ "header:authorization": value });
      expect(members((await identify(policy, asked, null, 0)).groups)).toEqual([0]);
    }
  });

  test("another scheme is no credential where only passwords are read", async () => {
    const policy = policyOfGroups({
      a: { type: "password", username: "ada", password: "pw", salt: "s" },
    });
    const presented = async (value: string) =>
      (await identify(policy, presenting({ "header:authorization": value }), null, 0)).presented;
    expect(await presented("Bearer x")).toBe(false);
    expect(await presented("Basic x")).toBe(true);
  });

  test("asks only for what the document reads", async () => {
    const asked: string[] = [];
    await identify(
      policyOfGroups({ a: { type: "ip", range: "0.0.0.0/0" } }),
      presenting({}, asked),
      1,
      0,
    );
    expect(asked).toEqual([]);
    await identify(mixed, presenting({}, asked), 1, 0);
    expect(asked.sort()).toEqual(
      ["cookie:jwt", "cookie:sid", "header:authorization", "header:x-key", "param:q"].sort(),
    );
  });

  test("the credential of one document says nothing to another", async () => {
    const other = policyOfGroups({ a: { type: "token", value: "else", header: "X-Key" } });
    const asked = presenting({ "header:x-key": "t0k" });
    expect(members((await identify(mixed, asked, null, 0)).groups)).toEqual([3]);
    expect(members((await identify(other, asked, null, 0)).groups)).toEqual([]);
  });

  test("with address groups alone shares the set of the network", async () => {
    const policy = policyOfGroups({ a: { type: "ip", range: "0.0.0.0/0" } });
    const [one, two] = [
      identify(policy, presenting({}), 1, 0),
      identify(policy, presenting({}), 2, 0),
    ];
    expect((await one).groups).toBe((await two).groups);
  });
});
