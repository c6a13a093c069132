// The permission documents that the product's description shows, and what it says each does.
// A body stands as it does there, comments dropped; `lines` and numbers in brackets are the description's lines. It is not
// in this project: what counts of a line is said beside its number. Fragments are completed by `added` with the least that
// makes them a document that lets somebody in. `$PROJECT_ID` and `$CONTAINER_ID` are the site's.
import type { Level } from "../../harness/client.ts";
import { saltedDigest } from "../../harness/credentials.ts";
import { at, basic, bearer, type Client, carrying, jwt, office, stranger, vpn } from "./clients.ts";
import { type Outcome, OWN_HTTP } from "./stage.ts";

export type Body = Readonly<Record<string, unknown>>;

export interface Row {
  readonly who: Client;
  /** The other container of the project. */
  readonly on?: "sibling";
  readonly finds: Readonly<Record<string, Outcome>>;
  /** Which statement this is, or why it is not what the description states. */
  readonly why?: string;
}

export interface Example {
  readonly name: string;
  readonly lines: string;
  readonly levels: readonly Level[];
  readonly body: Body;
  readonly added?: Body;
  /** The project's document that the container's stands over. */
  readonly over?: Body;
  readonly rows: readonly Row[];
}

const BOTH: readonly Level[] = ["projects", "containers"];
const PROJECT: readonly Level[] = ["projects"];
const CONTAINER: readonly Level[] = ["containers"];

/** Groups that a fragment of permissions names, each an address range. */
const fromOffice = { type: "ip", range: "203.0.113.0/24" };
const fromVpn = { type: "ip", range: "198.51.100.0/24" };
const ops = at("192.0.2.10");
const fromOps = { type: "ip", range: "192.0.2.0/25" };

// Lines 58, 62 and 64 are one document in three parts.
const coreGroups = {
  groups: {
    developers: { type: "ip", range: "203.0.113.0/24" },
    customers: { type: "jwt", secret: "your-jwt-secret", sources: ["header:Authorization"] },
    admin: {
      type: "password",
      username: "admin",
      password: "hashed-password",
      salt: "unique-salt",
    },
  },
};
const corePermissions = {
  permissions: {
    developers: { terminal: [1, 2], files: true, display: 1, http: true },
    customers: { http: true, terminal: false, files: false },
    admin: { terminal: true, files: true, display: true, http: true, ssh: true },
  },
};
const coreCustomer = carrying("a customer", bearer(jwt("your-jwt-secret")));
const coreAdmin = carrying("the admin", basic("admin", "hashed-password"));

const teamOnly = {
  project: "$PROJECT_ID",
  groups: { team: { type: "ip", range: "203.0.113.0/24" } },
  permissions: { team: { terminal: [1, 2], files: true, display: 1, http: true } },
  default: "deny",
};

const publicHttp = {
  project: "$PROJECT_ID",
  container: "$CONTAINER_ID",
  groups: { public: { type: "ip", range: "0.0.0.0/0" } },
  permissions: { public: { http: true, terminal: false, files: false } },
  default: "deny",
};

const jwtWithClaims = {
  groups: {
    authenticated_users: {
      type: "jwt",
      secret: "your-jwt-signing-secret",
      algorithm: "HS256",
      sources: ["header:Authorization", "cookie:auth_token"],
      claims: { iss: "mycompany.com", aud: "production-api" },
    },
  },
};
const goodClaims = { iss: "mycompany.com", aud: "production-api" };
const signed = (claims: Body, secret = "your-jwt-signing-secret") => jwt(secret, claims);
const forUsers = { permissions: { authenticated_users: { http: true } }, default: "deny" };

const passwordGroup = {
  groups: {
    admin_access: {
      type: "password",
      username: "admin",
      password: "hashed-password-here",
      algorithm: "sha256",
      salt: "unique-salt-value",
    },
  },
};
const forAdmin = { permissions: { admin_access: { terminal: true } }, default: "deny" };
const digest = saltedDigest("unique-salt-value", "opensesame");

const ipGroups = {
  groups: {
    office_network: { type: "ip", range: "203.0.113.0/24" },
    vpn_users: { type: "ip", range: "198.51.100.0/24" },
  },
};

