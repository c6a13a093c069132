import { describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { members } from "./bitset.ts";
import { type ClaimRule, parseClaimRule } from "./claim.ts";
import { clockSkewS } from "./compact-token.ts";
import { type JwtAlgorithm, parseJwtKey } from "./jwt-key.ts";
import type { SignatureBudget } from "./signature-budget.ts";
import {
  forgedTokensMax,
  type GroupJwt,
  TokenVerifier,
  verifiedTokensMax,
} from "./token-verifier.ts";

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
  claims: Record<string, unknown> = {},
): GroupJwt {
  const parsed = parseJwtKey(algorithm, secret);
  if (!parsed.ok) {
    throw new TypeError(parsed.reason);
  }
  return { group, key: parsed.key, claims: rulesOf(claims) };
}

function rulesOf(claims: Record<string, unknown>): Map<string, ClaimRule> {
  const rules = new Map<string, ClaimRule>();
  for (const [name, sent] of Object.entries(claims)) {
    const rule = parseClaimRule(name, sent);
    if (typeof rule === "string") {
      throw new TypeError(rule);
    }
    rules.set(name, rule);
  }
  return rules;
}

const verifier = (...jwts: GroupJwt[]) => new TokenVerifier(40, jwts, 1);

async function matching(jwts: GroupJwt[], text: string, nowS = 1000): Promise<number[]> {
  const verified = await verifier(...jwts).verify(text, nowS);
  return typeof verified === "string" ? [] : members(verified.groups);
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

  test("without a check when a look at the claims is enough", async () => {
    const checks = verifier(jwt(1, "k", "HS256", { a: 1 }));
    const expired = token(hs256("k"), { a: 1, exp: 1 });
    for (const text of [token(hs256("k")), expired, "x", ""]) {
      expect(checks.verify(text, 1000)).toBe(text === expired ? "untimely" : "invalid");
      expect(await checksOf(checks, text, 1000)).toBe(0);
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
    expect(typeof known.verify(text, nowS) === "object").toBe(match);
  });
});

/** Lets each client do `perTurn` checks; `turn()` begins a new turn. Counts what was taken. */
class CountedBudget implements SignatureBudget {
  taken = 0;
  #left: number;
  readonly #perTurn: number;
  readonly #waiting: (() => void)[] = [];

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
    this.#left = perTurn;
  }

  take(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    this.taken++;
    return true;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        this.taken++;
        resolve();
      });
    });
  }

  turn(): void {
    for (const resume of this.#waiting.splice(0, this.#perTurn)) resume();
  }
}

/** How many signatures a call checks. */
async function checksOf(checks: TokenVerifier, text: string, nowS = 0): Promise<number> {
  const signatures = new CountedBudget(1000);
  await checks.verify(text, nowS, "", signatures);
  return signatures.taken;
}

describe("what is remembered", () => {
  test("answers without a check, by the exact text only", async () => {
    const checks = verifier(jwt(1, "k"));
    const text = token(hs256("k"));
    expect(await checksOf(checks, text)).toBe(1);
    const first = checks.verify(text, 0);
    expect(await checksOf(checks, text)).toBe(0);
    expect(checks.verify(text, 0)).toBe(first);
    expect(checks.verify(`${text} `, 0)).toBe("invalid");
  });

  test("never outlives exp, and does not come back when the clock does", async () => {
    const checks = verifier(jwt(1, "k"));
    const text = token(hs256("k"), { exp: 1000 });
    expect(await checksOf(checks, text, 1000)).toBe(1);
    expect(checks.verify(text, 1030)).toBe("untimely");
    expect(await checksOf(checks, text, 1000)).toBe(1);
  });

  test("a token that no key has signed costs its checks once", async () => {
    const checks = verifier(...Array.from({ length: 20 }, (_, n) => jwt(n, `key ${n}`)));
    const text = token(hs256("other"));
    expect(await checksOf(checks, text)).toBe(20);
    expect(await checksOf(checks, text)).toBe(0);
    expect(checks.verify(text, 0)).toBe("invalid");
  });

  test("of forged tokens is bounded, oldest first", async () => {
    const share = 256;
    const most = forgedTokensMax / share;
    const checks = new TokenVerifier(2, [jwt(1, "k")], share);
    const tokens = Array.from({ length: most + 1 }, (_, n) => token(hs256("other"), { n }));
    for (const text of tokens) await checks.verify(text, 0);
    const again: number[] = [];
    for (const text of tokens.toReversed()) again.push(await checksOf(checks, text));
    expect(again).toEqual([...Array(most).fill(0), 1]);
  });

  test("is bounded in number, oldest first", async () => {
    const share = 256;
    const most = verifiedTokensMax / share;
    const checks = new TokenVerifier(2, [jwt(1, "k")], share);
    const tokens = Array.from({ length: most + 1 }, (_, n) => token(hs256("k"), { n }));
    for (const text of tokens) await checks.verify(text, 0);
    const again: number[] = [];
    for (const text of tokens.toReversed()) again.push(await checksOf(checks, text));
    expect(again).toEqual([...Array(most).fill(0), 1]);
  });

  test("is bounded in size", async () => {
    const checks = new TokenVerifier(2, [jwt(1, "k")], 100);
    const tokens = Array.from({ length: 4 }, (_, n) =>
      token(hs256("k"), { n, x: "x".repeat(3500) }),
    );
    for (const text of tokens) await checks.verify(text, 0);
    const again: number[] = [];
    for (const text of tokens.toReversed()) again.push(await checksOf(checks, text));
    expect(again).toEqual([0, 0, 1, 1]);
  });
});

