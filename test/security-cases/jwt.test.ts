// J: tokens that must not pass. The vectors are data: a token, the group that reads it, and whether it lets in.
import { beforeAll, describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync, type KeyObject, sign as signBytes } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { caseBench, codeOf, type Scene, untouched } from "../harness/gate.ts";
import { parsed } from "../harness/policy.ts";
import { answerTo, request } from "../harness/wire.ts";

const bench = await caseBench();
const { port } = bench.proxy;

const SECRET = "0123456789abcdef0123456789abcdef";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString();
const der = (key: KeyObject) => key.export({ type: "spki", format: "der" });
const jwkOf = (key: KeyObject) => JSON.stringify(key.export({ format: "jwk" }));

/** Order of P-256. */
const N = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

type Signer = (text: string) => Buffer;
const hs =
  (secret: string | Buffer): Signer =>
  (text) =>
    createHmac("sha256", secret).update(text).digest();
const rs =
  (key: KeyObject): Signer =>
  (text) =>
    signBytes("sha256", Buffer.from(text), key);
const es: Signer = (text) =>
  signBytes("sha256", Buffer.from(text), { key: ec.privateKey, dsaEncoding: "ieee-p1363" });
const esDer: Signer = (text) => signBytes("sha256", Buffer.from(text), ec.privateKey);
const nothing: Signer = () => Buffer.alloc(0);

