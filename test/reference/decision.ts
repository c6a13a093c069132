/**
 * The whole decision, slow and obvious: what the README says about groups (One request, whose rows are counted here, and
 * Documents), read from there. It takes the document as JSON and the facts of a request, and goes through the rules one
 * by one. It shares no code with src/policy and is never optimised.
 */
import { createHash, createHmac, verify } from "node:crypto";
import ipaddr from "ipaddr.js";
import { decimal, type Json, JsonNumber, readJson } from "./json.ts";

export type ClaimJson = string | number | boolean;

export type GroupJson =
  | { type: "ip"; enabled?: boolean; range: string }
  | {
      type: "jwt";
      enabled?: boolean;
      secret: string;
      algorithm?: "HS256" | "RS256" | "ES256";
      sources: string[];
      claims?: Record<string, ClaimJson | { has: ClaimJson }>;
    }
  | {
      type: "password";
      enabled?: boolean;
      username: string;
      password: string;
      salt: string;
      algorithm?: "sha256";
    }
  | {
      type: "token";
      enabled?: boolean;
      value: string;
      header?: string;
      cookie?: string;
      param?: string;
    };

export type AccessJson = boolean | number | number[] | string;

export interface DocumentJson {
  groups: Record<string, GroupJson>;
  permissions: Record<string, Record<string, AccessJson>>;
  default?: "allow" | "deny";
  combine?: "any" | "all";
  preflight?: "judge" | "pass";
}

/** What the edge knows of a request. Names of headers in any case; names may occur more than once. */
export interface RequestFacts {
  /** As the socket says it; null when there is none. */
  address: string | null;
  headers: [name: string, value: string][];
  cookies: [name: string, value: string][];
  params: [name: string, value: string][];
  nowS: number;
  program: string;
  instance: number;
}

export interface ReferenceDecision {
  allow: boolean;
  reason: "granted" | "not_granted" | "default_allow" | "unauthenticated" | "denied";
  status: 200 | 401 | 403;
  challenge: "basic" | "bearer" | null;
  matching: string[];
  granting: string[];
  presented: boolean;
  /** "header:authorization", … sorted. */
  spent: string[];
  /** The jwt sources that hold something that matched as nothing; spelled alike. */
  unverified: string[];
  validUntilS: number;
}

const SKEW_S = 30;

/** What one group has to say to a request. */
interface Match {
  matches: boolean;
  presented: boolean;
  spent: string[];
  sources: string[];
  verified: string[];
  untilS: number;
}

export function referenceDecision(
  document: DocumentJson,
  request: RequestFacts,
): ReferenceDecision {
  const names = Object.keys(document.groups);
  const group = (name: string): GroupJson => document.groups[name] as GroupJson;
  const found = new Map(names.map((name) => [name, matchGroup(group(name), request)]));
  const matching = names.filter((name) => found.get(name)?.matches);
  const grants = (name: string) =>
    grantsInstance(document.permissions[name] ?? {}, request.program, request.instance);
  const facts = {
    matching,
    presented: [...found.values()].some((match) => match.presented),
    spent: [...new Set([...found.values()].flatMap((match) => match.spent))].sort(),
    unverified: unverifiedPlaces([...found.values()], request),
    validUntilS: Math.min(...[...found.values()].map((match) => match.untilS)),
  };
  const hasType = (...types: string[]) => names.some((name) => types.includes(group(name).type));
  const challenge = hasType("password") ? "basic" : "bearer";
  const refused = { ...facts, allow: false, granting: [] };

  const all = document.combine === "all";
  const countsAsMatching = all
    ? names.length > 0 && matching.length === names.length
    : matching.length > 0;

  // Row 5
  const granting = matching.filter(grants);
  const granted = all ? granting.length === names.length : granting.length > 0;
  if (countsAsMatching && granted) {
    return { ...facts, allow: true, reason: "granted", status: 200, challenge: null, granting };
  }
  // Row 6
  if (countsAsMatching) {
    const credentialWouldGrant = names.some(
      (name) => group(name).type !== "ip" && isEnabled(group(name)) && grants(name),
    );
    return !facts.presented && credentialWouldGrant
      ? { ...refused, reason: "not_granted", status: 401, challenge }
      : { ...refused, reason: "not_granted", status: 403, challenge: null };
  }
  // Row 7
  if (document.default === "allow") {
    const allowed = { ...facts, allow: true, granting: [] };
    return { ...allowed, reason: "default_allow", status: 200, challenge: null };
  }
  // Row 8
  if (hasType("password", "jwt", "token")) {
    return { ...refused, reason: "unauthenticated", status: 401, challenge };
  }
  // Row 9
  return { ...refused, reason: "denied", status: 403, challenge: null };
}

