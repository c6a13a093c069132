import type { DocumentJson, GroupJson, RequestFacts } from "../reference/decision.ts";
import {
  audiences,
  cookieNames,
  headerNames,
  paramNames,
  passwords,
  programs,
  randomAddress,
  randomIpv6,
  tokenValues,
  users,
} from "./document.ts";
import type { Random } from "./random.ts";
import { signed, signingKeys } from "./signing-key.ts";

/** Unix seconds around which tokens expire. */
const NOW_S = 1_800_000_000;

/** A request that has a fair chance to match, or nearly to match, groups of the document. */
export function randomRequest(random: Random, document: DocumentJson): RequestFacts {
  const request: RequestFacts = {
    address: randomClientAddress(random, document),
    headers: [],
    cookies: [],
    params: [],
    nowS: NOW_S + random.pick([0, 0, -1, 1, 29, 30, 31, 0.5]),
    program: random.pick(programs),
    instance: random.pick([1, 2, 3, 4, 5, 6, 7, 8, 65534, 65535]),
  };
  const groups = Object.values(document.groups);
  const forAll = document.combine === "all" && random.chance(0.7);
  const wrong = forAll ? 0.05 : 0.2;
  for (const group of groups) {
    if (forAll || random.chance(1 / (groups.length + 1))) {
      present(random, group, request, random.chance(wrong));
    }
  }
  if (random.chance(0.2)) {
    addAnything(random, request);
  }
  return request;
}

function randomClientAddress(random: Random, document: DocumentJson): string | null {
  const ranges = Object.values(document.groups).flatMap((group) =>
    group.type === "ip" ? [group.range.replace(/\/.*/, "")] : [],
  );
  const address =
    ranges.length > 0 && random.chance(0.4) ? random.pick(ranges) : randomAddress(random);
  return random.pick([
    address,
    address,
    address,
    address,
    address.includes(":") ? address : `::ffff:${address}`,
    "2001:db8::1",
    randomIpv6(random),
    "::",
    null,
  ]);
}

/** Adds what would make this group match, or something close to it. */
function present(random: Random, group: GroupJson, request: RequestFacts, wrong: boolean): void {
  switch (group.type) {
    case "ip":
      request.address = wrong ? request.address : group.range.replace(/\/.*/, "");
      break;
    case "token": {
      const value = wrong ? random.pick(tokenValues) : group.value;
      const place = group.header ? "header" : group.cookie ? "cookie" : "param";
      const name = group.header ?? group.cookie ?? group.param ?? "";
      const bearer = name.toLowerCase() === "authorization" && random.chance(0.5);
      put(random, request, place, name, bearer ? `${randomBearer(random)}${value}` : value);
      break;
    }
    case "password": {
      const username = wrong ? random.pick(users) : group.username;
      const known = !wrong && !/^[0-9a-f]{64}$/i.test(group.password);
      const password = known ? group.password : random.pick(passwords);
      put(random, request, "header", "Authorization", randomBasic(random, username, password));
      break;
    }
    case "jwt": {
      const source = random.pick(group.sources);
      const [place, name] = source.split(":") as ["header" | "cookie", string];
      const right = signingKeys.find((key) => key.secret === group.secret);
      const key = wrong || right === undefined ? random.pick(signingKeys) : right;
      const satisfying = random.chance(0.7) ? claimsFor(random, group.claims ?? {}) : {};
      const claims = { ...randomTokenClaims(random), ...satisfying };
      const token = randomToken(random, key, claims);
      const bearer = name.toLowerCase() === "authorization" && random.chance(0.9);
      put(random, request, place, name, bearer ? `${randomBearer(random)}${token}` : token);
      break;
    }
  }
}

/** Credentials at places that perhaps nobody reads, empty ones, doubles. */
function addAnything(random: Random, request: RequestFacts): void {
  const value = random.pick(["", ...tokenValues, randomBasic(random, "ada", "pw")]);
  switch (random.below(3)) {
    case 0:
      put(random, request, "header", random.pick(headerNames), value);
      break;
    case 1:
      put(random, request, "cookie", random.pick(cookieNames), value);
      break;
    default:
      put(random, request, "param", random.pick(paramNames), value);
  }
}

function put(
  random: Random,
  request: RequestFacts,
  place: "header" | "cookie" | "param",
  name: string,
  value: string,
): void {
  const list = { header: request.headers, cookie: request.cookies, param: request.params }[place];
  const same = (own: string) =>
    place === "header" ? own.toLowerCase() === name.toLowerCase() : own === name;
  const there = list.some(([own]) => same(own));
  if (there && random.chance(0.9)) {
    return;
  }
  const spelled =
    place === "header" ? random.pick([name, name.toLowerCase(), name.toUpperCase()]) : name;
  list.push([spelled, value]);
  if (random.chance(0.03)) {
    list.push([spelled, value]);
  }
}

function randomBearer(random: Random): string {
  return random.pick(["Bearer ", "Bearer ", "bearer ", "BEARER   ", "Bearer\t", "Bearer"]);
}