const tokenGroup = {
  groups: { api_partners: { type: "token", value: "token-abc-123", header: "X-Api-Token" } },
};
const forPartners = { permissions: { api_partners: { http: true } }, default: "deny" };
const partner = (name: string, value: string) => carrying(name, { "X-Api-Token": value });

const exampleOne = {
  project: "$PROJECT_ID",
  groups: { developers: { type: "ip", range: "203.0.113.0/24" } },
  permissions: {
    developers: { terminal: true, display: true, files: true, http: true, ssh: true },
  },
  default: "deny",
};

const exampleTwo = {
  project: "$PROJECT_ID",
  container: "$CONTAINER_ID",
  groups: {
    customers: {
      type: "jwt",
      secret: "customer-jwt-secret",
      algorithm: "HS256",
      sources: ["header:Authorization"],
    },
    admin: {
      type: "password",
      username: "admin",
      password: "hashed-admin-password",
      algorithm: "sha256",
      salt: "unique-salt",
    },
  },
  permissions: {
    customers: { http: true },
    admin: { terminal: true, display: true, files: true, http: true, ssh: true },
  },
  default: "deny",
};

const exampleThree = {
  project: "$PROJECT_ID",
  groups: {
    ops_team: { type: "ip", range: "203.0.113.0/24" },
    developers: { type: "ip", range: "198.51.100.0/24" },
    readonly_users: {
      type: "password",
      username: "viewer",
      password: "hashed-pass",
      salt: "salt",
    },
  },
  permissions: {
    ops_team: { terminal: true, display: true, files: true, http: true, ssh: true },
    developers: { terminal: true, files: true, http: true, ssh: false },
    readonly_users: { http: true, terminal: false, display: false, files: false },
  },
  default: "deny",
};
const viewer = basic("viewer", "hashed-pass");

const officeOnly = {
  groups: { office: { type: "ip", range: "203.0.113.0/24" } },
  permissions: { office: { terminal: true, http: true } },
  default: "deny",
};

/** The first scenario: open development, locked production. */
export const staging = {
  groups: { team: { type: "ip", range: "203.0.113.0/24" } },
  permissions: { team: { terminal: true, http: true, display: true } },
  default: "deny",
};

const production = {
  groups: {
    customers: {
      type: "jwt",
      secret: "production-jwt-secret",
      algorithm: "HS256",
      sources: ["header:Authorization"],
    },
  },
  permissions: { customers: { http: true } },
  default: "deny",
};

const partnerTiers = {
  groups: {
    tier1_partners: { type: "token", value: "partner-abc-tier1", header: "X-Api-Token" },
    tier2_partners: { type: "token", value: "partner-def-tier2", header: "X-Api-Token" },
  },
  permissions: {
    tier1_partners: { http: true, files: true },
    tier2_partners: { http: [80, 3000], files: 1 },
  },
  default: "deny",
};

const layers = {
  groups: {
    secure_access: { type: "ip", range: "203.0.113.0/24" },
    with_jwt: { type: "jwt", secret: "jwt-secret", sources: ["header:Authorization"] },
  },
};
const forLayers = {
  permissions: { secure_access: { terminal: true }, with_jwt: { terminal: true } },
  default: "deny",
};
const layerToken = bearer(jwt("jwt-secret"));

const unnamedProgram =
  "“full access” (it lists five programs), but a program that is not named is not granted (“must be explicitly true”, 289)";

/** Documents that the description gives in three spellings: curl, SDK and command line. */
export const spelled: readonly (readonly [name: string, level: Level, body: SpelledBody])[] = [
  ["project-level permissions", "projects", teamOnly],
  ["container-level permissions", "containers", publicHttp],
  ["example 1", "projects", exampleOne],
  ["example 2", "containers", exampleTwo],
  ["example 3", "projects", exampleThree],
];

export interface SpelledBody extends Body {
  readonly groups: Body;
  readonly permissions: Body;
  readonly default: string;
}

