import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { CreateTokenRequestSchema, TokenService } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { type Answer, Api, loginAdmin } from "../harness/client.ts";
import { basic } from "../harness/credentials.ts";
import { GrpcClient } from "../harness/grpc-client.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const nobody = "0".repeat(24);
const key = "ab".repeat(32);
const year = new Date().getUTCFullYear();

let program: Program;
let admin: Api;

beforeAll(async () => {
  program = await startProgram();
  admin = await loginAdmin(program.urls);
});

afterAll(() => program[Symbol.asyncDispose]());

let aliases = 0;

/** A new token: what its creation answers. */
async function make(body: object = {}): Promise<Answer["body"]> {
  const alias = `token ${++aliases}`;
  return admin.data("POST", "/auth/tokens", { body: { alias, ...body } });
}

const caller = (authorization: string) => new Api(program.urls.rest, authorization);
const on = (realm: string) => ({ headers: { host: `${realm}.api.localhost` } });
const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
const mine = "/auth/tokens/me";

const permissions = {
  containers: expect.objectContaining({ read: true, actions: expect.anything() }),
  projects: {
    create: true,
    read: true,
    update: true,
    delete: true,
    members: { invite: true, remove: true, change_roles: true },
  },
  financial: expect.anything(),
  resources: expect.objectContaining({ create_tokens: false, realms: true }),
  admin: { users: false, servers: false, system: false, billing: false, monitoring: false },
};