function randomBasic(random: Random, username: string, password: string): string {
  const base64 = Buffer.from(`${username}:${password}`).toString("base64");
  const broken = random.pick([
    base64.replace(/=+$/, ""),
    `${base64}=`,
    ` ${base64} `,
    `${base64.slice(0, 3)} ${base64.slice(3)}`,
    Buffer.from(`${username}:${password}`, "latin1").toString("base64"),
    Buffer.from(username).toString("base64"),
    base64.replace(/([A-Za-z])(=+)$/, (_, last, pad) => `${nextLetter(last)}${pad}`),
    base64.replaceAll("/", "_"),
    "",
  ]);
  const scheme = random.pick([
    "Basic ",
    "Basic ",
    "Basic ",
    "basic ",
    "BASIC  ",
    "Basic",
    "Digest ",
  ]);
  return `${scheme}${random.chance(0.8) ? base64 : broken}`;
}

/** Claims that satisfy what a group asks for, or nearly. */
function claimsFor(random: Random, wanted: NonNullable<JwtJson["claims"]>): object {
  return Object.assign(
    {},
    ...Object.entries(wanted).map(([name, rule]) => {
      if (typeof rule !== "object") return { [name]: rule };
      const holder = random.pick<unknown>([
        [rule.has],
        ["x", rule.has],
        `x ${rule.has}`,
        rule.has,
        [[rule.has]],
        { has: rule.has },
      ]);
      const steps = random.chance(0.85) ? name.split(".") : [name];
      return steps.reduceRight<unknown>((inner, step) => ({ [step]: inner }), holder);
    }),
  );
}

type JwtJson = DocumentJson["groups"][string] & { type: "jwt" };

function randomTokenClaims(random: Random): object {
  return random.pick<object>([
    {},
    {},
    { exp: NOW_S },
    { exp: NOW_S + 1, nbf: NOW_S },
    { exp: NOW_S - 30 },
    { exp: NOW_S - 29 },
    { exp: NOW_S + 3600, iat: "x" },
    { exp: `${NOW_S + 3600}` },
    { exp: null },
    { nbf: NOW_S + 30 },
    { nbf: NOW_S + 31 },
    { nbf: -1.5 },
    { nbf: "0" },
    { aud: [...audiences, 1] },
    { aud: random.pick(audiences), role: "admin" },
    { level: "1" },
    { role: ["admin"], level: [1] },
    { level: 1, admin: true, role: "admin" },
    { scope: "write read", realm: { roles: ["admin", 1] } },
    { "realm.roles": ["x"], realm: { roles: ["admin"] } },
  ]);
}

function randomToken(random: Random, key: (typeof signingKeys)[number], claims: object): string {
  const algorithm = key.algorithm;
  const header = random.chance(0.85)
    ? { alg: algorithm, typ: "JWT" }
    : random.pick<object>([
        { alg: "none" },
        { alg: [algorithm] },
        { alg: "HS256" },
        { alg: algorithm, crit: ["exp"] },
        { alg: algorithm, b64: false },
        { alg: algorithm, b64: true },
        { alg: algorithm, kid: "../../x", jwk: { kty: "oct", k: "AA" }, jku: "https://a.example" },
        { typ: "JWT" },
      ]);
  const text = random.chance(0.95)
    ? randomSpelling(random, JSON.stringify(claims))
    : random.pick([
        '{"exp":1e400}',
        '{"exp":1900000000.12345678912345}',
        '{"uid":-0}',
        '{"uid":0e5,"level":[1.0]}',
        '{"aud":"app","a":{"b":1,"b":1}}',
        "[]",
        "1",
        "{",
        "",
        '{"aud":"x","aud":"app"}',
        '{"__proto__":1}',
      ]);
  const token = signed(key, JSON.stringify(header), text);
  return random.chance(0.85)
    ? token
    : random.pick([
        `${token}=`,
        `${token}.`,
        `${token}.x`,
        ` ${token}`,
        token.slice(0, -1),
        `${token.slice(0, -1)}${nextLetter(token.slice(-1))}`,
        token.replace(".", ".."),
        token.replace(/[^.]*$/, ""),
        `${token}${"A".repeat(9000)}`,
      ]);
}

/** Now and then numbers are written otherwise: the same, or nearly. */
function randomSpelling(random: Random, text: string): string {
  if (random.chance(0.8)) return text;
  const [from, to] = random.pick([
    ["9007199254740991", "9007199254740991.0"],
    ["9007199254740991", "9007199254740991.4"],
    ["9007199254740991", "90071992547409910e-1"],
    [":0.1", ":0.10000000000000000555"],
    [":0.1", ":1e-1"],
    [":1", ":1.00"],
    [":1", ":1.00000000000000000001"],
    [":0", ":-0"],
  ] as const);
  return text.replace(from, to);
}

/** The next character of the alphabet: in last place it sets an unused bit, or another signature. */
function nextLetter(letter: string): string {
  return letter === "z" || letter === "9" ? "A" : String.fromCharCode(letter.charCodeAt(0) + 1);
}

/** The same request as bytes would bring it: white space around header values is no part of them (RFC 9110 §5.5). */
export function trimmed(facts: RequestFacts): RequestFacts {
  const trim = ([name, value]: [string, string]): [string, string] => [name, value.trim()];
  return { ...facts, headers: facts.headers.map(trim), cookies: facts.cookies.map(trim) };
}

/** Header lines and target of a request. */
export function spelled({ headers, cookies, params }: RequestFacts, path: string) {
  const lines = headers.map(([name, value]) => ({ name, value }));
  const cookie = cookies.map(([name, value]) => `${name}=${value}`).join("; ");
  if (cookies.length > 0) lines.push({ name: "Cookie", value: cookie });
  const query = params
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  return { lines, target: params.length > 0 ? `${path}?${query}` : path };
}
