import { describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync } from "node:crypto";
import {
  create,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { PermissionDocumentSchema } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { claimCharsMax } from "./claim.ts";
import { instanceCutsMax, parseDocument } from "./document.ts";
import { claimsMax, fieldCharsMax } from "./group.ts";
import { credentialLocationsMax, jwtSourceKeysMax, saltsPerUsernameMax } from "./group-limits.ts";

const message = (json: JsonValue) => fromJson(PermissionDocumentSchema, json);

function parsed(json: JsonValue) {
  const result = parseDocument(message(json));
  if (!result.ok) {
    throw new Error(JSON.stringify(result.violations));
  }
  return result;
}

function normalJson(json: JsonValue): JsonValue {
  return toJson(PermissionDocumentSchema, parsed(json).normal, { useProtoFieldName: true });
}

/** "code pointer" of each violation. */
function violations(json: JsonValue): string[] {
  const result = parseDocument(message(json));
  return result.ok ? [] : result.violations.map(({ code, pointer }) => `${code} ${pointer}`);
}

const groupViolations = (group: JsonValue) => violations({ groups: { g: group } });

const publicKey = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .publicKey.export({ format: "pem", type: "spki" })
  .toString();
const digest = createHash("sha256").update("saltpw").digest("hex");

describe("parseDocument takes", () => {
  test("an empty document, which denies", () => {
    expect(normalJson({})).toEqual({ default: "deny" });
    expect(parsed({}).document).toEqual({
      groups: new Map(),
      permissions: new Map(),
      default: "deny",
      combine: "any",
      preflight: "judge",
    });
  });

  test.each<[string, JsonValue]>([
    ["an ip group", { type: "ip", range: "0.0.0.0/0" }],
    ["a jwt group", { type: "jwt", secret: "s", sources: ["header:Authorization"] }],
    [
      "claims of each type",
      { type: "jwt", secret: "s", sources: ["cookie:a.b"], claims: { a: "", b: 0, c: false } },
    ],
    ["a public key", { type: "jwt", secret: publicKey, algorithm: "ES256", sources: ["cookie:a"] }],
    ["the longest secret", { type: "jwt", secret: "x".repeat(8192), sources: ["cookie:a"] }],
    ["a password group", { type: "password", username: "ünal", password: "p:w", salt: "s" }],
    ["a token in a header", { type: "token", value: "a b", header: "Authorization" }],
    ["a token in a cookie", { type: "token", value: "a=b", cookie: "sid" }],
    ["a token in a parameter", { type: "token", value: "ä;\n", param: "k[]" }],
    ["a disabled group", { type: "ip", range: "1.2.3.4/32", enabled: false }],
  ])("%s", (_, group) => {
    expect(groupViolations(group)).toEqual([]);
  });
});

describe("parseDocument refuses", () => {
  test.each<[string, JsonValue, string[]]>([
    ["no type", {}, ["INVALID_PERMISSIONS_DOCUMENT /groups/g/type"]],
    ["a wrong type", { type: "constructor" }, ["INVALID_PERMISSIONS_DOCUMENT /groups/g/type"]],
    ["ip without range", { type: "ip" }, ["INVALID_IP_RANGE /groups/g/range"]],
    ["an empty range", { type: "ip", range: "" }, ["INVALID_IP_RANGE /groups/g/range"]],
    ["a bad range", { type: "ip", range: "1.2.3.4" }, ["INVALID_IP_RANGE /groups/g/range"]],
    [
      "a field of another type",
      { type: "ip", range: "1.2.3.4/8", value: "", sources: ["cookie:a"] },
      ["INVALID_IP_RANGE /groups/g/sources", "INVALID_IP_RANGE /groups/g/value"],
    ],
    [
      "a field of a password in a token",
      { type: "token", value: "v", header: "X", salt: "s" },
      ["INVALID_TOKEN_CONFIG /groups/g/salt"],
    ],
    [
      "a field of a token in a jwt",
      { type: "jwt", secret: "s", sources: ["header:X"], param: "p" },
      ["INVALID_JWT_CONFIG /groups/g/param"],
    ],
    [
      "jwt without anything",
      { type: "jwt" },
      ["INVALID_JWT_CONFIG /groups/g/secret", "INVALID_JWT_CONFIG /groups/g/sources"],
    ],
    [
      "an empty jwt secret",
      { type: "jwt", secret: "", sources: ["cookie:a"] },
      ["INVALID_JWT_CONFIG /groups/g/secret"],
    ],
    [
      "a jwt secret that is too long",
      { type: "jwt", secret: "x".repeat(8193), sources: ["cookie:a"] },
      ["INVALID_JWT_CONFIG /groups/g/secret"],
    ],
    [
      "an unknown algorithm",
      { type: "jwt", secret: "s", algorithm: "none", sources: ["cookie:a"] },
      ["INVALID_JWT_CONFIG /groups/g/algorithm"],
    ],
    [
      "an algorithm in lower case",
      { type: "jwt", secret: "s", algorithm: "hs256", sources: ["cookie:a"] },
      ["INVALID_JWT_CONFIG /groups/g/algorithm"],
    ],
    [
      "a weak key",
      {
        type: "jwt",
        secret: generateKeyPairSync("rsa", { modulusLength: 1024 })
          .publicKey.export({ format: "pem", type: "spki" })
          .toString(),
        algorithm: "RS256",
        sources: ["cookie:a"],
      },
      ["INVALID_JWT_CONFIG /groups/g/secret"],
    ],
    [
      "sources that frame the message or hold other credentials",
      { type: "jwt", secret: "s", sources: ["header:Content-Length", "header:cookie"] },
      ["INVALID_JWT_CONFIG /groups/g/sources/0", "INVALID_JWT_CONFIG /groups/g/sources/1"],
    ],
    [
      "a public key without algorithm",
      { type: "jwt", secret: publicKey, sources: ["cookie:a"] },
      ["INVALID_JWT_CONFIG /groups/g/secret"],
    ],
    [
      "bad sources, each of them",
      {
        type: "jwt",
        secret: "s",
        sources: ["param:a", "header:Host", "cookie:ok", "header:", `cookie:${"a".repeat(65)}`],
      },
      [0, 1, 3, 4].map((i) => `INVALID_JWT_CONFIG /groups/g/sources/${i}`),
    ],
    [
      "claims that cannot be compared",
      {
        type: "jwt",
        secret: "s",
        sources: ["cookie:a"],
        claims: { a: null, "b/c~": [], d: {} },
      },
      ["a", "b~1c~0", "d"].map((name) => `INVALID_JWT_CONFIG /groups/g/claims/${name}`),
    ],
    [
      "password without anything",
      { type: "password", username: "", salt: "" },
      ["username", "password", "salt"].map((name) => `INVALID_PASSWORD_CONFIG /groups/g/${name}`),
    ],
    [
      "another password algorithm, and what Basic cannot carry",
      { type: "password", username: "a:b", password: "\n", salt: "s", algorithm: "bcrypt" },
      ["algorithm", "username", "password"].map(
        (name) => `INVALID_PASSWORD_CONFIG /groups/g/${name}`,
      ),
    ],
    [
      "a password algorithm in upper case",
      { type: "password", username: "a", password: "p", salt: "s", algorithm: "SHA256" },
      ["INVALID_PASSWORD_CONFIG /groups/g/algorithm"],
    ],
    ["a token nowhere", { type: "token", value: "t" }, ["INVALID_TOKEN_CONFIG /groups/g"]],
    [
      "a token at two places",
      { type: "token", value: "t", header: "a", param: "b" },
      ["INVALID_TOKEN_CONFIG /groups/g"],
    ],
    [
      "a token at all three places",
      { type: "token", value: "t", header: "a", cookie: "b", param: "c" },
      ["INVALID_TOKEN_CONFIG /groups/g"],
    ],
    [
      "a token in a header and a cookie",
      { type: "token", value: "t", header: "a", cookie: "b" },
      ["INVALID_TOKEN_CONFIG /groups/g"],
    ],
    ["no token", { type: "token", header: "a" }, ["INVALID_TOKEN_CONFIG /groups/g/value"]],
    [
      "an empty header",
      { type: "token", value: "t", header: "" },
      ["INVALID_TOKEN_CONFIG /groups/g/header"],
    ],
    [
      "a header with a line end, and a value with one",
      { type: "token", value: "a\nb", header: "X\r\nY" },
      ["INVALID_TOKEN_CONFIG /groups/g/header", "INVALID_TOKEN_CONFIG /groups/g/value"],
    ],
    [
      "a cookie with =",
      { type: "token", value: "t", cookie: "a=b" },
      ["INVALID_TOKEN_CONFIG /groups/g/cookie"],
    ],
    [
      "an empty token",
      { type: "token", value: "", header: "a" },
      ["INVALID_TOKEN_CONFIG /groups/g/value"],
    ],
    [
      "an empty place",
      { type: "token", value: "t", param: "" },
      ["INVALID_TOKEN_CONFIG /groups/g/param"],
    ],
    [
      "a header that frames the message",
      { type: "token", value: "t", header: "Content-Length" },
      ["INVALID_TOKEN_CONFIG /groups/g/header"],
    ],
    [
      "a value that no header carries",
      { type: "token", value: " t", header: "a" },
      ["INVALID_TOKEN_CONFIG /groups/g/value"],
    ],
    [
      "a value that no cookie carries",
      { type: "token", value: "t;", cookie: "a b" },
      ["INVALID_TOKEN_CONFIG /groups/g/cookie", "INVALID_TOKEN_CONFIG /groups/g/value"],
    ],
  ])("%s", (_, group, expected) => {
    expect(groupViolations(group)).toEqual(expected);
  });

  const g = { type: "ip", range: "1.2.3.4/8" };
  test.each<[string, JsonValue, string[]]>([
    ["another default", { default: "maybe" }, ["/default"]],
    ["another combine", { combine: "" }, ["/combine"]],
    [
      "bad group names",
      { groups: { "": g, "a b": g, [`${"a".repeat(51)}`]: g, "a/b": g, ok: g } },
      ["/groups/", "/groups/a b", `/groups/${"a".repeat(51)}`, "/groups/a~1b"],
    ],
    ["permissions of nobody", { permissions: { toString: {} } }, ["/permissions/toString"]],
    [
      "a bad program",
      { groups: { g }, permissions: { g: { "-x": true, X: true, "A B": true } } },
      ["/permissions/g/-x", "/permissions/g/X", "/permissions/g/A B"],
    ],
    [
      "a program under two names",
      { groups: { g }, permissions: { g: { db: true, kv: true } } },
      ["/permissions/g/kv"],
    ],
    [
      "a program under its own name and an older one",
      { groups: { g }, permissions: { g: { kv: true, sqlite: false } } },
      ["/permissions/g/sqlite"],
    ],
    [
      "too many programs",
      {
        groups: { g },
        permissions: {
          g: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`p${i}`, true])),
        },
      },
      ["/permissions/g"],
    ],
    [
      "too many groups",
      { groups: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`g${i}`, g])) },
      ["/groups"],
    ],
  ])("%s", (_, json, pointers) => {
    expect(violations(json)).toEqual(
      pointers.map((pointer) => `INVALID_PERMISSIONS_DOCUMENT ${pointer}`),
    );
  });

  test("an access value that is none", () => {
    const json = { groups: { g }, permissions: { g: { http: 0, db: null, logs: "x" } } };
    expect(violations(json)).toEqual(
      ["http", "db", "logs"].map((name) => `INVALID_PERMISSION_VALUE /permissions/g/${name}`),
    );
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "%p, which the wire carries and JSON does not",
    (number) => {
      const values = { first: number, listed: [number], last: 1 };
      const jwt = { type: "jwt", secret: "s", sources: ["cookie:a"], claims: values };
      const sent = create(PermissionDocumentSchema, {
        groups: { j: jwt },
        permissions: { j: values },
      });
      const bytes = toBinary(PermissionDocumentSchema, sent);
      const result = parseDocument(fromBinary(PermissionDocumentSchema, bytes));
      const found = result.ok ? [] : result.violations.map(({ code, pointer }) => [code, pointer]);
      expect(found).toEqual([
        ["INVALID_JWT_CONFIG", "/groups/j/claims/first"],
        ["INVALID_JWT_CONFIG", "/groups/j/claims/listed"],
        ["INVALID_PERMISSION_VALUE", "/permissions/j/first"],
        ["INVALID_PERMISSION_VALUE", "/permissions/j/listed"],
      ]);
    },
  );

  test("everything at once, not only the first fault", () => {
    const json = {
      groups: { a: { type: "ip" }, b: {} },
      permissions: { a: { http: 0 } },
      default: "",
    };
    expect(violations(json)).toHaveLength(4);
  });

  test("more pairs of jwt source and key than a hostile request may cost", () => {
    const json = (keys: number) => ({
      groups: Object.fromEntries(
        Array.from({ length: 300 }, (_, i) => [
          `g${i}`,
          { type: "jwt", secret: `s${i % keys}`, sources: ["cookie:a"] },
        ]),
      ),
    });
    expect(violations(json(jwtSourceKeysMax))).toEqual([]);
    expect(violations(json(jwtSourceKeysMax + 1))).toEqual(["INVALID_JWT_CONFIG /groups"]);
  });
});

