import { createHash } from "node:crypto";
import type { AccessJson, DocumentJson, GroupJson } from "../reference/decision.ts";
import type { Random } from "./random.ts";
import { type SigningKey, signingKeys } from "./signing-key.ts";

/** Small vocabularies, so that groups share values and requests hit, and nearly hit, what the document says. */
export const tokenValues = ["t1", "t2", "Bearer t1", "Basic YTpi"] as const;
export const users = ["ada", "bob", "ünal"] as const;
export const passwords = ["pw", "p:w", "", "pässwörd"] as const;
export const headerNames = ["Authorization", "X-Key", "x-other"] as const;
export const cookieNames = ["sid", "SID", "tok"] as const;
export const paramNames = ["key", "k[]"] as const;
export const programs = ["http", "https", "terminal", "logs", "sqlite", "agent", "files"] as const;
export const audiences = ["app", "other"] as const;

/** Names under which a canonical program can be written. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  sqlite: ["sqlite", "kv", "db"],
  agent: ["agent", "workspace", "workspaces"],
  logs: ["logs", "proxy-logs"],
};

export function randomDocument(random: Random): DocumentJson {
  const document: DocumentJson = { groups: {}, permissions: {} };
  if (random.chance(0.6)) {
    document.default = random.pick(["allow", "deny", "deny"]);
  }
  if (random.chance(0.5)) {
    document.combine = random.pick(["any", "all", "all"]);
  }
  if (random.chance(0.5)) {
    document.preflight = random.pick(["judge", "pass"]);
  }
  const layered = document.combine === "all" && random.chance(0.7);
  const types = layered ? random.pick(LAYERS) : random.pick(MIXES);
  const keys = random.list(KEYS_MAX, () => random.pick(signingKeys));
  const count = layered ? types.length : random.pick([0, 1, 1, 2, 3, 4, 6, 40]);
  for (const index of Array(count).keys()) {
    const name = random.chance(0.05) ? `constructor${index}` : `g${index}`;
    document.groups[name] = randomGroup(random, keys, layered ? types[index] : random.pick(types));
    if (random.chance(0.9)) {
      document.permissions[name] = randomPermissions(random, layered ? 0.9 : 0.7);
    }
  }
  return document;
}

type GroupType = GroupJson["type"];

/** Types that one request can match all of: what `combine: "all"` is for. */
const LAYERS: readonly (readonly GroupType[])[] = [
  ["ip"],
  ["ip", "password"],
  ["ip", "token"],
  ["jwt", "ip"],
  ["token", "ip", "jwt"],
];
/** Types of a document with any number of groups. */
const MIXES: readonly (readonly GroupType[])[] = [
  ["ip"],
  ["ip", "jwt", "password", "token"],
  ["ip", "jwt", "password", "token", "token"],
  ["jwt", "token"],
];

function randomGroup(
  random: Random,
  keys: readonly SigningKey[],
  type: GroupType = "ip",
): GroupJson {
  const group = GROUPS[type](random, keys);
  if (random.chance(0.12)) {
    group.enabled = random.chance(0.2);
  }
  return group;
}

/** With six places for tokens a document stays within its limit of pairs of source and key. */
const KEYS_MAX = 3;

const GROUPS: Record<GroupType, (random: Random, keys: readonly SigningKey[]) => GroupJson> = {
  ip: (random) => ({ type: "ip", range: randomRange(random) }),
  jwt: (random, keys) => {
    const key = random.pick(keys);
    const sources = random.list(random.between(1, 2), () =>
      random.chance(0.7)
        ? `header:${random.pick(headerNames)}`
        : `cookie:${random.pick(cookieNames)}`,
    );
    const explicit = key.algorithm !== "HS256" || random.chance(0.5);
    return {
      type: "jwt",
      secret: key.secret,
      ...(explicit ? { algorithm: key.algorithm } : {}),
      sources,
      ...(random.chance(0.5) ? { claims: randomClaims(random) } : {}),
    };
  },
  password: (random) => {
    const salt = random.pick(["salt", "s"]);
    const plain = random.pick(passwords);
    const digest = createHash("sha256")
      .update(salt + plain)
      .digest("hex");
    const asDigest = plain === "" || random.chance(0.3);
    return {
      type: "password",
      username: random.pick(users),
      password: asDigest ? random.pick([digest, digest.toUpperCase()]) : plain,
      salt,
      ...(random.chance(0.5) ? { algorithm: "sha256" as const } : {}),
    };
  },
  token: (random) => {
    const place = random.pick(["header", "header", "cookie", "param"] as const);
    const value = random.pick(place === "cookie" ? (["t1", "t2"] as const) : tokenValues);
    return { type: "token", value, [place]: random.pick(NAMES[place]) };
  },
};

