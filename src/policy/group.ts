import { createHash } from "node:crypto";
import { type ClaimRule, parseClaimRule } from "./claim.ts";
import type { CredentialLocation } from "./credential-location.ts";
import {
  hasControlCharacter,
  headerNameProblem,
  isCookieName,
  isCookieValue,
  isHeaderValue,
} from "./field-syntax.ts";
import { formatRange, type IpRange, parseRange } from "./ip-range.ts";
import { isJwtAlgorithm, type JwtKey, parseJwtKey } from "./jwt-key.ts";
import type { ViolationCode } from "./violation.ts";

/** One way to authenticate, validated and ready to be compiled. */
export type PolicyGroup = IpGroup | JwtGroup | PasswordGroup | TokenGroup;

interface AnyGroup {
  /** A disabled group never matches. */
  readonly enabled: boolean;
}

export interface IpGroup extends AnyGroup {
  readonly type: "ip";
  readonly range: IpRange;
}

export interface JwtGroup extends AnyGroup {
  readonly type: "jwt";
  readonly key: JwtKey;
  readonly sources: readonly CredentialLocation[];
  readonly claims: ReadonlyMap<string, ClaimRule>;
}

/** `digest` is the lower-case hex SHA-256 of salt and password (UTF-8). */
export interface PasswordGroup extends AnyGroup {
  readonly type: "password";
  readonly username: string;
  readonly salt: string;
  readonly digest: string;
}

export interface TokenGroup extends AnyGroup {
  readonly type: "token";
  readonly location: CredentialLocation;
  readonly value: string;
}

export type GroupType = PolicyGroup["type"];

/** The fields of a group as they are sent: those of every type, side by side. */
export interface GroupFields {
  readonly type: string;
  readonly enabled?: boolean | undefined;
  readonly range?: string | undefined;
  readonly secret?: string | undefined;
  readonly algorithm?: string | undefined;
  readonly sources: readonly string[];
  readonly claims?: { readonly [name: string]: unknown } | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly salt?: string | undefined;
  readonly value?: string | undefined;
  readonly header?: string | undefined;
  readonly cookie?: string | undefined;
  readonly param?: string | undefined;
}

/** The fields that are not stored as they were sent. */
export type NormalFields = Partial<Pick<GroupFields, "range" | "algorithm" | "password">>;

/** A fault of one field; `path` is the way to it from the group. */
export interface GroupFault {
  readonly path: readonly string[];
  readonly reason: string;
}

/** A group, the fields to store in place of those sent, and its weakness, if any; or every fault. */
export type ParsedGroup =
  | {
      readonly ok: true;
      readonly group: PolicyGroup;
      readonly normal: NormalFields;
      readonly weakness?: string | undefined;
    }
  | {
      readonly ok: false;
      readonly code: ViolationCode;
      readonly faults: readonly GroupFault[];
    };

type Field = Exclude<keyof GroupFields, "type" | "enabled">;

/** How long texts may be, in UTF-16 units; the grammar of the others bounds them. */
export const fieldCharsMax = {
  secret: 8192,
  username: 255,
  password: 1024,
  salt: 256,
  value: 8192,
  header: 256,
  cookie: 256,
  param: 256,
} as const satisfies Partial<Record<Field, number>>;
/** Claims of one jwt group: each is compared for every token. */
export const claimsMax = 64;

interface GroupKind {
  readonly code: ViolationCode;
  readonly fields: readonly Field[];
  readonly required: readonly Field[];
  /** Called when the required fields are present. Reports every fault; returns undefined when there was one. */
  readonly parse: (fields: GroupFields, report: Report) => Parts | undefined;
}

type Report = (reason: string, ...path: string[]) => void;

/** Distributes over the union, unlike Omit. */
type WithoutEnabled<Group> = Group extends AnyGroup ? Omit<Group, "enabled"> : never;

interface Parts {
  readonly group: WithoutEnabled<PolicyGroup>;
  readonly normal: NormalFields;
  readonly weakness?: string | undefined;
}