describe("a limit is kept to exactly", () => {
  const password = { type: "password", username: "u", password: "pw", salt: "s" };
  const jwt = { type: "jwt", secret: "s", sources: ["cookie:a"] };
  const token = (place: string) => ({ type: "token", value: "t", [place]: "k" });
  test.each<[keyof typeof fieldCharsMax, number, JsonObject, string]>([
    ["secret", 8192, jwt, "INVALID_JWT_CONFIG"],
    ["username", 255, password, "INVALID_PASSWORD_CONFIG"],
    ["password", 1024, password, "INVALID_PASSWORD_CONFIG"],
    ["salt", 256, password, "INVALID_PASSWORD_CONFIG"],
    ["value", 8192, token("header"), "INVALID_TOKEN_CONFIG"],
    ["header", 256, token("header"), "INVALID_TOKEN_CONFIG"],
    ["cookie", 256, token("cookie"), "INVALID_TOKEN_CONFIG"],
    ["param", 256, token("param"), "INVALID_TOKEN_CONFIG"],
  ])("%s: %d characters", (field, charsMax, group, faultCode) => {
    expect<number>(fieldCharsMax[field]).toBe(charsMax);
    expect(groupViolations({ ...group, [field]: "x".repeat(charsMax) })).toEqual([]);
    expect(groupViolations({ ...group, [field]: "x".repeat(charsMax + 1) })).toEqual([
      `${faultCode} /groups/g/${field}`,
    ]);
  });

  test("claims, and the characters of one", () => {
    const claims = (count: number) => ({
      ...jwt,
      claims: Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, i])),
    });
    expect(groupViolations(claims(claimsMax))).toEqual([]);
    expect(groupViolations(claims(claimsMax + 1))).toEqual(["INVALID_JWT_CONFIG /groups/g/claims"]);
    const claim = (chars: number) => ({ ...jwt, claims: { c: "x".repeat(chars) } });
    expect(groupViolations(claim(claimCharsMax))).toEqual([]);
    expect(groupViolations(claim(claimCharsMax + 1))).toEqual([
      "INVALID_JWT_CONFIG /groups/g/claims/c",
    ]);
  });

  test("salts of one username, and of others besides", () => {
    const salted = (count: number) => ({
      groups: Object.fromEntries(
        Array.from({ length: 2 * count }, (_, i) => [
          `g${i}`,
          { ...password, username: `u${i % 2}`, salt: `s${i >> 1}` },
        ]),
      ),
    });
    expect(violations(salted(saltsPerUsernameMax))).toEqual([]);
    expect(violations(salted(saltsPerUsernameMax + 1))).toEqual([
      "INVALID_PASSWORD_CONFIG /groups",
    ]);
  });

  test("places that are read, of every kind and type of group", () => {
    const places = ["header", "cookie", "param"];
    const json = (count: number) => ({
      groups: {
        password,
        jwt: { ...jwt, sources: ["header:Authorization", "cookie:k0"] },
        ...Object.fromEntries(
          Array.from({ length: count - 1 }, (_, i) => [
            `t${i}`,
            { ...token(places[(i + 1) % 3] ?? ""), [places[(i + 1) % 3] ?? ""]: `k${i}` },
          ]),
        ),
      },
    });
    expect(violations(json(credentialLocationsMax))).toEqual([]);
    expect(violations(json(credentialLocationsMax + 1))).toEqual([
      "INVALID_PERMISSIONS_DOCUMENT /groups",
    ]);
  });

  test("runs of instances in all", () => {
    const runs = (count: number) => Array.from({ length: count }, (_, i) => 2 * i + 1);
    const json = (extra: number) => ({
      groups: Object.fromEntries(
        Array.from({ length: 2 }, (_, i) => [`g${i}`, { type: "ip", range: "1.0.0.0/8" }]),
      ),
      permissions: {
        g0: Object.fromEntries(Array.from({ length: 39 }, (_, i) => [`p${i}`, runs(256)])),
        g1: { p: runs(instanceCutsMax / 2 - 39 * 256 + extra), q: "*", r: false },
      },
    });
    expect(violations(json(0))).toEqual([]);
    expect(violations(json(1))).toEqual(["INVALID_PERMISSION_VALUE /permissions"]);
  });

  test("a source that is named again counts and costs nothing", () => {
    const group = { ...jwt, sources: ["header:X-A", "cookie:a", "header:x-a", "cookie:a"] };
    expect(parsed({ groups: { g: group } }).document.groups.get("g")).toMatchObject({
      sources: [
        { kind: "header", name: "x-a" },
        { kind: "cookie", name: "a" },
      ],
    });
  });
});