const encode = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A compact token of these texts, or of the JSON of these values. */
function token(header: unknown, claims: unknown, sign: Signer): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign(text).toString("base64url")}`;
}

const HS = { alg: "HS256" };
const nowS = Math.floor(Date.now() / 1000);
const good = (header: unknown, claims: unknown = { sub: "ada" }) =>
  token(header, claims, hs(SECRET));

const groups = {
  HS256: { type: "jwt", secret: SECRET, sources: ["header:X-Jwt"] },
  RS256: { type: "jwt", secret: pem(rsa.publicKey), algorithm: "RS256", sources: ["header:X-Jwt"] },
  ES256: { type: "jwt", secret: pem(ec.publicKey), algorithm: "ES256", sources: ["header:X-Jwt"] },
} as const;
type Name = keyof typeof groups;

const granting = (group: JsonObject) => ({
  own: { groups: { g: group }, permissions: { g: { terminal: true } }, default: "deny" },
});

let scenes: Record<Name, Scene>;
beforeAll(async () => {
  scenes = {
    HS256: await bench.scene(granting(groups.HS256 as never)),
    RS256: await bench.scene(granting(groups.RS256 as never)),
    ES256: await bench.scene(granting(groups.ES256 as never)),
  };
});

async function letsIn({ host, witness }: Scene, presented: string): Promise<boolean> {
  const before = witness.requests.length;
  const answer = await answerTo(port, request(host, "GET / HTTP/1.1", `X-Jwt: ${presented}`));
  if (answer?.status === 200) return true;
  expect([answer?.status, codeOf(answer?.body ?? "")]).toEqual([401, "unauthenticated"]);
  expect(witness.requests).toHaveLength(before);
  return false;
}

test.each<[Name, string]>([
  ["HS256", good(HS)],
  ["RS256", token({ alg: "RS256" }, {}, rs(rsa.privateKey))],
  ["ES256", token({ alg: "ES256" }, {}, es)],
])(
  "a good token of %s lets in, so that what follows is refused for its own fault",
  async (name, presented) => {
    expect(await letsIn(scenes[name], presented)).toBe(true);
  },
);

const signature =
  (name: "r" | "s", value: string): Signer =>
  (text) => {
    const bytes = es(text);
    Buffer.from(value.padStart(64, "0"), "hex").copy(bytes, name === "r" ? 0 : 32);
    return bytes;
  };
const [h = "", c = "", s = ""] = good(HS).split(".");
/** Its last character has unused bits: this sets one of them. */
const nonCanonical = (part: string) => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return part.slice(0, -1) + alphabet[alphabet.indexOf(part.slice(-1)) + 1];
};

const denied: [string, Name, string][] = [
  ...["none", "NONE", "None", "nOnE", ""].flatMap((alg): [string, Name, string][] => [
    [`J1 alg ${JSON.stringify(alg)} without a signature`, "HS256", token({ alg }, {}, nothing)],
    [`J1 alg ${JSON.stringify(alg)} with a good signature`, "HS256", good({ alg })],
    [
      `J1 alg ${JSON.stringify(alg)} where a public key is asked for`,
      "RS256",
      token({ alg }, {}, rs(rsa.privateKey)),
    ],
  ]),
  ["J1 no alg", "HS256", good({ typ: "JWT" })],
  ["J1 alg as a list", "HS256", good({ alg: ["HS256"] })],
  ["J1 alg as null", "HS256", good({ alg: null })],
  ["J1 alg in lower case", "HS256", good({ alg: "hs256" })],
  ["J1 alg of another length", "HS256", good({ alg: "HS512" })],
  ["J1 alg of another kind, signed so", "RS256", token({ alg: "ES256" }, {}, es)],
  ["J1 PS256 for RS256", "RS256", token({ alg: "PS256" }, {}, rs(rsa.privateKey))],
  ["J2 HS256 signed with the RSA key's PEM", "RS256", token(HS, {}, hs(pem(rsa.publicKey)))],
  [
    "J2 HS256 signed with the RSA key's PEM without its line end",
    "RS256",
    token(HS, {}, hs(pem(rsa.publicKey).trimEnd())),
  ],
  ["J2 HS256 signed with the RSA key's DER", "RS256", token(HS, {}, hs(der(rsa.publicKey)))],
  ["J2 HS256 signed with the RSA key's JWK", "RS256", token(HS, {}, hs(jwkOf(rsa.publicKey)))],
  ["J2 HS256 signed with the EC key's PEM", "ES256", token(HS, {}, hs(pem(ec.publicKey)))],
  ["J2 HS256 signed with the EC key's DER", "ES256", token(HS, {}, hs(der(ec.publicKey)))],
  [
    "J2 the alg of the group, signed with HMAC of the PEM",
    "RS256",
    token({ alg: "RS256" }, {}, hs(pem(rsa.publicKey))),
  ],
  [
    "J3 a key of its own as jwk",
    "RS256",
    token(
      { alg: "RS256", jwk: other.publicKey.export({ format: "jwk" }) },
      {},
      rs(other.privateKey),
    ),
  ],
  [
    "J3 a key of its own by jku",
    "RS256",
    token({ alg: "RS256", jku: "http://127.0.0.1:1/keys" }, {}, rs(other.privateKey)),
  ],
  [
    "J3 a key of its own by x5u",
    "RS256",
    token({ alg: "RS256", x5u: "http://127.0.0.1:1/cert" }, {}, rs(other.privateKey)),
  ],
  [
    "J3 a key of its own as x5c",
    "RS256",
    token(
      { alg: "RS256", x5c: [der(other.publicKey).toString("base64")] },
      {},
      rs(other.privateKey),
    ),
  ],
  ["J5 an unknown crit", "HS256", good({ alg: "HS256", crit: ["x"], x: 1 })],
  ["J5 an empty crit", "HS256", good({ alg: "HS256", crit: [] })],
  ["J5 b64: false", "HS256", good({ alg: "HS256", b64: false, crit: ["b64"] })],
  ["J5 b64: false without crit", "HS256", good({ alg: "HS256", b64: false })],
  ["J6 a signature in DER", "ES256", token({ alg: "ES256" }, {}, esDer)],
  ["J6 r = 0", "ES256", token({ alg: "ES256" }, {}, signature("r", "0"))],
  ["J6 s = 0", "ES256", token({ alg: "ES256" }, {}, signature("s", "0"))],
  ["J6 r = s = 0", "ES256", token({ alg: "ES256" }, {}, () => Buffer.alloc(64))],
  ["J6 r = n", "ES256", token({ alg: "ES256" }, {}, signature("r", N))],
  ["J6 s = n", "ES256", token({ alg: "ES256" }, {}, signature("s", N))],
  ["J6 r and s all ones", "ES256", token({ alg: "ES256" }, {}, () => Buffer.alloc(64, 255))],
  ["J6 63 bytes", "ES256", token({ alg: "ES256" }, {}, (text) => es(text).subarray(0, 63))],
  [
    "J6 65 bytes",
    "ES256",
    token({ alg: "ES256" }, {}, (text) => Buffer.concat([es(text), Buffer.alloc(1)])),
  ],
  ["J7 two parts", "HS256", `${h}.${c}`],
  ["J7 four parts", "HS256", `${h}.${c}.${s}.${s}`],
  ["J7 five parts", "HS256", `${h}.${c}.${s}.${s}.${s}`],
  ["J7 an empty signature", "HS256", `${h}.${c}.`],
  ["J7 empty claims", "HS256", token(HS, "", hs(SECRET))],
  [
    "J7 the JSON serialisation",
    "HS256",
    JSON.stringify({ protected: h, payload: c, signature: s }),
  ],
  ["J7 a padded header", "HS256", `${h}=.${c}.${s}`],
  ["J7 a padded signature", "HS256", `${h}.${c}.${s}=`],
  ["J7 a space inside", "HS256", `${h}. ${c}.${s}`],
  ["J7 the standard alphabet", "HS256", `${h}.${c}.${"+".padEnd(s.length, "/")}`],
  ["J7 a last character that is not canonical", "HS256", `${h}.${c}.${nonCanonical(s)}`],
  ["J7 something behind it", "HS256", `${h}.${c}.${s} x`],
  ["J8 exp in the past", "HS256", good(HS, { exp: nowS - 40 })],
  ["J8 exp as text", "HS256", good(HS, { exp: String(nowS + 900) })],
  ["J8 exp negative", "HS256", good(HS, { exp: -1 })],
  ["J8 exp as null", "HS256", good(HS, { exp: null })],
  ["J8 exp 1e400", "HS256", good(HS, '{"exp":1e400}')],
  ["J8 exp as a list", "HS256", good(HS, { exp: [nowS + 900] })],
  ["J8 nbf in the future", "HS256", good(HS, { nbf: nowS + 900 })],
  ["J8 nbf as text", "HS256", good(HS, { nbf: String(nowS - 900) })],
  ["J8 nbf -1e400", "HS256", good(HS, '{"nbf":-1e400}')],
  ["J10 exp twice, the last one past", "HS256", good(HS, `{"exp":${nowS + 900},"exp":1}`)],
  ["J10 alg twice, the last one none", "HS256", good('{"alg":"HS256","alg":"none"}')],
  ["J10 exp twice, the last one to come", "HS256", good(HS, `{"exp":1,"exp":${nowS + 900}}`)],
  ["J10 alg twice, the last one ours", "HS256", good('{"alg":"none","alg":"HS256"}')],
  ["J10 a nested name twice", "HS256", good(HS, '{"a":{"b":1,"b":1}}')],
  ["J10 a name twice, once with an escape", "HS256", good(HS, '{"a":1,"\\u0061":1}')],
  ["J10 claims that are no object", "HS256", good(HS, "[]")],
  [
    "J10 claims that are not UTF-8",
    "HS256",
    `${h}.${Buffer.from('{"a":"\xff"}', "latin1").toString("base64url")}.${s}`,
  ],
];

const allowed: [string, Name, string][] = [
  // Keys are the group's alone: what the token says about keys is not looked at.
  [
    "J3 jwk, jku, x5u and x5c beside a good signature",
    "RS256",
    token(
      { alg: "RS256", jwk: {}, jku: "http://127.0.0.1:1/", x5u: "x", x5c: ["x"] },
      {},
      rs(rsa.privateKey),
    ),
  ],
  ["J4 an unknown kid", "HS256", good({ alg: "HS256", kid: "nobody" })],
  ["J4 a kid that is no text", "HS256", good({ alg: "HS256", kid: { a: 1 } })],
  ["J4 a kid that leads to a file", "HS256", good({ alg: "HS256", kid: "../../../dev/null" })],
  ["J4 a kid of 2 KiB", "HS256", good({ alg: "HS256", kid: "k".repeat(2_048) })],
  ["J8 no exp, no nbf", "HS256", good(HS, {})],
  ["J8 exp as a fraction", "HS256", good(HS, { exp: nowS + 900.5 })],
  ["J8 iat as text, in the future", "HS256", good(HS, { iat: String(nowS + 900) })],
  [
    "J10 __proto__ is a claim like others",
    "HS256",
    good(HS, `{"__proto__":{"exp":1},"exp":${nowS + 900}}`),
  ],
];

describe("is denied", () => {
  test.each(denied)("%s", async (_what, name, presented) => {
    expect(await letsIn(scenes[name], presented)).toBe(false);
  });
});

describe("is let in", () => {
  test.each(allowed)("%s", async (_what, name, presented) => {
    expect(await letsIn(scenes[name], presented)).toBe(true);
  });
});

test("J4 a kid is looked up nowhere: a signature with the bytes of another file is denied", async () => {
  const empty = token({ alg: "HS256", kid: "/dev/null" }, {}, hs(""));
  expect(await letsIn(scenes.HS256, empty)).toBe(false);
});

// The skew of 30 s, to the second and on both sides: src/policy/token-verifier.test.ts, where the clock is the test's.
test.each([
  ["J8 exp 20 s ago", { exp: nowS - 20 }, true],
  ["J8 nbf in 20 s", { nbf: nowS + 20 }, true],
])("%s is within the skew", async (_what, claims, expected) => {
  expect(await letsIn(scenes.HS256, good(HS, claims))).toBe(expected);
});

describe("J9 claims of the group", () => {
  const wanting = (claims: JsonObject) =>
    bench.scene(granting({ ...groups.HS256, claims } as never));
  test.each<[string, JsonObject, JsonObject, boolean]>([
    ["aud is the text", { aud: "app" }, { aud: "app" }, true],
    ["aud is in the list", { aud: "app" }, { aud: ["other", "app"] }, true],
    ["aud is another", { aud: "app" }, { aud: "application" }, false],
    ["aud is in no list", { aud: "app" }, { aud: ["other"] }, false],
    ["aud is an empty list", { aud: "app" }, { aud: [] }, false],
    ["aud is in a list in a list", { aud: "app" }, { aud: [["app"]] }, false],
    ["aud is absent", { aud: "app" }, {}, false],
    ["iss is the text", { iss: "https://id.test" }, { iss: "https://id.test" }, true],
    ["iss has a slash more", { iss: "https://id.test" }, { iss: "https://id.test/" }, false],
    ["iss in another letter case", { iss: "https://id.test" }, { iss: "https://ID.test" }, false],
    ["iss is a list", { iss: "https://id.test" }, { iss: ["https://id.test"] }, false],
    ["a number is no text", { level: 1 }, { level: "1" }, false],
    ["true is not 1", { admin: true }, { admin: 1 }, false],
  ])("J9 %s", async (_what, wanted, claims, expected) => {
    expect(await letsIn(await wanting(wanted), good(HS, claims))).toBe(expected);
  });
});

describe("J13 claims are compared as they are written", () => {
  const uid = 9007199254740991;
  test.each<[string, JsonObject, string, boolean]>([
    ["the number itself", { uid }, `{"uid":${uid}}`, true],
    ["the number with a point", { uid }, `{"uid":${uid}.0}`, true],
    ["a number that rounds to it", { uid }, `{"uid":${uid}.3}`, false],
    ["a number in a list that rounds to it", { aud: uid }, `{"aud":[${uid}.3]}`, false],
    ["a decimal that rounds to it", { a: 0.1 }, '{"a":0.10000000000000000001}', false],
    ["a number too small to be told from 0", { a: 0 }, '{"a":1e-400}', false],
    ["negative zero", { a: 0 }, '{"a":-0}', false],
    ["a number for its text", { uid: `${uid}` }, `{"uid":${uid}}`, false],
  ])("J13 %s", async (_what, claims, sent, expected) => {
    const scene = await bench.scene(granting({ ...groups.HS256, claims } as never));
    expect(await letsIn(scene, good(HS, sent))).toBe(expected);
  });

  test.each([281674916028284930, 2 ** 53, -(2 ** 53), 1e300, -0])(
    "J13 a document that asks for %p is refused: a double stands for several such numbers",
    (number) => {
      for (const wanted of [number, { has: number }]) {
        const { violations } = parsed({
          groups: { g: { ...groups.HS256, claims: { uid: wanted } } as never },
        });
        expect(violations).toEqual(["/groups/g/claims/uid"]);
      }
    },
  );
});

describe("J14 has asks lists, words and nested claims", () => {
  test.each<[string, JsonObject, JsonObject, boolean]>([
    ["a list has it", { roles: { has: "admin" } }, { roles: ["user", "admin"] }, true],
    ["a list has something like it", { roles: { has: "admin" } }, { roles: ["admins"] }, false],
    ["a list in a list", { roles: { has: "admin" } }, { roles: [["admin"]] }, false],
    ["a word", { scope: { has: "write" } }, { scope: "read write" }, true],
    ["a part of a word", { scope: { has: "wri" } }, { scope: "read write" }, false],
    ["the name of a property", { roles: { has: "admin" } }, { roles: { admin: true } }, false],
    ["nested", { "a.roles": { has: "admin" } }, { a: { roles: ["admin"] } }, true],
    [
      "a claim of the whole name comes first",
      { "a.roles": { has: "admin" } },
      { "a.roles": [], a: { roles: ["admin"] } },
      false,
    ],
    ["equality is never nested", { "a.role": "admin" }, { a: { role: "admin" } }, false],
    ["equality is no membership", { roles: "admin" }, { roles: ["admin"] }, false],
    ["nothing is inherited", { "a.constructor.name": { has: "Object" } }, { a: {} }, false],
  ])("J14 %s", async (_what, wanted, claims, expected) => {
    const scene = await bench.scene(granting({ ...groups.HS256, claims: wanted } as never));
    expect(await letsIn(scene, good(HS, claims))).toBe(expected);
  });
});

test("J11 a token of a megabyte is 431 and the upstream sees nothing", async () => {
  const scene = await bench.scene(granting(groups.HS256 as never));
  const huge = good(HS, { a: "x".repeat(1_000_000) });
  expect(
    (await answerTo(port, request(scene.host, "GET / HTTP/1.1", `X-Jwt: ${huge}`)))?.status,
  ).toBe(431);
  await untouched(scene, port);
});

test("J11 a token over 8 KiB that fits the head is denied unread, however well it is signed", async () => {
  expect(await letsIn(scenes.HS256, good(HS, { a: "x".repeat(6_500) }))).toBe(false);
  expect(await letsIn(scenes.HS256, good(HS, { a: "x".repeat(5_900) }))).toBe(true);
});

describe("J12 keys", () => {
  test("J12 RSA below 2048 bits is refused when it is written", () => {
    for (const bits of [1024, 2047]) {
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
      const group = {
        ...groups.RS256,
        sources: ["header:X-Jwt"],
        secret: pem(publicKey),
      };
      expect(parsed({ groups: { g: group } }).violations).toEqual(["/groups/g/secret"]);
    }
  });

  test("J12 a short shared secret is taken, with a warning that does not show it", () => {
    const written = (secret: string) =>
      parsed({ groups: { weak: { type: "jwt", secret, sources: ["header:X-Jwt"] } } });
    const { violations, warnings } = written("q9x");
    expect([violations, warnings.length]).toEqual([[], 1]);
    expect(warnings[0]).toContain("weak");
    expect(warnings[0]).not.toContain("q9x");
    expect(written(SECRET).warnings).toEqual([]);
  });
});
