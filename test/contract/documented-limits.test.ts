// What the contract gives a greatest length is taken at that length, and refused one past it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ControlPlane } from "../harness/control-plane.ts";

const a = (length: number) => "a".repeat(length);
const realm = (n: number) => n.toString(16).padStart(24, "0");
const address = (n: number) => `10.0.${n >> 8}.${n & 255}`;
const list = <T>(length: number, make: (n: number) => T) =>
  Array.from({ length }, (_, n) => make(n));

let plane: ControlPlane;
let owner: string;
let ownerId: string;
let project: string;
let container: string;

beforeAll(async () => {
  plane = new ControlPlane();
  await plane.store.createFirstUser({ username: "owner", passwordHash: "-" });
  await plane.store.registerServer("local");
  owner = await plane.session("owner");
  const post = async (path: string, body: unknown) =>
    (await plane.data(owner, { method: "POST", path, realm: null, body })).id;
  ownerId = (await plane.data(owner, { method: "GET", path: "/users/me", realm: null })).id;
  project = await post("/projects", { alias: "p" });
  container = await post(`/projects/${project}/containers`, { name: "box" });
});

afterAll(() => plane[Symbol.asyncDispose]());

interface Limit {
  readonly what: string;
  readonly max: number;
  readonly method: string;
  readonly path: () => string;
  /** A body in which the field has this length. */
  readonly body: (length: number) => unknown;
  /** The status one past it. */
  readonly past: number;
}

const token = (what: string, max: number, past: number, body: Limit["body"]): Limit => ({
  ...{ what: `${what} of a token`, max, past, body },
  method: "POST",
  path: () => "/auth/tokens",
});
const ofDocument = (
  what: string,
  max: number,
  past: number,
  group: (n: number) => object,
): Limit => ({
  ...{ what: `${what} in a document`, max, past },
  method: "PUT",
  path: () => `/projects/${project}/proxy/permissions`,
  body: (length) => ({ groups: { g: group(length) }, permissions: {} }),
});
const hook = (what: string, max: number, body: Limit["body"]): Limit => ({
  ...{ what: `${what} of a hook`, max, past: 422, body },
  method: "POST",
  path: () => `/containers/${container}/proxy/hooks/terminal`,
});
const alias = (what: string, max: number, past: number, body: Limit["body"]): Limit => ({
  ...{ what: `${what} of an alias`, max, past },
  method: "POST",
  path: () => "/proxy/aliases",
  body: (length) => ({ container_id: container, program: "http", ...(body(length) as object) }),
});
const jwt = { type: "jwt", secret: "s", sources: ["header:X"] };
const storage = (bytes: number) => ({ k: a(bytes - '{"k":""}'.length) });
const publicKey = "ab".repeat(32);

const limits: readonly Limit[] = [
  {
    what: "alias of a project",
    max: 100,
    method: "POST",
    path: () => "/projects",
    body: (n) => ({ alias: a(n) }),
    past: 400,
  },
  {
    what: "name of a container",
    max: 100,
    method: "POST",
    path: () => `/projects/${project}/containers`,
    body: (n) => ({ name: a(n) }),
    past: 400,
  },
  {
    what: "comment of a container",
    max: 16_000,
    method: "PATCH",
    path: () => `/containers/${container}`,
    body: (n) => ({ comment: "ü".repeat(n) }),
    past: 422,
  },
  {
    what: "alias of a user",
    max: 100,
    method: "PUT",
    path: () => `/users/${ownerId}`,
    body: (n) => ({ alias: "☃".repeat(n) }),
    past: 422,
  },
  token("alias", 254, 400, (n) => ({ alias: a(n) })),
  token("realm_ids", 500, 400, (n) => ({ realm_ids: list(n, realm) })),
  token("ip_whitelist", 1000, 400, (n) => ({ ip_whitelist: list(n, address) })),
  token("ip_whitelist as text", 65_536, 400, (n) => ({ ip_whitelist: "10.0.0.1".padEnd(n) })),
  token("public_storage", 65_536, 400, (n) => ({
    public_key: publicKey,
    public_storage: storage(n),
  })),
  token("otp_code", 12, 422, (n) => ({ otp_code: a(n) })),
  ofDocument("a jwt secret", 8192, 400, (n) => ({ ...jwt, secret: a(n) })),
  ofDocument("a jwt source", 64, 400, (n) => ({ ...jwt, sources: [`cookie:${a(n)}`] })),
  {
    what: "the name of a group",
    max: 50,
    method: "PUT",
    path: () => `/projects/${project}/proxy/permissions`,
    body: (n) => ({ groups: { [a(n)]: jwt }, permissions: { [a(n)]: { http: true } } }),
    past: 400,
  },
  {
    what: "the name of a program",
    max: 50,
    method: "PUT",
    path: () => `/projects/${project}/proxy/permissions`,
    body: (n) => ({ groups: { g: jwt }, permissions: { g: { [a(n)]: true } } }),
    past: 400,
  },
  {
    what: "instances in a list",
    max: 256,
    method: "PUT",
    path: () => `/projects/${project}/proxy/permissions`,
    body: (n) => ({ groups: { g: jwt }, permissions: { g: { http: list(n, (i) => i + 1) } } }),
    past: 400,
  },
  {
    what: "programs of a group",
    max: 64,
    method: "PUT",
    path: () => `/projects/${project}/proxy/permissions`,
    body: (n) => ({
      groups: { g: jwt },
      permissions: { g: Object.fromEntries(list(n, (i) => [`p${i}`, true])) },
    }),
    past: 400,
  },
  {
    what: "groups of a document",
    max: 1000,
    method: "PUT",
    path: () => `/projects/${project}/proxy/permissions`,
    body: (n) => ({
      groups: Object.fromEntries(list(n, (i) => [`g${i}`, { type: "ip", range: "10.0.0.0/8" }])),
      permissions: {},
    }),
    past: 422,
  },
  hook("match.path", 257, (n) => ({ match: { path: `/${a(n - 1)}` }, script: { path: "/a" } })),
  hook("script.path", 257, (n) => ({ match: {}, script: { path: `/${a(n - 1)}` } })),
  hook("script.subdomain", 63, (n) => ({ match: {}, script: { path: "/a", subdomain: a(n) } })),
  hook("script.execId", 64, (n) => ({ match: {}, script: { path: "/a", execId: a(n) } })),
  hook("timeout", 30_000, (n) => ({ match: {}, script: { path: "/a" }, timeout: n })),
  alias("name", 61, 400, (n) => ({ alias: a(n) })),
  alias("target_path", 2048, 422, (n) => ({ target_path: `/${a(n - 1)}` })),
  alias("port", 65_535, 422, (n) => ({ port: n })),
];

async function send({ method, path, body }: Limit, length: number): Promise<number> {
  const at = path();
  const document = /^(.*\/proxy\/)(permissions|hooks)/.exec(at);
  const etag =
    document === null ? {} : { ifMatch: (await read(`${document[1]}permissions`)).etag as string };
  const seen = await plane.call(owner, {
    method,
    path: at,
    realm: null,
    body: body(length),
    ...etag,
  });
  return seen.status;
}

function read(path: string): ReturnType<ControlPlane["data"]> {
  return plane.data(owner, { method: "GET", path, realm: null });
}

describe("a limit of the contract", () => {
  test.each(limits.map((limit) => [`${limit.what}: ${limit.max}`, limit] as const))(
    "%s",
    async (_, limit) => {
      expect(await send(limit, limit.max + 1)).toBe(limit.past);
      expect(await send(limit, limit.max)).toBeOneOf([200, 201]);
    },
  );
});
