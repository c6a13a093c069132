import { describe, expect, test } from "bun:test";
import { basic, hs256 } from "../harness/credentials.ts";
import { type DocumentJson, type RequestFacts, referenceDecision } from "./decision.ts";

const office: DocumentJson = {
  groups: {
    office: { type: "ip", range: "10.0.0.0/8" },
    admin: { type: "password", username: "ada", password: "pw", salt: "s" },
    ci: { type: "token", value: "t0k", header: "X-Key" },
    user: { type: "jwt", secret: "k", sources: ["header:Authorization"], claims: { aud: "app" } },
  },
  permissions: {
    office: { http: "8000-8999", logs: "*" },
    admin: { terminal: true, logs: true },
    ci: { http: [80, 8080], https: 443 },
    user: { http: false, db: 2 },
  },
};

const base: RequestFacts = {
  address: "192.0.2.1",
  headers: [],
  cookies: [],
  params: [],
  nowS: 1000,
  program: "http",
  instance: 8080,
};
const withPassword = (text: string): [string, string][] => [["authorization", basic(text)]];
const bearer = (claims: Record<string, unknown>): [string, string][] => [
  ["Authorization", `Bearer ${hs256("k", claims)}`],
];

describe("referenceDecision follows the table", () => {
  test.each<[string, Partial<RequestFacts>, string, number]>([
    ["row 5 by address", { address: "10.1.1.1" }, "granted", 200],
    ["row 5 by mapped address", { address: "::ffff:10.1.1.1" }, "granted", 200],
    ["row 5 by token", { headers: [["x-key", "t0k"]] }, "granted", 200],
    ["row 5 by password", { headers: withPassword("ada:pw"), program: "terminal" }, "granted", 200],
    [
      "row 5 by jwt",
      { headers: bearer({ aud: ["app"] }), program: "sqlite", instance: 2 },
      "granted",
      200,
    ],
    [
      "https falls back to http",
      { address: "10.1.1.1", program: "https", instance: 8000 },
      "granted",
      200,
    ],
    [
      "an own https key counts alone",
      { headers: [["x-key", "t0k"]], program: "https", instance: 80 },
      "not_granted",
      403,
    ],
    ["row 6, prompt helps", { address: "10.1.1.1", program: "logs" }, "not_granted", 401],
    ["row 6, nobody grants", { address: "10.1.1.1", program: "files" }, "not_granted", 403],
    [
      "row 6, credential was there",
      { address: "10.1.1.1", program: "logs", headers: [["x-key", "bad"]] },
      "not_granted",
      403,
    ],
    ["row 8", {}, "unauthenticated", 401],
    ["row 8, wrong password", { headers: withPassword("ada:no") }, "unauthenticated", 401],
    [
      "row 8, token twice",
      {
        headers: [
          ["x-key", "t0k"],
          ["X-Key", "t0k"],
        ],
      },
      "unauthenticated",
      401,
    ],
    ["row 8, wrong audience", { headers: bearer({ aud: "x" }) }, "unauthenticated", 401],
    ["row 8, expired", { headers: bearer({ aud: "app", exp: 970 }) }, "unauthenticated", 401],
    ["not yet expired", { headers: bearer({ aud: "app", exp: 971 }) }, "not_granted", 403],
  ])("%s", (_, request, reason, status) => {
    expect(referenceDecision(office, { ...base, ...request })).toMatchObject({ reason, status });
  });

  test("row 7", () => {
    const open: DocumentJson = { ...office, default: "allow" };
    expect(referenceDecision(open, base)).toMatchObject({ allow: true, reason: "default_allow" });
  });

  test("row 9", () => {
    const doc: DocumentJson = {
      groups: { a: { type: "ip", range: "1.0.0.0/8" } },
      permissions: {},
    };
    expect(referenceDecision(doc, base)).toMatchObject({ reason: "denied", status: 403 });
    expect(referenceDecision({ groups: {}, permissions: {} }, base).reason).toBe("denied");
  });

  test("combine all asks for every group, and for the grant of every group", () => {
    const doc: DocumentJson = {
      groups: {
        a: { type: "ip", range: "10.0.0.0/8" },
        b: { type: "token", value: "t", param: "k" },
      },
      permissions: { a: { http: true, files: true }, b: { http: true } },
      combine: "all",
    };
    const one = { ...base, address: "10.0.0.1" };
    const both: RequestFacts = { ...one, params: [["k", "t"]] };
    expect(referenceDecision(doc, one).reason).toBe("unauthenticated");
    expect(referenceDecision(doc, both)).toMatchObject({ reason: "granted", granting: ["a", "b"] });
    expect(referenceDecision(doc, { ...both, program: "files" }).reason).toBe("not_granted");
  });

  test("a disabled group never matches", () => {
    const doc: DocumentJson = {
      groups: { a: { type: "ip", range: "0.0.0.0/0", enabled: false } },
      permissions: { a: { http: true } },
    };
    expect(referenceDecision(doc, base).reason).toBe("denied");
  });
});