describe("normal", () => {
  test("keeps what was sent, with digest, masked range, explicit algorithm and default", () => {
    expect(
      normalJson({
        project: "0123456789abcdef01234567",
        groups: {
          z: { type: "ip", range: "10.1.2.3/8", enabled: true },
          p: { type: "password", username: "u", password: "pw", salt: "salt" },
          h: { type: "password", username: "u", password: digest.toUpperCase(), salt: "salt" },
          j: { type: "jwt", secret: "s", sources: ["header:X-Tok", "cookie:c"], claims: { a: 1 } },
          t: { type: "token", value: "v", header: "X-Key" },
        },
        permissions: { z: { kv: [1, 2], http: "1-2" }, p: {} },
        enable_proxy: false,
        file_version: 7,
        etag: "file:v7",
        schema_version: 2,
        warnings: ["x"],
      }),
    ).toEqual({
      project: "0123456789abcdef01234567",
      groups: {
        z: { type: "ip", range: "10.0.0.0/8", enabled: true },
        p: { type: "password", username: "u", password: digest, salt: "salt", algorithm: "sha256" },
        h: { type: "password", username: "u", password: digest, salt: "salt", algorithm: "sha256" },
        j: {
          type: "jwt",
          secret: "s",
          sources: ["header:X-Tok", "cookie:c"],
          claims: { a: 1 },
          algorithm: "HS256",
        },
        t: { type: "token", value: "v", header: "X-Key" },
      },
      permissions: { z: { sqlite: [1, 2], http: "1-2" }, p: {} },
      enable_proxy: false,
      default: "deny",
    });
  });

  test("keeps the order of groups, and combine as it was given", () => {
    const g = { type: "ip", range: "1.0.0.0/8" };
    const json = normalJson({ groups: { z: g, a: g, m: g }, combine: "any" });
    expect(json).toMatchObject({ combine: "any" });
    expect([...parsed(json).document.groups.keys()]).toEqual(["z", "a", "m"]);
  });

  test("of normal is normal", () => {
    const json = normalJson({
      groups: { p: { type: "password", username: "u", password: "pw", salt: "s" } },
      permissions: { p: { n: "*" } },
    });
    expect(normalJson(json)).toEqual(json);
  });

  test("holds a group named __proto__ like any other, through JSON and binary", () => {
    const text =
      '{"groups":{"__proto__":{"type":"ip","range":"1.0.0.0/8"}},"permissions":{"__proto__":{"http":true}}}';
    const { normal, document } = parsed(JSON.parse(text));
    expect([...document.groups.keys()]).toEqual(["__proto__"]);
    expect([...document.permissions.keys()]).toEqual(["__proto__"]);
    const bytes = toBinary(PermissionDocumentSchema, normal);
    const again = toJson(PermissionDocumentSchema, fromBinary(PermissionDocumentSchema, bytes));
    expect(JSON.stringify(again)).toBe(`${text.slice(0, -1)},"default":"deny"}`);
    expect(({} as { type?: string }).type).toBeUndefined();
  });
});

