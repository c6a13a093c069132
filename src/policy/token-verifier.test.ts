import { describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { members } from "./bitset.ts";
import { clockSkewS } from "./compact-token.ts";
import type { ClaimValue } from "./group.ts";
import { type JwtAlgorithm, parseJwtKey } from "./jwt-key.ts";
import { type GroupJwt, TokenVerifier, verifiedTokensMax } from "./token-verifier.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (key: KeyObject) => key.export({ format: "pem", type: "spki" }).toString();
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

type Sign = (text: string) => Buffer;
const hs256 =
  (secret: string | Uint8Array): Sign =>
  (text) =>
    createHmac("sha256", secret).update(text).digest();
const rs256: Sign = (text) => sign("sha256", Buffer.from(text), rsa.privateKey);
const es256: Sign = (text) =>
  sign("sha256", Buffer.from(text), { key: ec.privateKey, dsaEncoding: "ieee-p1363" });

function token(signature: Sign, claims: object = {}, header: object = { alg: "HS256" }): string {
  const text = `${base64url(header)}.${base64url(claims)}`;
  return `${text}.${signature(text).toString("base64url")}`;
}

function jwt(
  group: number,
  secret: string,
  algorithm: JwtAlgorithm = "HS256",
  claims: Record<string, ClaimValue> = {},
): GroupJwt {
  const parsed = parseJwtKey(algorithm, secret);
  if (!parsed.ok) {
    throw new TypeError(parsed.reason);
  }
  return { group, key: parsed.key, claims: new Map(Object.entries(claims)) };
}

const verifier = (...jwts: GroupJwt[]) => new TokenVerifier(40, jwts, 1);

async function matching(jwts: GroupJwt[], text: string, nowS = 1000): Promise<number[]> {
  const verified = await verifier(...jwts).verify(text, nowS);
  return verified === null ? [] : members(verified.groups);
}

describe("verify matches", () => {
  test.each<[string, GroupJwt, string]>([
    ["HS256", jwt(1, "k"), token(hs256("k"))],
    ["RS256", jwt(1, pem(rsa.publicKey), "RS256"), token(rs256, {}, { alg: "RS256" })],
    ["ES256", jwt(1, pem(ec.publicKey), "ES256"), token(es256, {}, { alg: "ES256" })],
    [
      "equal claims",
      jwt(1, "k", "HS256", { a: "x", b: 1, c: false }),
      token(hs256("k"), { a: "x", b: 1, c: false, d: {} }),
    ],
    ["aud as a string", jwt(1, "k", "HS256", { aud: "x" }), token(hs256("k"), { aud: "x" })],
    ["aud in a list", jwt(1, "k", "HS256", { aud: "x" }), token(hs256("k"), { aud: ["y", "x"] })],
    [
      "a kid and keys of its own",
      jwt(1, "k"),
      token(
        hs256("k"),
        {},
        {
          alg: "HS256",
          kid: "../../etc/passwd",
          jwk: { kty: "oct", k: "AA" },
        },
      ),
    ],
  ])("%s", async (_, group, text) => {
    expect(await matching([group], text)).toEqual([1]);
  });

  test("every group whose key and claims fit, across algorithms", async () => {
    const groups = [
      jwt(0, "k"),
      jwt(1, "other"),
      jwt(2, "k", "HS256", { role: "admin" }),
      jwt(3, "k", "HS256", { role: "user" }),
      jwt(4, pem(ec.publicKey), "ES256"),
      jwt(35, "k"),
    ];
    expect(await matching(groups, token(hs256("k"), { role: "admin" }))).toEqual([0, 2, 35]);
  });
});

const rsaPem = pem(rsa.publicKey);
const zero64 = () => Buffer.alloc(64);
const order = Buffer.from(
  "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
  "hex",
);

describe("verify refuses", () => {
  const rs = jwt(1, rsaPem, "RS256");
  const es = jwt(1, pem(ec.publicKey), "ES256");
  const esToken = (signature: Sign) => token(signature, {}, { alg: "ES256" });
  test.each<[string, GroupJwt, string]>([
    ["another secret", jwt(1, "k"), token(hs256("K"))],
    ["alg none", jwt(1, "k"), token(() => Buffer.from("x"), {}, { alg: "none" })],
    ["alg NONE", jwt(1, "k"), token(() => Buffer.from("x"), {}, { alg: "NONE" })],
    ["another algorithm of the same key", jwt(1, "k"), token(hs256("k"), {}, { alg: "HS512" })],
    ["HS256 signed with the public PEM", rs, token(hs256(rsaPem))],
    [
      "HS256 signed with the public PEM, said to be RS256",
      rs,
      token(hs256(rsaPem), {}, { alg: "RS256" }),
    ],
    [
      "HS256 signed with the public DER",
      rs,
      token(hs256(rsa.publicKey.export({ format: "der", type: "spki" }))),
    ],
    ["HS256 signed with the public EC PEM", es, token(hs256(pem(ec.publicKey)))],
    ["an RS256 token at an ES256 group", es, token(rs256, {}, { alg: "RS256" })],
    [
      "an ES256 signature in DER",
      es,
      esToken((text) => sign("sha256", Buffer.from(text), ec.privateKey)),
    ],
    ["r and s of 0", es, esToken(zero64)],
    ["r of the order", es, esToken(() => Buffer.concat([order, order]))],
    ["63 bytes", es, esToken((text) => es256(text).subarray(1))],
    ["65 bytes", es, esToken((text) => Buffer.concat([es256(text), Buffer.of(0)]))],
    ["a claim that is missing", jwt(1, "k", "HS256", { a: 1 }), token(hs256("k"))],
    ["a claim of another type", jwt(1, "k", "HS256", { a: 1 }), token(hs256("k"), { a: "1" })],
    ["a list for another claim", jwt(1, "k", "HS256", { a: "x" }), token(hs256("k"), { a: ["x"] })],
    ["aud not in the list", jwt(1, "k", "HS256", { aud: "x" }), token(hs256("k"), { aud: ["xx"] })],
    ["a claim of the prototype", jwt(1, "k", "HS256", { toString: "x" }), token(hs256("k"))],
    ["crit", jwt(1, "k"), token(hs256("k"), {}, { alg: "HS256", crit: ["exp"], exp: 1 })],
    ["padding", jwt(1, "k"), `${token(hs256("k"))}=`],
    ["words", jwt(1, "k"), "x"],
  ])("%s", async (_, group, text) => {
    expect(await matching([group], text)).toEqual([]);
  });

  test("without a promise when a look at the claims is enough", () => {
    const checks = verifier(jwt(1, "k", "HS256", { a: 1 }));
    for (const text of [token(hs256("k")), token(hs256("k"), { a: 1, exp: 1 }), "x", ""]) {
      expect(checks.verify(text, 1000)).toBeNull();
    }
  });

  test("for one group whose key breaks, not for the others", async () => {
    const broken = { ...jwt(0, "k"), key: { ...jwt(0, "k").key, id: "x", material: ec.publicKey } };
    expect(await matching([broken, jwt(1, "k")], token(hs256("k")))).toEqual([1]);
  });
});

describe("time", () => {
  const group = jwt(1, "k");
  test.each([
    [{ exp: 1000 }, 1000 + clockSkewS - 0.001, true],
    [{ exp: 1000 }, 1000 + clockSkewS, false],
    [{ nbf: 1000 }, 1000 - clockSkewS, true],
    [{ nbf: 1000 }, 1000 - clockSkewS - 0.001, false],
    [{ exp: 0 }, 0, true],
    [{ exp: -31 }, 0, false],
    [{ exp: Number.MAX_VALUE, nbf: -Number.MAX_VALUE }, 0, true],
  ])("claims %j at %p: %p, at first sight and when seen before", async (claims, nowS, match) => {
    const text = token(hs256("k"), claims);
    expect(await matching([group], text, nowS)).toEqual(match ? [1] : []);
    const known = verifier(group);
    await known.verify(text, "nbf" in claims ? 1000 : -1);
    expect((await known.verify(text, nowS)) !== null).toBe(match);
  });
});

describe("what is remembered", () => {
  test("answers without a promise, by the exact text only", async () => {
    const checks = verifier(jwt(1, "k"));
    const text = token(hs256("k"));
    expect(checks.verify(text, 0)).toBeInstanceOf(Promise);
    const first = await checks.verify(text, 0);
    expect(checks.verify(text, 0)).toBe(first);
    expect(checks.verify(`${text} `, 0)).toBeNull();
  });

  test("never outlives exp, and does not come back when the clock does", async () => {
    const checks = verifier(jwt(1, "k"));
    const text = token(hs256("k"), { exp: 1000 });
    await checks.verify(text, 1000);
    expect(checks.verify(text, 1030)).toBeNull();
    expect(checks.verify(text, 1000)).toBeInstanceOf(Promise);
  });

  test("is not a failure", async () => {
    const checks = verifier(jwt(1, "k"));
    const text = token(hs256("other"));
    expect(await checks.verify(text, 0)).toBeNull();
    expect(checks.verify(text, 0)).toBeInstanceOf(Promise);
  });

  test("is bounded in number, oldest first", async () => {
    const share = 256;
    const most = verifiedTokensMax / share;
    const checks = new TokenVerifier(2, [jwt(1, "k")], share);
    const tokens = Array.from({ length: most + 1 }, (_, n) => token(hs256("k"), { n }));
    for (const text of tokens) {
      await checks.verify(text, 0);
    }
    const known = tokens.map((text) => !(checks.verify(text, 0) instanceof Promise));
    expect(known).toEqual([false, ...Array(most).fill(true)]);
  });

  test("is bounded in size", async () => {
    const checks = new TokenVerifier(2, [jwt(1, "k")], 100);
    const tokens = Array.from({ length: 4 }, (_, n) =>
      token(hs256("k"), { n, x: "x".repeat(3500) }),
    );
    for (const text of tokens) {
      await checks.verify(text, 0);
    }
    const known = tokens.map((text) => !(checks.verify(text, 0) instanceof Promise));
    expect(known).toEqual([false, false, true, true]);
  });
});
