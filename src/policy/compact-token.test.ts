import { describe, expect, test } from "bun:test";
import { InexactNumber, parseCompactToken, tokenCharsMax } from "./compact-token.ts";

const part = (text: string | Uint8Array) => Buffer.from(text).toString("base64url");
const HEADER = '{"alg":"HS256"}';
const compact = (header = HEADER, claims = "{}", signature = "AAAA") =>
  `${part(header)}.${part(claims)}.${signature}`;

describe("parseCompactToken takes", () => {
  test.each([
    ["a plain token", compact()],
    [
      "kid, jwk, jku, x5u and x5c, which it ignores",
      compact('{"alg":"HS256","kid":["../x"],"jwk":{},"jku":1,"x5u":null,"x5c":[]}'),
    ],
    ["an iat of any kind", compact(HEADER, '{"iat":"yesterday"}')],
    ["the longest token", `${compact()}${"A".repeat(tokenCharsMax - compact().length)}`],
  ])("%s", (_, token) => {
    expect(parseCompactToken(token)?.algorithm).toBe("HS256");
  });
});

describe("parseCompactToken refuses", () => {
  test.each([
    ["two parts", `${part(HEADER)}.${part("{}")}`],
    ["four parts", `${compact()}.AAAA`],
    ["five parts", `${compact()}.AAAA.AAAA`],
    ["no signature", `${part(HEADER)}.${part("{}")}.`],
    ["no claims", `${part(HEADER)}..AAAA`],
    ["JSON serialisation", '{"payload":"e30","signatures":[]}'],
    ["padding", `${compact()}=`],
    ["space before", ` ${compact()}`],
    ["line end", `${compact()}\n`],
    ["space inside", compact().replace(".", ". ")],
    ["the standard alphabet", compact(HEADER, "{}", "AA+/")],
    ["a part of an impossible length", compact(HEADER, "{}", "AAAAA")],
    ["unused bits, four of them", compact(HEADER, "{}", "AB")],
    ["unused bits, two of them", compact(HEADER, "{}", "AAB")],
    ["alg missing", compact("{}")],
    ["alg an array", compact('{"alg":["HS256"]}')],
    ["alg twice", compact('{"alg":"none","alg":"HS256"}')],
    ["a claim twice", compact(HEADER, '{"exp":1,"exp":9000000000}')],
    ["a nested claim twice", compact(HEADER, '{"a":[{"b":1,"b":1}]}')],
    ["a claim twice, once with an escape", compact(HEADER, String.raw`{"ab":1,"\u0061b":2}`)],
    ["crit", compact('{"alg":"HS256","crit":["exp"]}')],
    ["an empty crit", compact('{"alg":"HS256","crit":[]}')],
    ["b64 false", compact('{"alg":"HS256","b64":false}')],
    ["b64 true", compact('{"alg":"HS256","b64":true}')],
    ["a header that is no object", compact("[]")],
    ["a header that is null", compact("null")],
    ["a header that is no JSON", compact("{")],
    ["claims that are no object", compact(HEADER, '"x"')],
    ["claims that are an array", compact(HEADER, "[]")],
    ["claims that are no JSON", compact(HEADER, "")],
    ["claims that are not UTF-8", `${part(HEADER)}.${part(Uint8Array.of(123, 255, 125))}.AAAA`],
    ["a byte order mark", compact(HEADER, "\ufeff{}")],
    ["exp a string", compact(HEADER, '{"exp":"1"}')],
    ["exp null", compact(HEADER, '{"exp":null}')],
    ["exp without bounds", compact(HEADER, '{"exp":1e400}')],
    ["nbf a string", compact(HEADER, '{"nbf":"1"}')],
    ["nbf without bounds", compact(HEADER, '{"nbf":-1e400}')],
    ["a token that is too long", `${compact()}${"A".repeat(tokenCharsMax + 1 - compact().length)}`],
    ["nothing", ""],
  ])("%s", (_, token) => {
    expect(parseCompactToken(token)).toBeNull();
  });

  test("a megabyte costs no more than what is just too long: it is not read", () => {
    const tooLong = (chars: number) => Buffer.alloc(chars, "A").toString("latin1");
    const [short, long] = [tooLong(tokenCharsMax + 1), tooLong(1 << 20)];
    const timeOf = (token: string) => {
      const start = performance.now();
      for (let i = 0; i < 2_000; i++) {
        parseCompactToken(token);
      }
      return performance.now() - start;
    };
    const ratios = Array.from({ length: 21 }, () => timeOf(long) / timeOf(short));
    // Reading all of it would take dozens of times as long.
    expect(ratios.sort((one, other) => one - other)[10]).toBeLessThan(8);
  });
});

test.each([
  ["{}", Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  ['{"exp":100}', Number.NEGATIVE_INFINITY, 130],
  ['{"nbf":100}', 70, Number.POSITIVE_INFINITY],
  ['{"exp":100.5,"nbf":-1}', -31, 130.5],
])("claims %s hold from %p until %p", (claims, fromS, untilS) => {
  expect(parseCompactToken(compact(HEADER, claims))).toMatchObject({ fromS, untilS });
});

test("__proto__ is a claim like others", () => {
  const token = parseCompactToken(compact(HEADER, '{"a":2,"__proto__":{"b":3}}'));
  expect(token?.claims.get("a")).toBe(2);
  expect(token?.claims.has("b")).toBe(false);
});

test("a number that a double does not hold is no number, at every depth; others are", () => {
  const { claims } = parseCompactToken(
    compact(
      HEADER,
      '{"a":281674916028284930,"b":[1.0,{"c":0.30000000000000001}],"d":0.1,"e":1e400}',
    ),
  ) ?? { claims: new Map() };
  const inexact = expect.any(InexactNumber);
  expect(Object.fromEntries(claims)).toEqual({
    a: inexact,
    b: [1, { c: inexact }],
    d: 0.1,
    e: inexact,
  });
});

test("times have an order, so the nearest double will do for them", () => {
  const token = parseCompactToken(compact(HEADER, '{"exp":1700000000.1234567891,"nbf":-1}'));
  expect(token?.untilS).toBeCloseTo(1700000030.1, 1);
});