export const examples: readonly Example[] = [
  {
    name: "core concepts: groups, permissions and the default",
    lines: "58, 62, 64",
    levels: BOTH,
    body: { ...coreGroups, ...corePermissions, default: "deny" },
    rows: [
      {
        who: office,
        finds: {
          "terminal-1": "reached",
          "terminal-2": "reached",
          "files-1": "reached",
          "files-7": "reached",
          "display-1": "reached",
          [OWN_HTTP]: "reached",
          "http-3000": "passed",
          "exec-1": 403,
        },
      },
      {
        who: office,
        finds: { "terminal-3": 401, "display-2": 401, ssh: 401 },
        why: "the admin's password would grant it, so a prompt may help",
      },
      {
        who: coreCustomer,
        finds: {
          [OWN_HTTP]: "reached",
          "http-8080": "passed",
          "terminal-1": 403,
          "files-1": 403,
          "display-1": 403,
        },
      },
      {
        who: coreAdmin,
        finds: {
          "terminal-1": "reached",
          "terminal-9": "reached",
          "files-3": "reached",
          "display-2": "reached",
          [OWN_HTTP]: "reached",
          ssh: "passed",
          "exec-1": 403,
        },
      },
      {
        who: carrying("a customer in the office", bearer(jwt("your-jwt-secret")), office.from),
        finds: { "terminal-1": "reached", "files-1": "reached", "terminal-3": 403 },
        why: "false in one group takes nothing from another",
      },
      { who: stranger, finds: { "terminal-1": 401, [OWN_HTTP]: 401, ssh: 401, "exec-1": 401 } },
      {
        who: carrying("a guesser of passwords", basic("admin", "hashed-passwort")),
        finds: { "terminal-1": 401, [OWN_HTTP]: 401 },
      },
      {
        who: carrying("a forger", bearer(jwt("another-secret"))),
        finds: { [OWN_HTTP]: 401 },
      },
    ],
  },
  {
    name: "core concepts with the other default",
    lines: "58, 62, 64–65",
    levels: BOTH,
    body: { ...coreGroups, ...corePermissions, default: "allow" },
    rows: [
      {
        who: stranger,
        finds: {
          "terminal-3": "reached",
          "exec-1": "reached",
          [OWN_HTTP]: "reached",
          ssh: "passed",
        },
        why: "no group matches",
      },
      {
        who: office,
        finds: { "terminal-1": "reached", "terminal-3": 401, "exec-1": 403 },
        why: "a group matches, so the default has no say",
      },
      { who: coreCustomer, finds: { [OWN_HTTP]: "reached", "terminal-1": 403 } },
    ],
  },
  {
    name: "project-level permissions",
    lines: "87–90",
    levels: PROJECT,
    body: teamOnly,
    rows: [
      {
        who: office,
        finds: {
          "terminal-1": "reached",
          "terminal-2": "reached",
          "terminal-3": 403,
          "files-1": "reached",
          "files-2": "reached",
          "display-1": "reached",
          "display-2": 403,
          [OWN_HTTP]: "reached",
          ssh: 403,
          "exec-1": 403,
        },
      },
      { who: stranger, finds: { "terminal-1": 403, "files-1": 403, [OWN_HTTP]: 403, ssh: 403 } },
      {
        who: office,
        on: "sibling",
        finds: { "terminal-1": "reached", "terminal-3": 403, [OWN_HTTP]: "reached" },
        why: "all containers in this project",
      },
      { who: stranger, on: "sibling", finds: { "terminal-1": 403, [OWN_HTTP]: 403 } },
    ],
  },
  {
    name: "container-level permissions",
    lines: "93–98",
    levels: CONTAINER,
    body: publicHttp,
    over: teamOnly,
    rows: [
      {
        who: stranger,
        finds: {
          [OWN_HTTP]: "reached",
          "http-3000": "passed",
          "terminal-1": 403,
          "files-1": 403,
          "display-1": 403,
          ssh: 403,
        },
      },
      {
        who: office,
        finds: { [OWN_HTTP]: "reached", "terminal-1": 403, "files-1": 403 },
        why: "overrides project-level restrictions, and grants",
      },
      {
        who: stranger,
        on: "sibling",
        finds: { [OWN_HTTP]: 403 },
        why: "an otherwise private project",
      },
      { who: office, on: "sibling", finds: { "terminal-1": "reached" } },
    ],
  },
  {
    name: "JWT authentication",
    lines: "103–105",
    levels: BOTH,
    body: jwtWithClaims,
    added: forUsers,
    rows: [
      {
        who: carrying("a user", bearer(signed(goodClaims))),
        finds: { [OWN_HTTP]: "reached", "terminal-1": 403 },
      },
      {
        who: carrying("a user with a cookie", { cookie: `auth_token=${signed(goodClaims)}` }),
        finds: { [OWN_HTTP]: "reached" },
      },
      {
        who: carrying(
          "a user of several audiences",
          bearer(signed({ ...goodClaims, aud: ["test-api", "production-api"] })),
        ),
        finds: { [OWN_HTTP]: "reached" },
      },
      {
        who: carrying("a cookie of another name", { cookie: `session=${signed(goodClaims)}` }),
        finds: { [OWN_HTTP]: 401 },
      },
      {
        who: carrying("a token without Bearer", { authorization: signed(goodClaims) }),
        finds: { [OWN_HTTP]: 401 },
        why: "“Bearer token in Authorization header”",
      },
      {
        who: carrying("another issuer", bearer(signed({ ...goodClaims, iss: "other.com" }))),
        finds: { [OWN_HTTP]: 401 },
      },
      {
        who: carrying("another audience", bearer(signed({ ...goodClaims, aud: "test-api" }))),
        finds: { [OWN_HTTP]: 401 },
      },
      {
        who: carrying("a token without audience", bearer(signed({ iss: "mycompany.com" }))),
        finds: { [OWN_HTTP]: 401 },
      },
      {
        who: carrying("another secret", bearer(signed(goodClaims, "not-the-signing-secret"))),
        finds: { [OWN_HTTP]: 401 },
      },
      {
        who: carrying("an expired token", bearer(signed({ ...goodClaims, exp: 1_700_000_000 }))),
        finds: { [OWN_HTTP]: 401 },
      },
      { who: stranger, finds: { [OWN_HTTP]: 401, "terminal-1": 401 } },
    ],
  },
  {
    // 106 names a source in words; the group around it is that of 103.
    name: "a JWT in the session cookie",
    lines: "106",
    levels: BOTH,
    body: {
      groups: {
        authenticated_users: {
          ...jwtWithClaims.groups.authenticated_users,
          sources: ["cookie:session"],
        },
      },
    },
    added: forUsers,
    rows: [
      {
        who: carrying("a user in a session", { cookie: `a=1; session=${signed(goodClaims)}; b=2` }),
        finds: { [OWN_HTTP]: "reached" },
      },
      {
        who: carrying("a user with a header", bearer(signed(goodClaims))),
        finds: { [OWN_HTTP]: 401 },
      },
    ],
  },
  {
    name: "password authentication, written plainly",
    lines: "110–112",
    levels: BOTH,
    body: passwordGroup,
    added: forAdmin,
    rows: [
      {
        who: carrying("the admin", basic("admin", "hashed-password-here")),
        finds: { "terminal-1": "reached", "terminal-4": "reached", "files-1": 403 },
      },
      {
        who: carrying("Admin with a capital", basic("Admin", "hashed-password-here")),
        finds: { "terminal-1": 401 },
        why: "exact username match",
      },
      {
        who: carrying("a wrong password", basic("admin", "hashed-password")),
        finds: { "terminal-1": 401 },
      },
      {
        who: carrying(
          "the digest of the password",
          basic("admin", saltedDigest("unique-salt-value", "hashed-password-here")),
        ),
        finds: { "terminal-1": 401 },
      },
      { who: stranger, finds: { "terminal-1": 401 } },
    ],
  },
  {
    // 111: “plain or hashed”. 64 hex digits are SHA-256 of salt and password.
    name: "password authentication, hashed",
    lines: "110–111, 326",
    levels: BOTH,
    body: {
      groups: { admin_access: { ...passwordGroup.groups.admin_access, password: digest } },
    },
    added: forAdmin,
    rows: [
      {
        who: carrying("the admin", basic("admin", "opensesame")),
        finds: { "terminal-1": "reached" },
      },
      { who: carrying("the digest itself", basic("admin", digest)), finds: { "terminal-1": 401 } },
      {
        who: carrying("salt and password", basic("admin", "unique-salt-valueopensesame")),
        finds: { "terminal-1": 401 },
      },
    ],
  },
  {
    name: "IP-based authentication",
    lines: "131",
    levels: BOTH,
    body: ipGroups,
    added: {
      permissions: { office_network: { terminal: true }, vpn_users: { files: true } },
      default: "deny",
    },
    rows: [
      { who: office, finds: { "terminal-1": "reached", "files-1": 403 } },
      { who: vpn, finds: { "files-1": "reached", "terminal-1": 403 } },
      { who: at("203.0.113.0"), finds: { "terminal-1": "reached" } },
      { who: at("203.0.113.255"), finds: { "terminal-1": "reached" } },
      { who: at("203.0.112.255"), finds: { "terminal-1": 403 } },
      { who: at("203.0.114.0"), finds: { "terminal-1": 403 } },
      { who: at("198.51.101.0"), finds: { "files-1": 403 } },
      { who: stranger, finds: { "terminal-1": 403, "files-1": 403 } },
    ],
  },
  {
    // 132 names the range in words; the group around it is that of 131.
    name: "a single address",
    lines: "132",
    levels: BOTH,
    body: { groups: { office_network: { type: "ip", range: "203.0.113.50/32" } } },
    added: { permissions: { office_network: { terminal: true } }, default: "deny" },
    rows: [
      { who: at("203.0.113.50"), finds: { "terminal-1": "reached" } },
      { who: at("203.0.113.49"), finds: { "terminal-1": 403 } },
      { who: at("203.0.113.51"), finds: { "terminal-1": 403 } },
    ],
  },
  {
    name: "token authentication",
    lines: "137",
    levels: BOTH,
    body: tokenGroup,
    added: forPartners,
    rows: [
      {
        who: partner("a partner", "token-abc-123"),
        finds: { [OWN_HTTP]: "reached", "files-1": 403 },
      },
      { who: partner("another token", "token-abc-124"), finds: { [OWN_HTTP]: 401 } },
      { who: partner("a token and more", "token-abc-1234"), finds: { [OWN_HTTP]: 401 } },
      {
        who: carrying("the token in a cookie", { cookie: "X-Api-Token=token-abc-123" }),
        finds: { [OWN_HTTP]: 401 },
      },
      { who: stranger, finds: { [OWN_HTTP]: 401 } },
    ],
  },
  {
    // 137 names cookie and param in words; the group around them is the one it shows.
    name: "a token in a cookie",
    lines: "137, 328",
    levels: BOTH,
    body: { groups: { api_partners: { type: "token", value: "token-abc-123", cookie: "token" } } },
    added: forPartners,
    rows: [
      {
        who: carrying("a partner", { cookie: "token=token-abc-123" }),
        finds: { [OWN_HTTP]: "reached" },
      },
      { who: partner("the token in a header", "token-abc-123"), finds: { [OWN_HTTP]: 401 } },
    ],
  },
  {
    name: "a token in a query parameter",
    lines: "137, 328",
    levels: BOTH,
    body: { groups: { api_partners: { type: "token", value: "token-abc-123", param: "key" } } },
    added: forPartners,
    rows: [
      {
        who: { ...stranger, name: "a partner", path: "/?key=token-abc-123" },
        finds: { [OWN_HTTP]: "reached" },
      },
      {
        who: { ...stranger, name: "a parameter of another name", path: "/?Key=token-abc-123" },
        finds: { [OWN_HTTP]: 401 },
      },
    ],
  },
  {
    name: "permission values: true and false",
    lines: "168",
    levels: BOTH,
    body: { permissions: { developers: { terminal: true, files: false } } },
    added: { groups: { developers: fromOffice }, default: "deny" },
    rows: [
      {
        who: office,
        finds: {
          terminal: "reached",
          "terminal-1": "reached",
          "terminal-2": "reached",
          "terminal-9999": "reached",
          files: 403,
          "files-1": 403,
          "files-2": 403,
        },
      },
    ],
  },
  {
    name: "permission values: a number",
    lines: "169",
    levels: BOTH,
    body: { permissions: { customers: { display: 1, terminal: 2 } } },
    added: { groups: { customers: fromOffice }, default: "deny" },
    rows: [
      {
        who: office,
        finds: {
          display: "reached",
          "display-1": "reached",
          "display-2": 403,
          "terminal-1": 403,
          "terminal-2": "reached",
          "terminal-3": 403,
        },
      },
    ],
  },
  {
    name: "permission values: lists",
    lines: "170",
    levels: BOTH,
    body: { permissions: { team: { terminal: [1, 2, 3], display: [1], exec: [1, 2] } } },
    added: { groups: { team: fromOffice }, default: "deny" },
    rows: [
      {
        who: office,
        finds: {
          "terminal-1": "reached",
          "terminal-2": "reached",
          "terminal-3": "reached",
          "terminal-4": 403,
          "display-1": "reached",
          "display-2": 403,
          "exec-1": "reached",
          "exec-2": "reached",
          "exec-3": 403,
        },
      },
    ],
  },
  {
    name: "permission values: all of them",
    lines: "171",
    levels: BOTH,
    body: {
      permissions: {
        developers: { terminal: [1, 2], files: true, display: 1, http: true, exec: false },
      },
    },
    added: { groups: { developers: fromOffice }, default: "deny" },
    rows: [
      {
        who: office,
        finds: {
          "terminal-1": "reached",
          "terminal-2": "reached",
          "terminal-3": 403,
          "files-1": "reached",
          "files-5": "reached",
          "display-1": "reached",
          "display-2": 403,
          [OWN_HTTP]: "reached",
          "http-80": "passed",
          "exec-1": 403,
        },
      },
    ],
  },
  {
    name: "one container with five terminals for three teams",
    lines: "177–179",
    levels: BOTH,
    body: {
      permissions: {
        frontend_team: { terminal: [1, 2], display: 1, http: true },
        backend_team: { terminal: [3, 4], display: 2, http: true },
        ops_team: { terminal: true, display: true, http: true, ssh: true },
      },
    },
    added: {
      groups: { frontend_team: fromOffice, backend_team: fromVpn, ops_team: fromOps },
      default: "deny",
    },
    rows: [
      {
        who: { ...office, name: "frontend" },
        finds: {
          "terminal-1": "reached",
          "terminal-2": "reached",
          "terminal-3": 403,
          "terminal-4": 403,
          "terminal-5": 403,
          "display-1": "reached",
          "display-2": 403,
          [OWN_HTTP]: "reached",
          ssh: 403,
        },
      },
      {
        who: { ...vpn, name: "backend" },
        finds: {
          "terminal-1": 403,
          "terminal-2": 403,
          "terminal-3": "reached",
          "terminal-4": "reached",
          "terminal-5": 403,
          "display-1": 403,
          "display-2": "reached",
          [OWN_HTTP]: "reached",
          ssh: 403,
        },
      },
      {
        who: { ...ops, name: "ops" },
        finds: {
          "terminal-1": "reached",
          "terminal-2": "reached",
          "terminal-3": "reached",
          "terminal-4": "reached",
          "terminal-5": "reached",
          "display-1": "reached",
          "display-2": "reached",
          "display-3": "reached",
          [OWN_HTTP]: "reached",
          ssh: "passed",
        },
      },
      { who: stranger, finds: { "terminal-1": 403, [OWN_HTTP]: 403 } },
    ],
  },
  {
    name: "example 1: development team access",
    lines: "182–185",
    levels: PROJECT,
    body: exampleOne,
    rows: [
      {
        who: office,
        finds: {
          "terminal-1": "reached",
          "terminal-6": "reached",
          "display-2": "reached",
          "files-1": "reached",
          [OWN_HTTP]: "reached",
          ssh: "passed",
        },
      },
      {
        who: office,
        finds: { "exec-1": 403, "agent-1": 403 },
        why: `the description says ${unnamedProgram}`,
      },
      {
        who: stranger,
        finds: { "terminal-1": 403, "display-1": 403, "files-1": 403, [OWN_HTTP]: 403, ssh: 403 },
        why: "everyone else denied",
      },
      {
        who: office,
        on: "sibling",
        finds: { "terminal-1": "reached", ssh: "passed" },
        why: "all containers in project",
      },
      { who: stranger, on: "sibling", finds: { "terminal-1": 403 } },
    ],
  },
  {
    name: "example 2: public API with private admin",
    lines: "188–191",
    levels: CONTAINER,
    body: exampleTwo,
    over: exampleOne,
    rows: [
      {
        who: carrying("a customer", bearer(jwt("customer-jwt-secret"))),
        finds: {
          [OWN_HTTP]: "reached",
          "http-8080": "passed",
          "terminal-1": 403,
          "display-1": 403,
        },
      },
      {
        who: carrying("a customer", bearer(jwt("customer-jwt-secret"))),
        finds: { "files-1": 403 },
        why: "the description says “read-only files”, but the body names only http, and no access value is read-only",
      },
      {
        who: carrying("the admin", basic("admin", "hashed-admin-password")),
        finds: {
          "terminal-1": "reached",
          "display-1": "reached",
          "files-1": "reached",
          "files-2": "reached",
          [OWN_HTTP]: "reached",
          ssh: "passed",
        },
      },
      {
        who: carrying("the admin", basic("admin", "hashed-admin-password")),
        finds: { "exec-1": 403 },
        why: `the description says ${unnamedProgram}`,
      },
      { who: stranger, finds: { [OWN_HTTP]: 401, "terminal-1": 401, "files-1": 401 } },
      {
        who: office,
        finds: { [OWN_HTTP]: 401, "terminal-1": 401 },
        why: "the project's developers are nobody here",
      },
      { who: office, on: "sibling", finds: { "terminal-1": "reached" } },
    ],
  },
  {
    name: "example 3: multi-tier access",
    lines: "194–197",
    levels: PROJECT,
    body: exampleThree,
    rows: [
      {
        who: { ...office, name: "ops" },
        finds: {
          "terminal-1": "reached",
          "display-1": "reached",
          "files-1": "reached",
          [OWN_HTTP]: "reached",
          ssh: "passed",
        },
      },
      {
        who: { ...office, name: "ops" },
        finds: { "exec-1": 403 },
        why: `the description says ${unnamedProgram}`,
      },
      {
        who: { ...vpn, name: "a developer" },
        finds: {
          "terminal-1": "reached",
          "files-1": "reached",
          [OWN_HTTP]: "reached",
          ssh: 403,
          "display-1": 403,
        },
      },
      {
        who: carrying("a viewer", viewer),
        finds: {
          [OWN_HTTP]: "reached",
          "terminal-1": 403,
          "display-1": 403,
          "files-1": 403,
          ssh: 403,
        },
      },
      {
        who: carrying("a viewer on the VPN", viewer, vpn.from),
        finds: { "terminal-1": "reached", "files-1": "reached", "display-1": 403 },
        why: "has what either group grants",
      },
      { who: stranger, finds: { [OWN_HTTP]: 401, "terminal-1": 401, ssh: 401 } },
    ],
  },
  {
    name: "hierarchy: a public container in an office project",
    lines: "201–205, 332",
    levels: CONTAINER,
    over: officeOnly,
    body: {
      groups: { public: { type: "ip", range: "0.0.0.0/0" } },
      permissions: { public: { http: true } },
      default: "deny",
    },
    rows: [
      {
        who: office,
        on: "sibling",
        finds: { "terminal-1": "reached", [OWN_HTTP]: "reached", "files-1": 403 },
        why: "most containers",
      },
      { who: stranger, on: "sibling", finds: { "terminal-1": 403, [OWN_HTTP]: 403 } },
      { who: stranger, finds: { [OWN_HTTP]: "reached", "terminal-1": 403 } },
      {
        who: office,
        finds: { [OWN_HTTP]: "reached", "terminal-1": 403 },
        why: "the description asks whether the project's terminal is inherited and answers no",
      },
    ],
  },
  {
    name: "scenario 1: staging",
    lines: "254, 257",
    levels: PROJECT,
    body: staging,
    rows: [
      {
        who: office,
        finds: {
          "terminal-1": "reached",
          [OWN_HTTP]: "reached",
          "display-1": "reached",
          "files-1": 403,
        },
      },
      { who: stranger, finds: { "terminal-1": 403, [OWN_HTTP]: 403 } },
    ],
  },
  {
    name: "scenario 1: production in the staging project",
    lines: "255, 257–258",
    levels: CONTAINER,
    over: staging,
    body: production,
    rows: [
      {
        who: carrying("a customer", bearer(jwt("production-jwt-secret"))),
        finds: { [OWN_HTTP]: "reached", "terminal-1": 403 },
      },
      { who: office, finds: { [OWN_HTTP]: 401, "terminal-1": 401 }, why: "JWT required" },
      { who: stranger, finds: { [OWN_HTTP]: 401 } },
      {
        who: office,
        on: "sibling",
        finds: { "terminal-1": "reached" },
        why: "staging is the office's",
      },
      {
        who: carrying("a customer", bearer(jwt("production-jwt-secret"))),
        on: "sibling",
        finds: { [OWN_HTTP]: 403 },
      },
    ],
  },
  {
    // The title promises rate limiting; the document has no field for it, and the tiers differ in access alone.
    name: "scenario 3: API partners in two tiers",
    lines: "270–272",
    levels: CONTAINER,
    body: partnerTiers,
    rows: [
      {
        who: partner("a tier 1 partner", "partner-abc-tier1"),
        finds: {
          [OWN_HTTP]: "reached",
          "http-80": "passed",
          "files-1": "reached",
          "files-9": "reached",
          "terminal-1": 403,
        },
      },
      {
        who: partner("a tier 2 partner", "partner-def-tier2"),
        finds: {
          "http-80": "passed",
          "http-3000": "passed",
          "http-81": 403,
          [OWN_HTTP]: 403,
          "files-1": "reached",
          "files-2": 403,
        },
      },
      { who: partner("a tier 3 partner", "partner-ghi-tier3"), finds: { "http-80": 401 } },
      { who: stranger, finds: { "http-80": 401, "files-1": 401 } },
    ],
  },
  {
    name: "debugging: an explicit program, a default and the switch",
    lines: "289, 291, 295",
    levels: BOTH,
    body: { permissions: { yourgroup: { terminal: true } }, default: "deny", enable_proxy: true },
    added: { groups: { yourgroup: fromOffice } },
    rows: [
      { who: office, finds: { "terminal-1": "reached", "files-1": 403, [OWN_HTTP]: 403 } },
      { who: stranger, finds: { "terminal-1": 403 } },
    ],
  },
  {
    name: "start with default deny",
    lines: "298",
    levels: BOTH,
    body: { default: "deny" },
    rows: [
      {
        who: office,
        finds: { "terminal-1": 403, "exec-1": 403, [OWN_HTTP]: 403, ssh: 403 },
        why: "nobody is let in until somebody is",
      },
    ],
  },
  {
    name: "least privilege",
    lines: "301",
    levels: BOTH,
    body: {
      permissions: {
        api_users: { http: [80], terminal: false, files: false, display: false, exec: false },
      },
    },
    added: { groups: { api_users: fromOffice }, default: "deny" },
    rows: [
      {
        who: office,
        finds: {
          http: "passed",
          "http-80": "passed",
          "http-81": 403,
          [OWN_HTTP]: 403,
          "terminal-1": 403,
          "files-1": 403,
          "display-1": 403,
          "exec-1": 403,
          ssh: 403,
        },
      },
      { who: stranger, finds: { "http-80": 403 } },
    ],
  },
  {
    name: "layered security as the document is written",
    lines: "303",
    levels: BOTH,
    body: layers,
    added: forLayers,
    rows: [
      {
        who: office,
        finds: { "terminal-1": "reached" },
        why: "the description wants both, but “if any group matches, the user gets access”",
      },
      {
        who: carrying("a token from anywhere", layerToken),
        finds: { "terminal-1": "reached" },
        why: "the description wants both, but “if any group matches, the user gets access”",
      },
      { who: stranger, finds: { "terminal-1": 401 } },
    ],
  },
  {
    name: "layered security as it is meant",
    lines: "303",
    levels: BOTH,
    body: { ...layers, combine: "all" },
    added: forLayers,
    rows: [
      {
        who: carrying("a token in the office", layerToken, office.from),
        finds: { "terminal-1": "reached", "files-1": 403 },
      },
      { who: office, finds: { "terminal-1": 401 }, why: "users must satisfy both" },
      {
        who: carrying("a token from anywhere", layerToken),
        finds: { "terminal-1": 401 },
        why: "users must satisfy both",
      },
      { who: stranger, finds: { "terminal-1": 401 } },
    ],
  },
  {
    name: "two http ports and no other",
    lines: "336",
    levels: BOTH,
    body: { permissions: { team: { http: [80, 3000] } } },
    added: { groups: { team: fromOffice }, default: "deny" },
    rows: [
      {
        who: office,
        finds: {
          http: "passed",
          "http-80": "passed",
          "http-3000": "passed",
          "http-79": 403,
          "http-81": 403,
          "http-2999": 403,
          "http-3001": 403,
          [OWN_HTTP]: 403,
        },
      },
    ],
  },
];