describe("a token over REST", () => {
  test("is made, shown, listed, changed, copied and ended", async () => {
    const body = { alias: "deploy", expires_at: `${year + 1}-07-12T00:00:00Z` };
    const made = await admin.call("POST", "/auth/tokens", { body });
    expect(made.status).toBe(201);
    const { token, ...shown } = made.body.data;
    expect(made.body).toEqual({
      statusCode: 201,
      message: "Auth token created successfully",
      data: { ...shown, token: expect.stringMatching(/^hdy_[\w-]{43}$/) },
    });
    expect(shown).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      alias: "deploy",
      prefix: "hdy_",
      public_key: null,
      public_storage: null,
      ip_whitelist: ["*"],
      permissions,
      realm_ids: [],
      allow_no_realm: true,
      vault_access: false,
      event_access: true,
      expires_at: `${year + 1}-07-12T00:00:00.000Z`,
      is_enabled: true,
      created_by_token_id: null,
      delegation_depth: 0,
      last_used_at: null,
      last_used_ip: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: shown.created_at,
    });

    const path = `/auth/tokens/${shown.id}`;
    expect(await admin.data("GET", path)).toEqual(shown);
    const list = await admin.call("GET", "/auth/tokens");
    expect(list.body).toEqual({
      statusCode: 200,
      message: "Auth tokens retrieved successfully",
      data: expect.arrayContaining([shown]),
      truncated: false,
    });

    for (const [method, alias] of [
      ["PUT", "put"],
      ["PATCH", "patched"],
    ] as const) {
      const changed = await admin.data(method, path, { body: { alias } });
      expect(changed).toEqual({ ...shown, alias, updated_at: changed.updated_at });
    }
    const cleared = await admin.data("PATCH", path, { body: { expires_at: null } });
    expect(cleared.expires_at).toBeNull();

    const copy = await admin.call("POST", `${path}/copy`, { body: {} });
    expect(copy.status).toBe(201);
    expect(copy.body.data).toMatchObject({ alias: "patched copy", permissions });
    expect(copy.body.data.token).not.toBe(token);

    const calling = caller(`Bearer ${token}`);
    expect((await calling.call("GET", mine)).status).toBe(200);
    const ended = await admin.call("DELETE", path);
    expect(ended.body).toEqual({
      statusCode: 200,
      message: "Auth token deleted successfully",
      data: null,
    });
    expect((await calling.call("GET", mine)).body).toMatchObject({
      statusCode: 401,
      error: "Unauthorized",
      code: "INVALID_TOKEN",
    });
    expect((await admin.call("GET", path)).body.code).toBe("TOKEN_NOT_FOUND");
  });

  test("calls as Bearer, alone, or in either half of Basic", async () => {
    const { token } = await make();
    const forms = [`Bearer ${token}`, token, basic(`admin:${token}`), basic(`${token}:x`)];
    for (const form of forms) {
      expect((await caller(form).call("GET", "/projects")).status).toBe(200);
    }
    const password = basic(`admin:${adminPassword}`);
    expect((await caller(password).call("GET", "/auth/tokens")).status).toBe(200);
    const other = caller(basic(`nobody:${token}`));
    expect((await other.call("GET", "/projects")).status).toBe(401);
  });

  test("is what /users/auth/me tells of it, too", async () => {
    const { token, id } = await make({ permission_template: "full_access" });
    const { auth_token } = await caller(token).data("GET", "/users/auth/me");
    expect(auth_token.token).toMatchObject({ id });
    expect(auth_token).toEqual(await caller(token).data("GET", mine));
  });

  test("has templates to be made from", async () => {
    const templates = await admin.data("GET", "/auth/tokens/templates");
    expect(templates).toHaveLength(5);
    expect(templates[1]).toEqual({
      name: "external_customer",
      description: expect.any(String),
      permissions: expect.objectContaining({
        projects: expect.objectContaining({ read: true, create: false }),
      }),
    });
  });

  test("does what its leaves say and no more", async () => {
    const { token } = await make({ permission_template: "read_only" });
    expect((await caller(token).call("GET", "/projects")).status).toBe(200);
    const refused = await caller(token).call("POST", "/projects", { body: { alias: "p" } });
    expect(refused.body).toEqual({
      statusCode: 403,
      error: "Forbidden",
      message: "Insufficient permissions: this needs the token permission projects.create",
      code: "INSUFFICIENT_PERMISSIONS",
      data: { needs: "the token permission projects.create", permissions: "projects.create" },
    });
  });

  test("is used from its addresses only, and from nowhere while it is suspended", async () => {
    const { id, token } = await make({ ip_whitelist: "203.0.113.44" });
    expect((await caller(token).call("GET", mine, from("203.0.113.44"))).status).toBe(200);
    const elsewhere = await caller(token).call("GET", mine, from("203.0.113.45"));
    expect(elsewhere.body).toMatchObject({ statusCode: 403, code: "IP_NOT_ALLOWED" });
    const used = await admin.data("GET", `/auth/tokens/${id}`);
    expect(used).toMatchObject({ last_used_ip: "203.0.113.44", last_used_at: expect.any(String) });
    await admin.data("PATCH", `/auth/tokens/${id}`, { body: { is_enabled: false } });
    const suspended = await caller(token).call("GET", mine, from("203.0.113.44"));
    expect(suspended.body).toMatchObject({ statusCode: 401, code: "TOKEN_DISABLED" });
  });

  test("shows a profile to whoever knows its key", async () => {
    const { token } = await make();
    const body = { public_key: key.toUpperCase(), public_storage: { company: "Acme" } };
    for (const method of ["PUT", "PATCH"]) {
      const changed = await caller(token).data(method, `${mine}/public-profile`, { body });
      expect(changed).toMatchObject({ public_key: key, public_storage: body.public_storage });
    }
    const path = `/auth/tokens/public-profiles/${key}`;
    expect(await admin.data("GET", path)).toEqual({
      public_key: key,
      public_storage: body.public_storage,
    });
    const nothing = { body: { public_key: null } };
    const cleared = await caller(token).data("PUT", `${mine}/public-profile`, nothing);
    expect(cleared).toMatchObject({ public_key: null, public_storage: null });
    expect((await admin.call("GET", path)).status).toBe(404);
    expect((await caller("").call("GET", path)).status).toBe(401);
  });

  test("is not a session where only one may call, nor the other way round", async () => {
    const refused = await admin.call("GET", mine);
    expect(refused.body).toMatchObject({
      statusCode: 403,
      message: "This endpoint requires auth token authentication",
    });
  });
});