/** Not a well-formed Basic credential, which is no JWT. */
function unverifiedPlaces(matches: Match[], request: RequestFacts): string[] {
  const known = matches.flatMap(({ verified, spent }) => [...verified, ...spent]);
  return [...new Set(matches.flatMap(({ sources }) => sources))]
    .filter((place) => !known.includes(place) && valuesAt(place, request).length > 0)
    .filter((place) => place !== "header:authorization" || !isBasicPair(valueAt(place, request)))
    .sort();
}

function isBasicPair(value: string | null): boolean {
  const base64 = afterScheme("basic", value ?? "");
  const text = base64 === null ? null : utf8(decodeBase64(base64, STANDARD, true));
  const isPlain = (character: string) => character >= " " && character !== "\x7f";
  return text?.includes(":") === true && [...text].every(isPlain);
}

/** Whether the client of this request, at its address, would be let in with the right credentials. The decision is its own. */
export function referenceCouldGrant(
  document: DocumentJson,
  request: RequestFacts,
  { allow, matching }: ReferenceDecision,
): boolean {
  const names = Object.keys(document.groups);
  const helps = (name: string) => {
    const group = document.groups[name] as GroupJson;
    return (
      isEnabled(group) &&
      (group.type !== "ip" || matching.includes(name)) &&
      grantsInstance(document.permissions[name] ?? {}, request.program, request.instance)
    );
  };
  const credentials =
    document.combine === "all" ? names.length > 0 && names.every(helps) : names.some(helps);
  return allow || credentials;
}

function isEnabled(group: GroupJson): boolean {
  return group.enabled !== false;
}

/** Whether a group's own permissions grant it; `https` falls back to `http`. */
function grantsInstance(
  own: Record<string, AccessJson>,
  program: string,
  instance: number,
): boolean {
  const keys = Object.keys(own);
  const keyOf = (wanted: string) => keys.find((key) => canonical(key) === wanted);
  const key = keyOf(program) ?? (program === "https" ? keyOf("http") : undefined);
  if (key === undefined) {
    return false;
  }
  const access = own[key];
  if (program === "logs") {
    return access === true;
  }
  if (access === "*") {
    return true;
  }
  if (typeof access === "string") {
    const [first, last] = access.split("-").map(Number) as [number, number];
    return first <= instance && instance <= last;
  }
  if (Array.isArray(access)) {
    return access.includes(instance);
  }
  return access === true || access === instance;
}

/** The program that a key stands for. */
function canonical(key: string): string {
  switch (key) {
    case "kv":
    case "db":
      return "sqlite";
    case "note":
      return "notes";
    case "tun":
      return "tunnel";
    case "n":
    case "notification-server":
      return "notifications";
    case "proxy-logs":
      return "logs";
    case "hoody-daemon":
      return "daemon";
    case "workspaces":
    case "workspace":
      return "agent";
    case "app":
      return "run";
    default:
      return key;
  }
}

const NO_MATCH: Match = {
  matches: false,
  presented: false,
  spent: [],
  sources: [],
  verified: [],
  untilS: Number.POSITIVE_INFINITY,
};

function matchGroup(group: GroupJson, request: RequestFacts): Match {
  if (!isEnabled(group)) {
    return NO_MATCH;
  }
  switch (group.type) {
    case "ip":
      return { ...NO_MATCH, matches: inRange(group.range, request.address) };
    case "token":
      return matchToken(group, request);
    case "password":
      return matchPassword(group, request);
    case "jwt":
      return matchJwt(group, request);
  }
}