/** What belongs to each type of group. */
const KINDS = {
  ip: { code: "INVALID_IP_RANGE", fields: ["range"], required: ["range"], parse: parseIp },
  jwt: {
    code: "INVALID_JWT_CONFIG",
    fields: ["secret", "algorithm", "sources", "claims"],
    required: ["secret", "sources"],
    parse: parseJwt,
  },
  password: {
    code: "INVALID_PASSWORD_CONFIG",
    fields: ["username", "password", "salt", "algorithm"],
    required: ["username", "password", "salt"],
    parse: parsePassword,
  },
  token: {
    code: "INVALID_TOKEN_CONFIG",
    fields: ["value", "header", "cookie", "param"],
    required: ["value"],
    parse: parseToken,
  },
} as const satisfies Record<GroupType, GroupKind>;

/** Every field but `type` and `enabled`: each belongs to some type. */
const ALL_FIELDS: ReadonlySet<Field> = new Set(Object.values(KINDS).flatMap((kind) => kind.fields));

const JWT_SOURCE = /^(header|cookie):([A-Za-z0-9._-]{1,64})$/;
const HEX_DIGEST = /^[0-9A-Fa-f]{64}$/;

/** Reads one group of a document. */
export function parseGroup(fields: GroupFields): ParsedGroup {
  if (!isGroupType(fields.type)) {
    return {
      ok: false,
      code: "INVALID_PERMISSIONS_DOCUMENT",
      faults: [{ path: ["type"], reason: `must be one of ${Object.keys(KINDS).join(", ")}` }],
    };
  }
  const kind: GroupKind = KINDS[fields.type];
  const faults: GroupFault[] = [];
  const report: Report = (reason, ...path) => {
    faults.push({ path, reason });
  };
  for (const field of ALL_FIELDS) {
    if (isSet(fields, field) && !kind.fields.includes(field)) {
      report(`does not belong to a group of type ${fields.type}`, field);
    }
  }
  const missing = kind.required.filter((field) => isEmpty(fields, field));
  for (const field of missing) {
    report("is required and must not be empty", field);
  }
  const overlong = tooLong(fields);
  for (const [field, charsMax] of overlong) {
    report(`may have at most ${charsMax} characters`, field);
  }
  const parts = missing.length + overlong.length === 0 ? kind.parse(fields, report) : undefined;
  if (parts === undefined || faults.length > 0) {
    return { ok: false, code: kind.code, faults };
  }
  const group = { ...parts.group, enabled: fields.enabled ?? true };
  return { ok: true, group, normal: parts.normal, weakness: parts.weakness };
}

function isGroupType(type: string): type is GroupType {
  return Object.hasOwn(KINDS, type);
}

function isSet(fields: GroupFields, field: Field): boolean {
  return field === "sources" ? fields.sources.length > 0 : fields[field] !== undefined;
}

function isEmpty(fields: GroupFields, field: Field): boolean {
  return !isSet(fields, field) || fields[field] === "";
}

function tooLong(fields: GroupFields): [field: string, charsMax: number][] {
  return Object.entries(fieldCharsMax).filter(
    ([field, charsMax]) => (fields[field as keyof typeof fieldCharsMax]?.length ?? 0) > charsMax,
  );
}

function parseIp({ range = "" }: GroupFields, report: Report): Parts | undefined {
  const parsed = parseRange(range);
  if (parsed === null) {
    report("must be an IPv4 network a.b.c.d/len or an IPv6 network without a zone", "range");
    return undefined;
  }
  return { group: { type: "ip", range: parsed }, normal: { range: formatRange(parsed) } };
}