describe("a confined token over REST", () => {
  test("finds its realm on the base host, and does nothing else there", async () => {
    const body = { realm_ids: [A], allow_no_realm: false };
    const { token } = await make(body);
    const { restrictions } = await caller(token).data("GET", mine);
    expect(restrictions).toEqual({
      has_realm_restrictions: true,
      requires_realm_scope: true,
      allowed_realm_ids: [A],
      allow_no_realm: false,
      active_realm_id: null,
      max_delegation_depth: 2,
    });
    const unscoped = await caller(token).call("GET", "/projects");
    expect(unscoped.status).toBe(403);
    expect(unscoped.body.message).toContain("requires a realm-scoped URL");
    const elsewhere = await caller(token).call("GET", "/projects", on(B));
    expect(elsewhere.status).toBe(403);
    expect(elsewhere.body.message).toContain("not valid for realm");
    const scoped = await caller(token).call("GET", "/projects", on(A));
    expect(scoped.status).toBe(200);
    const current = await caller(token).data("GET", mine, on(A));
    expect(current.restrictions.active_realm_id).toBe(A);
  });

  test("is let into realms and out of them", async () => {
    const { id } = await make({ realm_ids: [A] });
    const change = async (verb: string, realm_id: string) =>
      (await admin.data("POST", `/auth/tokens/${id}/${verb}-realm`, { body: { realm_id } }))
        .realm_ids;
    expect(await change("add", B)).toEqual([A, B]);
    expect(await change("remove", A)).toEqual([B]);
    expect(await change("remove", B)).toEqual([]);
  });

  test("makes children that are no more than itself", async () => {
    const parent = await make({ permission_template: "full_access", realm_ids: [A] });
    const path = "/auth/tokens";
    const body = { alias: "child", permission_template: "full_access" };
    const child = await caller(parent.token).data("POST", path, { ...on(A), body });
    expect(child).toMatchObject({
      realm_ids: [A],
      created_by_token_id: parent.id,
      delegation_depth: 1,
    });
    const wider = { ...on(A), body: { realm_ids: [B] } };
    const refused = await caller(parent.token).call("POST", path, wider);
    expect(refused.body).toMatchObject({ statusCode: 403, code: "DELEGATION_EXCEEDED" });
    const last = { ...on(A), body: { realm_id: A } };
    const remove = `${path}/${child.id}/remove-realm`;
    expect((await caller(parent.token).call("POST", remove, last)).body).toMatchObject({
      statusCode: 400,
      code: "LAST_REALM",
    });
    await admin.data("DELETE", `${path}/${parent.id}`);
    expect((await caller(child.token).call("GET", mine)).body.code).toBe("INVALID_TOKEN");
  });
});