function inRange(range: string, address: string | null): boolean {
  if (address === null) {
    return false;
  }
  const parsed = ipaddr.process(address);
  const network = ipaddr.parseCIDR(range);
  return parsed.kind() === network[0].kind() && parsed.match(network);
}

/** The one value at a place such as "header:x-key"; null when there is none, an empty one, or several. */
function valueAt(place: string, request: RequestFacts): string | null {
  const values = valuesAt(place, request);
  const [only] = values;
  return values.length === 1 && only !== undefined && only !== "" ? only : null;
}

function valuesAt(place: string, request: RequestFacts): string[] {
  const colon = place.indexOf(":");
  const kind = place.slice(0, colon);
  const name = place.slice(colon + 1);
  const values =
    kind === "header"
      ? request.headers.filter(([own]) => own.toLowerCase() === name.toLowerCase())
      : (kind === "cookie" ? request.cookies : request.params).filter(([own]) => own === name);
  return values.map(([, value]) => value);
}

/** What follows the scheme and its spaces, or null under another scheme. */
function afterScheme(scheme: string, value: string): string | null {
  const start = `${scheme} `;
  return value.toLowerCase().startsWith(start)
    ? value.slice(start.length).replace(/^ +/, "")
    : null;
}

function matchToken(group: GroupJson & { type: "token" }, request: RequestFacts): Match {
  const place =
    group.header !== undefined
      ? `header:${group.header.toLowerCase()}`
      : group.cookie !== undefined
        ? `cookie:${group.cookie}`
        : `param:${group.param}`;
  const value = valueAt(place, request);
  if (value === null) {
    return NO_MATCH;
  }
  const plain = (text: string) =>
    place === "header:authorization" ? (afterScheme("bearer", text) ?? text) : text;
  const matches = plain(value) === plain(group.value);
  return { ...NO_MATCH, presented: true, matches, spent: matches ? [place] : [] };
}

function matchPassword(group: GroupJson & { type: "password" }, request: RequestFacts): Match {
  const place = "header:authorization";
  const base64 = afterScheme("basic", valueAt(place, request) ?? "");
  if (base64 === null) {
    return NO_MATCH;
  }
  const text = utf8(decodeBase64(base64, STANDARD, true));
  const colon = text?.indexOf(":") ?? -1;
  const presented = { ...NO_MATCH, presented: true };
  if (text === null || colon === -1) {
    return presented;
  }
  const wanted = /^[0-9a-f]{64}$/i.test(group.password)
    ? group.password.toLowerCase()
    : sha256Hex(group.salt + group.password);
  const matches =
    text.slice(0, colon) === group.username &&
    sha256Hex(group.salt + text.slice(colon + 1)) === wanted;
  return { ...presented, matches, spent: matches ? [place] : [] };
}

function matchJwt(group: GroupJson & { type: "jwt" }, request: RequestFacts): Match {
  const result = { ...NO_MATCH, sources: group.sources.map(placeOf), verified: [] as string[] };
  for (const source of group.sources) {
    const value = valueAt(source, request);
    if (value === null) {
      continue;
    }
    result.presented = true;
    const bearer = source.toLowerCase() === "header:authorization";
    const untilS = verifyJwt(group, bearer ? afterScheme("bearer", value) : value, request.nowS);
    if (untilS !== null) {
      result.matches = true;
      result.verified.push(placeOf(source));
      result.untilS = Math.min(result.untilS, untilS);
    }
  }
  return result;
}

function placeOf(source: string): string {
  return source.startsWith("header:") ? source.toLowerCase() : source;
}