function parseJwt(fields: GroupFields, report: Report): Parts | undefined {
  const { secret = "", algorithm = "HS256" } = fields;
  const sources = fields.sources.map((source, i) => parseSource(source, i, report));
  const claims = parseClaims(fields.claims ?? {}, report);
  if (!isJwtAlgorithm(algorithm)) {
    report("must be HS256, RS256 or ES256", "algorithm");
    return undefined;
  }
  const parsed = parseJwtKey(algorithm, secret);
  if (!parsed.ok) {
    report(parsed.reason, "secret");
    return undefined;
  }
  const distinct = new Map(
    sources
      .filter((source) => source !== undefined)
      .map((source) => [`${source.kind}:${source.name}`, source]),
  );
  return {
    group: { type: "jwt", key: parsed.key, sources: [...distinct.values()], claims },
    normal: { algorithm },
    weakness: parsed.weakness,
  };
}

function parseClaims(
  sent: NonNullable<GroupFields["claims"]>,
  report: Report,
): Map<string, ClaimRule> {
  const claims = new Map<string, ClaimRule>();
  const entries = Object.entries(sent);
  if (entries.length > claimsMax) {
    report(`may have at most ${claimsMax} claims`, "claims");
  }
  for (const [name, value] of entries) {
    const rule = parseClaimRule(name, value);
    if (typeof rule === "string") {
      report(rule, "claims", name);
    } else {
      claims.set(name, rule);
    }
  }
  return claims;
}

function parseSource(
  source: string,
  index: number,
  report: Report,
): CredentialLocation | undefined {
  const [, kind, name = ""] = JWT_SOURCE.exec(source) ?? [];
  if (kind === undefined) {
    report("must be header:Name or cookie:name", "sources", String(index));
    return undefined;
  }
  if (kind === "cookie") {
    return { kind, name };
  }
  const problem = headerNameProblem(name);
  if (problem !== undefined) {
    report(problem, "sources", String(index));
  }
  return { kind: "header", name: name.toLowerCase() };
}

function parsePassword(fields: GroupFields, report: Report): Parts {
  const { username = "", password = "", salt = "", algorithm = "sha256" } = fields;
  if (algorithm !== "sha256") {
    report("must be sha256", "algorithm");
  }
  if (username.includes(":") || hasControlCharacter(username)) {
    report("must have no colon and no control characters (RFC 7617)", "username");
  }
  if (hasControlCharacter(password)) {
    report("must have no control characters (RFC 7617)", "password");
  }
  const digest = HEX_DIGEST.test(password)
    ? password.toLowerCase()
    : createHash("sha256")
        .update(salt + password)
        .digest("hex");
  return {
    group: { type: "password", username, salt, digest },
    normal: { password: digest, algorithm: "sha256" },
  };
}

interface PlaceRules {
  readonly name: (name: string) => string | undefined;
  readonly value: (value: string) => boolean;
  readonly location: (name: string) => CredentialLocation;
}

/** Where a token may be read, and what can occur there. */
const PLACES = {
  header: {
    name: headerNameProblem,
    value: isHeaderValue,
    location: (name) => ({ kind: "header", name: name.toLowerCase() }),
  },
  cookie: {
    name: (name) => (isCookieName(name) ? undefined : "is not a cookie name"),
    value: isCookieValue,
    location: (name) => ({ kind: "cookie", name }),
  },
  param: {
    name: (name) => (name.isWellFormed() ? undefined : "is not well-formed Unicode"),
    value: (value) => value.isWellFormed(),
    location: (name) => ({ kind: "param", name }),
  },
} as const satisfies Record<CredentialLocation["kind"], PlaceRules>;

const PLACE_KINDS = ["header", "cookie", "param"] as const;

function parseToken(fields: GroupFields, report: Report): Parts | undefined {
  const { value = "" } = fields;
  const named = PLACE_KINDS.filter((kind) => fields[kind] !== undefined);
  const [kind] = named;
  if (kind === undefined || named.length > 1) {
    report("must have exactly one of header, cookie, param");
    return undefined;
  }
  const name = fields[kind] ?? "";
  const rules: PlaceRules = PLACES[kind];
  const problem = name === "" ? "must not be empty" : rules.name(name);
  if (problem !== undefined) {
    report(problem, kind);
  }
  if (!rules.value(value)) {
    report(`has characters that cannot occur in a ${kind}`, "value");
  }
  return { group: { type: "token", value, location: rules.location(name) }, normal: {} };
}