describe("a request is refused", () => {
  test.each([
    [{ alias: "a/b" }, 400, "INVALID_ALIAS_FORMAT", "Bad Request"],
    [{ alias: "taken" }, 400, "DUPLICATE_ALIAS", "DUPLICATE_ALIAS"],
    [{ ip_whitelist: ["::1%eth0"] }, 400, "INVALID_IP_FORMAT", "Bad Request"],
    [
      { ip_whitelist: "1.1.1.1,".repeat(9000) },
      400,
      "IP_WHITELIST_TOO_LARGE",
      "IP_WHITELIST_TOO_LARGE",
    ],
    [{ realm_ids: ["A".repeat(24)] }, 400, "INVALID_REALM_ID_FORMAT", "Bad Request"],
    [{ expires_at: "soon" }, 400, "INVALID_EXPIRATION_FORMAT", "Bad Request"],
    [{ expires_at: 1 }, 400, "EXPIRATION_IN_PAST", "Bad Request"],
    [{ public_key: "x" }, 400, "INVALID_PUBLIC_KEY_FORMAT", "Bad Request"],
    [{ public_storage: {} }, 400, "VALIDATION_ERROR", "Bad Request"],
    [
      { public_key: key, public_storage: { a: "x".repeat(66_000) } },
      400,
      "PUBLIC_STORAGE_TOO_LARGE",
      "Bad Request",
    ],
    [{ permission_template: "root" }, 422, "VALIDATION_ERROR", "Validation Error"],
    [{ permissions: { containers: { fly: true } } }, 422, "VALIDATION_ERROR", "Validation Error"],
    [{ permissions: { containers: { read: "yes" } } }, 422, "VALIDATION_ERROR", "Validation Error"],
    [{ realm_id: A }, 422, "VALIDATION_ERROR", "Validation Error"],
    [{ token: "hdy_mine" }, 422, "VALIDATION_ERROR", "Validation Error"],
  ])("with its code: %#", async (body, statusCode, code, error) => {
    await admin.call("POST", "/auth/tokens", { body: { alias: "taken" } });
    const alias = `refused ${++aliases}`;
    const refused = await admin.call("POST", "/auth/tokens", { body: { alias, ...body } });
    expect(refused.body).toMatchObject({ statusCode, code, error });
    expect(refused.status).toBe(statusCode);
    expect(refused.body.data?.length ?? 0).toBe(code === "DUPLICATE_ALIAS" ? 0 : 1);
  });

  test.each([
    ["GET", `/auth/tokens/${nobody}`, 404, "TOKEN_NOT_FOUND"],
    ["PUT", `/auth/tokens/${nobody}`, 404, "TOKEN_NOT_FOUND"],
    ["DELETE", `/auth/tokens/${nobody}`, 404, "TOKEN_NOT_FOUND"],
    ["POST", `/auth/tokens/${nobody}/copy`, 404, "TOKEN_NOT_FOUND"],
    ["GET", "/auth/tokens/x", 400, "INVALID_ID_FORMAT"],
    ["GET", `/auth/tokens/public-profiles/${key.slice(2)}`, 400, "INVALID_PUBLIC_KEY_FORMAT"],
    ["PUT", "/auth/tokens/me/public-profile", 403, "TOKEN_REQUIRED"],
  ])("%s %s: %d %s", async (method, path, status, code) => {
    const body = method === "GET" || method === "DELETE" ? {} : { body: {} };
    const refused = await admin.call(method, path, body);
    expect(refused.body).toMatchObject({ statusCode: status, code });
  });
});

test("over gRPC it is the same, with the realm in the metadata", async () => {
  using grpc = new GrpcClient(Number(new URL(program.urls.grpc).port));
  const authorization = basic(`admin:${adminPassword}`);
  const request = create(CreateTokenRequestSchema, { alias: "by gRPC" });
  const metadata = { authorization, "x-realm-id": A };
  const made = await grpc.call(TokenService.method.createToken, request, metadata);
  if (!made.ok) throw new Error(made.code);
  const { token = "", realmIds } = made.message;
  expect(realmIds).toEqual([A]);
  expect((await caller(token).data("GET", mine)).token.alias).toBe("by gRPC");
  const again = await grpc.call(TokenService.method.createToken, request, metadata);
  expect(again).toMatchObject({ ok: false, code: "DUPLICATE_ALIAS" });
});

test("no file and no log line has a secret", async () => {
  const { token } = await make();
  await caller(token).call("GET", mine);
  await caller(`Bearer ${token}`).call("GET", "/no/such/route");
  const files = readdirSync(program.dataDir).map((name) =>
    readFileSync(join(program.dataDir, name)),
  );
  const plain = token.slice("hdy_".length);
  expect(files.some((file) => file.includes(plain))).toBeFalse();
  expect(program.log()).not.toContain(plain);
});