describe("a good token never turns bad", () => {
  test("seen before its nbf, it is good from then on", () => {
    const checks = verifier(jwt(1, "k"));
    const text = token(hs256("k"), { nbf: 1000, exp: 2000 });
    expect(checks.verify(text, 969)).toBe("untimely");
    expect(typeof checks.verify(text, 970)).toBe("object");
    expect(checks.verify(text, 2030)).toBe("untimely");
  });

  test("seen after its exp, it is good again when the clock is set back", () => {
    const checks = verifier(jwt(1, "k"));
    const text = token(hs256("k"), { exp: 1000 });
    expect(checks.verify(text, 1030)).toBe("untimely");
    expect(typeof checks.verify(text, 1029)).toBe("object");
  });

  test("after a thousand forged ones with its header and claims", () => {
    const checks = verifier(jwt(1, "k"));
    const good = token(hs256("k"));
    const text = good.slice(0, good.lastIndexOf("."));
    for (let n = 0; n < 1000; n++) {
      const signature = Buffer.alloc(32, n).toString("base64url");
      expect(checks.verify(`${text}.${signature}`, 0)).toBe("invalid");
    }
    expect(typeof checks.verify(good, 0)).toBe("object");
  });
});

describe("signatures are not checked", () => {
  const keys = [
    jwt(0, "k"),
    jwt(1, pem(rsa.publicKey), "RS256", { role: "admin" }),
    jwt(2, pem(ec.publicKey), "ES256"),
  ];
  const unchecked = (claims: object, header: object, signature: Buffer) =>
    checksOf(
      verifier(...keys),
      token(() => signature, claims, header),
      1000,
    );

  test.each<[string, object, object, number]>([
    ["of another algorithm", {}, { alg: "PS256" }, 256],
    ["of an expired token", { exp: 900 }, { alg: "HS256" }, 32],
    ["of a token to come", { nbf: 1100 }, { alg: "HS256" }, 32],
    ["for groups whose claims differ", { role: "user" }, { alg: "RS256" }, 256],
    ["that are too short for the key", { role: "admin" }, { alg: "RS256" }, 255],
    ["that are too long for the key", { role: "admin" }, { alg: "RS256" }, 512],
    ["that are too short for HMAC", {}, { alg: "HS256" }, 31],
    ["that are too long for the curve", {}, { alg: "ES256" }, 65],
  ])("%s", async (_what, claims, header, bytes) => {
    expect(await unchecked(claims, header, Buffer.alloc(bytes, 1))).toBe(0);
  });

  test("but those of the right length are", async () => {
    expect(await unchecked({ role: "admin" }, { alg: "RS256" }, Buffer.alloc(256, 1))).toBe(1);
  });
});

describe("a client's checks of one turn", () => {
  const keys = Array.from({ length: 5 }, (_, n) => jwt(n, `key ${n}`));

  test("are used up by a token that all keys must be tried for; it goes on in coming turns", async () => {
    const checks = verifier(...keys);
    const signatures = new CountedBudget(2);
    const answer = checks.verify(token(hs256("key 4")), 0, "", signatures);
    expect(answer).toBeInstanceOf(Promise);
    expect(signatures.taken).toBe(2);
    for (let turn = 0; turn < 3; turn++) {
      signatures.turn();
      await Promise.resolve();
    }
    const verified = await answer;
    expect(typeof verified === "object" && members(verified.groups)).toEqual([4]);
    expect(signatures.taken).toBe(5);
  });

  test("are not spent on a token that was found forged meanwhile", async () => {
    const checks = verifier(...keys);
    const signatures = new CountedBudget(2);
    const text = token(hs256("other"));
    const answer = checks.verify(text, 0, "", signatures);
    expect(await checksOf(checks, text)).toBe(5);
    signatures.turn();
    expect(await answer).toBe("invalid");
    expect(signatures.taken).toBe(3);
  });
});