const NAMES = { header: headerNames, cookie: cookieNames, param: paramNames };

function randomClaims(random: Random): NonNullable<JwtJson["claims"]> {
  return random.pick<NonNullable<JwtJson["claims"]>>([
    { aud: random.pick(audiences) },
    { role: "admin" },
    { level: 1 },
    { admin: true, role: "admin" },
    { role: { has: "admin" } },
    { scope: { has: random.pick(["read", "read write", "1"]) } },
    { "realm.roles": { has: random.pick(["admin", 1, true]) } },
    { "realm.roles": { has: "admin" } },
    { role: { has: random.pick(["admin", "x"]) } },
    { "realm.roles": "admin" },
    { level: { has: 1 }, aud: { has: random.pick(audiences) } },
    { uid: random.pick([0, 9007199254740991, 0.1, 1e-7]) },
    { uid: { has: 9007199254740991 } },
    {},
  ]);
}

type JwtJson = GroupJson & { type: "jwt" };

/** `share` of the programs are named. */
function randomPermissions(random: Random, share: number): Record<string, AccessJson> {
  const own: Record<string, AccessJson> = {};
  for (const program of programs) {
    if (random.chance(share)) {
      own[random.pick(SPELLINGS[program] ?? [program])] = randomAccess(random);
    }
  }
  return own;
}

function randomAccess(random: Random): AccessJson {
  switch (random.below(8)) {
    case 0:
      return true;
    case 1:
      return "*";
    case 2:
      return false;
    case 3:
      return random.between(1, 6);
    case 4: {
      const first = random.between(1, 6);
      return `${first}-${random.between(first, 7)}`;
    }
    case 5:
      return random.pick(["1-65535", "2-65534", "6-65535"]);
    case 6:
      return random.pick([1, 65535]);
    default:
      return random.list(random.below(5), () => random.between(1, 7));
  }
}

/** Few networks, so that addresses fall into them, beside them, and into several. */
export function randomAddress(random: Random): string {
  const third = random.pick([0, 1, 2, 3, 128, 255]);
  const start = random.pick(["10.0", "10.1", "10.1", "11.0", "0.0", "127.255", "128.0", "255.255"]);
  return `${start}.${third}.${random.pick([0, 1, 2, 3, 254, 255])}`;
}

function randomRange(random: Random): string {
  return random.chance(0.7)
    ? `${randomAddress(random)}/${randomLength(random)}`
    : `${randomIpv6(random)}/${random.pick([0, 1, 31, 32, 33, 63, 64, 65, 96, 97, 127, 128, random.below(129)])}`;
}

/** Few networks, too; none of them is of IPv4-mapped addresses. */
export function randomIpv6(random: Random): string {
  const start = random.pick(["2001:db8", "2001:DB8", "2001:db9", "0:1", "fe80:0", "8000:0"]);
  const middle = random.pick(["0:0:0:0", "0:1:0:0", "8000:0:0:0", "0:0:8000:0", "ffff:0:0:ffff"]);
  return `${start}:${middle}:${random.pick(["0:0", "0:1", "0:2", "0:3", "8000:0", "ffff:ffff"])}`;
}

function randomLength(random: Random): number {
  return random.pick([0, 1, 7, 8, 15, 16, 17, 23, 24, 29, 30, 31, 32, 32, random.below(33)]);
}