describe("warnings", () => {
  const jwt = (secret: string) => ({ type: "jwt", secret, sources: ["cookie:a"] });
  test.each<[JsonValue, number]>([
    [{ groups: { g: jwt("x".repeat(31)) } }, 1],
    [{ groups: { g: jwt("x".repeat(32)) } }, 0],
    [{ groups: { g: { type: "ip", range: "0.0.0.0/0", enabled: false } } }, 0],
    [{ groups: { g: { type: "ip", range: "0.0.0.0/0", enabled: false } }, combine: "all" }, 1],
    [{ groups: { g: { type: "ip", range: "0.0.0.0/0" } } }, 1],
    [{ groups: { g: { type: "ip", range: "::/0" } } }, 1],
    [{ groups: { g: { type: "ip", range: "::/0" }, h: { type: "ip", range: "10.0.0.0/8" } } }, 0],
    [
      {
        groups: {
          g: { type: "ip", range: "::/0", enabled: false },
          h: { type: "ip", range: "10.0.0.0/8" },
        },
      },
      1,
    ],
  ])("of %j: %p", (json, count) => {
    expect(parsed(json).warnings).toHaveLength(count);
  });

  test("say that clients of the family that no ip group names match none", () => {
    const { warnings } = parsed({ groups: { ban: { type: "ip", range: "0.0.0.0/0" } } });
    expect(warnings.join()).toContain("clients that come over IPv6 match none");
  });

  test("never show a secret", () => {
    expect(parsed({ groups: { g: jwt("hunter2") } }).warnings.join()).not.toContain("hunter2");
  });
});