/** From when on the token no longer matches, or null when it does not match now. */
function verifyJwt(
  group: GroupJson & { type: "jwt" },
  token: string | null,
  nowS: number,
): number | null {
  const parts = token?.split(".") ?? [];
  const [headerPart = "", claimsPart = "", signaturePart = ""] = parts;
  const signature = decodeBase64(signaturePart, URL_SAFE, false);
  const header = jsonObject(headerPart);
  const claims = jsonObject(claimsPart);
  if (parts.length !== 3 || !header || !claims || signature === null) {
    return null;
  }
  if (token !== null && token.length > 8192) {
    return null;
  }
  const algorithm = group.algorithm ?? "HS256";
  if (header.get("alg") !== algorithm || header.has("crit") || header.has("b64")) {
    return null;
  }
  if (!isSigned(algorithm, group.secret, `${headerPart}.${claimsPart}`, signature)) {
    return null;
  }
  const time = (name: string): number | null | undefined => {
    const claim = claims.get(name);
    if (claim === undefined) {
      return undefined;
    }
    const value = claim instanceof JsonNumber ? Number(claim.text) : Number.NaN;
    return Number.isFinite(value) ? value : null;
  };
  const [exp, nbf] = [time("exp"), time("nbf")];
  if (exp === null || nbf === null) {
    return null;
  }
  if (exp !== undefined && nowS >= exp + SKEW_S) {
    return null;
  }
  if (nbf !== undefined && nowS < nbf - SKEW_S) {
    return null;
  }
  for (const [name, wanted] of Object.entries(group.claims ?? {})) {
    const holds =
      typeof wanted === "object"
        ? claimHas(claims, name, wanted.has)
        : claimEquals(claims.get(name), name, wanted);
    if (!holds) {
      return null;
    }
  }
  return exp === undefined ? Number.POSITIVE_INFINITY : exp + SKEW_S;
}

/** Equal as JSON: numbers as decimals. */
function isEqual(actual: Json | undefined, wanted: ClaimJson): boolean {
  return actual instanceof JsonNumber
    ? typeof wanted === "number" && decimal(actual.text) === decimal(String(wanted))
    : actual === wanted;
}

function claimEquals(actual: Json | undefined, name: string, wanted: ClaimJson): boolean {
  if (name === "aud" && Array.isArray(actual)) {
    return actual.some((item) => isEqual(item, wanted));
  }
  return isEqual(actual, wanted);
}

/** A claim of that very name, else the nested one: contains the value in its list, or among its words. */
function claimHas(claims: Map<string, Json>, name: string, wanted: ClaimJson): boolean {
  let actual: Json | undefined = claims;
  for (const step of claims.has(name) ? [name] : name.split(".")) {
    actual = actual instanceof Map ? actual.get(step) : undefined;
  }
  if (Array.isArray(actual)) {
    return actual.some((item) => isEqual(item, wanted));
  }
  return typeof actual === "string" && typeof wanted === "string" && wanted !== ""
    ? actual.split(" ").includes(wanted)
    : false;
}

function isSigned(algorithm: string, secret: string, text: string, signature: Buffer): boolean {
  switch (algorithm) {
    case "HS256":
      return createHmac("sha256", secret).update(text).digest().equals(signature);
    case "RS256":
      return verify("sha256", Buffer.from(text), secret, signature);
    default:
      return (
        signature.length === 64 &&
        verify("sha256", Buffer.from(text), { key: secret, dsaEncoding: "ieee-p1363" }, signature)
      );
  }
}

function jsonObject(part: string): Map<string, Json> | null {
  const text = utf8(decodeBase64(part, URL_SAFE, false));
  if (text === null) {
    return null;
  }
  try {
    const value = readJson(text);
    return value instanceof Map ? value : null;
  } catch {
    return null;
  }
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const STANDARD = `${LETTERS}+/`;
const URL_SAFE = `${LETTERS}-_`;

/** RFC 4648 bit by bit; null when a character, the length, the padding or an unused bit is wrong. */
function decodeBase64(text: string, alphabet: string, padded: boolean): Buffer | null {
  const body = padded ? text.replace(/={1,2}$/, "") : text;
  if ((padded && text.length % 4 !== 0) || body.length % 4 === 1) {
    return null;
  }
  let bits = "";
  for (const character of body) {
    const value = alphabet.indexOf(character);
    if (value === -1) {
      return null;
    }
    bits += value.toString(2).padStart(6, "0");
  }
  const whole = bits.length - (bits.length % 8);
  if (bits.slice(whole).includes("1")) {
    return null;
  }
  return Buffer.from((bits.slice(0, whole).match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
}

function utf8(bytes: Buffer | null): string | null {
  const text = bytes?.toString("utf8") ?? null;
  return text !== null && bytes !== null && Buffer.from(text, "utf8").equals(bytes) ? text : null;
}

function sha256Hex(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
