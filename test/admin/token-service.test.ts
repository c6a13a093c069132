import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { TokenService } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { allPermissions } from "../../src/admin/auth/permissions.ts";
import { type From, TokenBench } from "../harness/token-bench.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const C = "c".repeat(24);
const nobody = "0".repeat(24);
const {
  listTokens,
  createToken,
  copyToken,
  listTemplates,
  getCurrentToken,
  getToken,
  updateToken,
  deleteToken,
  addTokenRealm,
  removeTokenRealm,
} = TokenService.method;

let bench: TokenBench;

beforeEach(async () => {
  bench = new TokenBench();
  await bench.addUser("admin");
  await bench.addUser("ada");
  await bench.addUser("bob");
});

afterEach(() => bench[Symbol.asyncDispose]());

const make = (json: JsonObject = {}, from?: From) => bench.create("ada", json, from);

/** The leaves that are true in a tree. */
function pathsIn(tree: JsonObject, prefix = ""): string[] {
  return Object.entries(tree).flatMap(([name, value]) => {
    if (typeof value === "object") return pathsIn(value as JsonObject, `${prefix}${name}.`);
    return value === true ? [`${prefix}${name}`] : [];
  });
}

describe("a new token", () => {
  test("has what nobody says anything about, and its secret this once", async () => {
    const made = await make();
    const shown = {
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      alias: expect.stringMatching(/^[a-z]+-[0-9a-f]{8}$/),
      prefix: "hdy_",
      ip_whitelist: ["*"],
      permissions: expect.anything(),
      allow_no_realm: true,
      event_access: true,
      is_enabled: true,
      created_at: "2026-01-01T12:00:00.000Z",
      updated_at: "2026-01-01T12:00:00.000Z",
    };
    const token = expect.stringMatching(/^hdy_[A-Za-z0-9_-]{43}$/);
    expect(made).toEqual({ ...shown, token });
    expect(await bench.data("ada", getToken, { id: made.id })).toEqual(shown);
    expect(await bench.data("ada", listTokens)).toEqual({ tokens: [shown] });
  });

  test("may do everything but make tokens and what is for operators", async () => {
    const { permissions } = await make();
    const without = [...allPermissions].filter(
      (leaf) => leaf !== "resources.create_tokens" && !leaf.startsWith("admin."),
    );
    expect(pathsIn(permissions).sort()).toEqual(without.sort());
  });

  test.each([
    ["full_access", true, true],
    ["external_customer", false, false],
    ["dev_team", false, true],
  ])("with template %s", async (permission_template, tokens, create) => {
    const { permissions } = await make({ permission_template, permissions: {} });
    const leaves = pathsIn(permissions);
    expect(leaves.includes("resources.create_tokens")).toBe(tokens);
    expect(leaves.includes("projects.create")).toBe(create);
    expect(leaves.includes("containers.read")).toBeTrue();
  });

  test("takes permissions literally: what is missing is false", async () => {
    const some = await make({ permissions: { containers: { read: true, create: false } } });
    expect(pathsIn(some.permissions)).toEqual(["containers.read"]);
    const none = await make({ permissions: {} });
    expect(pathsIn(none.permissions)).toEqual([]);
  });

  test("belongs to the realm of the host beside those it names", async () => {
    const named = await make({ realm_ids: [B, A, B] }, { realm: C });
    expect(named.realm_ids).toEqual([A, B, C]);
    expect((await make({}, { realm: C })).realm_ids).toEqual([C]);
  });

  test.each([
    ["INVALID_ALIAS_FORMAT", "/alias", { alias: "a/b" }],
    ["INVALID_ALIAS_FORMAT", "/alias", { alias: "" }],
    ["INVALID_ALIAS_FORMAT", "/alias", { alias: "x".repeat(255) }],
    ["INVALID_PUBLIC_KEY_FORMAT", "/public_key", { public_key: "abc" }],
    ["INVALID_IP_FORMAT", "/ip_whitelist", { ip_whitelist: "10.0.0.0/33" }],
    ["IP_WHITELIST_TOO_LARGE", "/ip_whitelist", { ip_whitelist: "1.1.1.1,".repeat(1001) }],
    ["VALIDATION_ERROR", "/permission_template", { permission_template: "root" }],
    ["INVALID_REALM_ID_FORMAT", "/realm_ids", { realm_ids: ["staging"] }],
    ["INVALID_REALM_ID_FORMAT", "/realm_ids", { realm_ids: Array(501).fill(A) }],
    ["INVALID_EXPIRATION_FORMAT", "/expires_at", { expires_at: "soon" }],
    ["EXPIRATION_IN_PAST", "/expires_at", { expires_at: "2026-01-01T12:00:00Z" }],
    ["VALIDATION_ERROR", "/otp_code", { otp_code: "1".repeat(13) }],
  ])("is refused: %s, at %s", async (code, at, json: JsonObject) => {
    expect(await bench.call("ada", createToken, json)).toEqual({ code, data: null, at: [at] });
    expect((await bench.data("ada", listTokens)).tokens).toBeUndefined();
  });

  test("names at most 500 realms, the host's included", async () => {
    const realm_ids = Array.from({ length: 500 }, (_, i) => i.toString(16).padStart(24, "0"));
    expect((await make({ realm_ids })).realm_ids).toHaveLength(500);
    const { code } = await bench.call("ada", createToken, { realm_ids }, { realm: A });
    expect(code).toBe("INVALID_REALM_ID_FORMAT");
  });

  test("has an alias that no other token of the user has", async () => {
    const { id } = await make({ alias: "deploy" });
    const { code } = await bench.call("ada", createToken, { alias: "deploy" }, { realm: A });
    expect(code).toBe("DUPLICATE_ALIAS");
    await bench.create("bob", { alias: "deploy" });
    await bench.data("ada", deleteToken, { id });
    await make({ alias: "deploy" });
  });

  test("does not ask again for credentials when it says so", async () => {
    const token = await make({
      deny_reauthorization: true,
      permission_template: "full_access",
      // A template wins over this.
      permissions: { resources: { create_tokens: true } },
      expires_at: "tomorrow",
    });
    const leaves = pathsIn(token.permissions);
    expect(leaves).not.toContain("resources.create_tokens");
    expect(leaves).not.toContain("resources.vault");
    expect(leaves).toContain("resources.events");
    expect(token.vault_access).toBeUndefined();
  });

  test("is refused when it also says the contrary, and everything that is is named", async () => {
    const resources = { create_tokens: true, vault: true, events: true };
    const json = { deny_reauthorization: true, vault_access: true, permissions: { resources } };
    const { code, at } = await bench.call("ada", createToken, json);
    expect(code).toBe("VALIDATION_ERROR");
    expect(at.toSorted()).toEqual([
      "/expires_at",
      "/permissions/resources/create_tokens",
      "/permissions/resources/vault",
      "/vault_access",
    ]);
  });

  test("has leaves for operators only from an operator", async () => {
    const permissions = { admin: { servers: true }, containers: { read: true } };
    const refused = await bench.call("ada", createToken, { permissions });
    expect(refused.code).toBe("INSUFFICIENT_PERMISSIONS");
    expect(refused.at).toEqual(["/permissions/admin/servers"]);
    const { token, ...made } = await bench.create("admin", { permissions });
    expect(pathsIn(made.permissions).sort()).toEqual(["admin.servers", "containers.read"]);
    const { code } = await bench.call(token, createToken);
    expect(code).toBe("INSUFFICIENT_PERMISSIONS");
  });

  test("is one of 1,000 that have not expired", async () => {
    const { id } = await make({ expires_at: "tomorrow" });
    await bench.fill("ada", 999);
    expect((await bench.call("ada", createToken)).code).toBe("AUTH_TOKEN_LIMIT_REACHED");
    expect((await bench.call("ada", copyToken, { id })).code).toBe("AUTH_TOKEN_LIMIT_REACHED");
    await bench.create("bob");
    bench.days(1);
    await make();
    const revived = await bench.call("ada", updateToken, { id, expires_at: null });
    expect(revived.code).toBe("AUTH_TOKEN_LIMIT_REACHED");
  });
});

describe("the documented examples", () => {
  test("a token for a pipeline that is confined to staging", async () => {
    const staging = "60d5f1f3a3b4f9c3e8a1b2c3";
    const token = await make({
      alias: "ci-staging-deploy",
      expires_at: "2026-07-12T00:00:00Z",
      realm_ids: [staging],
      allow_no_realm: false,
    });
    expect(token).toMatchObject({
      alias: "ci-staging-deploy",
      expires_at: "2026-07-12T00:00:00.000Z",
      realm_ids: [staging],
    });
    expect((await bench.call(token.token, getCurrentToken)).code).toBe("ok");
    expect((await bench.call(token.token, listTemplates)).code).toBe("REALM_SCOPE_REQUIRED");
    const elsewhere = await bench.call(token.token, listTemplates, {}, { realm: A });
    expect(elsewhere.code).toBe("REALM_NOT_ALLOWED");
    expect((await bench.call(token.token, listTemplates, {}, { realm: staging })).code).toBe("ok");
  });

  test("a freelancer's, for a while and from one address", async () => {
    const realm = "507f1f77bcf86cd799439011";
    const { token, ...shown } = await make({
      alias: "freelancer-debug",
      expires_at: "2026-04-20T00:00:00Z",
      ip_whitelist: "203.0.113.44",
      realm_ids: [realm],
      allow_no_realm: false,
    });
    expect(shown.ip_whitelist).toEqual(["203.0.113.44"]);
    const from = (address: string) => bench.call(token, listTemplates, {}, { realm, address });
    expect((await from("203.0.113.44")).code).toBe("ok");
    expect((await from("203.0.113.45")).code).toBe("IP_NOT_ALLOWED");
    expect((await from("::ffff:203.0.113.44")).code).toBe("ok");
    expect((await from("2001:db8::1")).code).toBe("IP_NOT_ALLOWED");
    bench.now = Date.parse("2026-04-19T23:59:59.999Z");
    expect((await from("203.0.113.44")).code).toBe("ok");
    bench.now++;
    expect((await from("203.0.113.44")).code).toBe("TOKEN_EXPIRED");
  });

  test("a customer's, with a profile", async () => {
    const realm = "507f1f77bcf86cd799439011";
    const token = await make({
      alias: "Customer: Acme Corp",
      permission_template: "external_customer",
      realm_ids: [realm],
      allow_no_realm: false,
      ip_whitelist: ["203.0.113.0/24"],
      expires_at: "2026-12-31T00:00:00Z",
    });
    const leaves = pathsIn(token.permissions);
    expect(leaves).not.toContain("projects.create");
    expect(leaves).not.toContain("containers.features.ai");
    expect(leaves.some((leaf) => leaf.startsWith("financial."))).toBeFalse();
    expect(leaves).toContain("containers.create");
  });

  test("access vanishes with the token, or while it is suspended", async () => {
    const { id, token } = await make();
    await bench.data("ada", updateToken, { id, is_enabled: false });
    expect((await bench.call(token, listTemplates)).code).toBe("TOKEN_DISABLED");
    await bench.data("ada", updateToken, { id, is_enabled: true });
    expect((await bench.call(token, listTemplates)).code).toBe("ok");
    await bench.data("ada", deleteToken, { id });
    expect((await bench.call(token, listTemplates)).code).toBe("INVALID_TOKEN");
  });
});

describe("templates", () => {
  test("are whole trees that every token may read", async () => {
    const { token } = await make({ permissions: {} });
    const { templates } = await bench.data(token, listTemplates);
    expect(templates.map(({ name }: { name: string }) => name)).toEqual([
      "full_access",
      "external_customer",
      "dev_team",
      "finance_team",
      "read_only",
    ]);
    for (const { name, description, permissions } of templates) {
      expect(description).not.toBe("");
      const { id } = await make({ permission_template: name });
      const made = await bench.data("ada", getToken, { id });
      expect(pathsIn(made.permissions)).toEqual(pathsIn(permissions));
    }
  });
});

describe("the calling token", () => {
  test.each([
    ["an ordinary one", {}, undefined, { allow_no_realm: true }],
    ["the same on a realm host", {}, A, { allow_no_realm: true, active_realm_id: A }],
    [
      "one of two realms",
      { realm_ids: [A, B] },
      undefined,
      {
        has_realm_restrictions: true,
        requires_realm_scope: true,
        allowed_realm_ids: [A, B],
        allow_no_realm: true,
      },
    ],
    [
      "one of any realm",
      { allow_no_realm: false },
      undefined,
      { has_realm_restrictions: true, requires_realm_scope: true },
    ],
    [
      "one on the host of its realm",
      { realm_ids: [A], allow_no_realm: false },
      A,
      {
        has_realm_restrictions: true,
        requires_realm_scope: true,
        allowed_realm_ids: [A],
        active_realm_id: A,
      },
    ],
  ])("learns where it may be used: %s", async (_what, json, realm, restrictions) => {
    const { token, ...shown } = await make(json);
    const current = await bench.data(token, getCurrentToken, {}, { realm });
    expect(current.restrictions).toEqual({ ...restrictions, max_delegation_depth: 2 });
    const use = { last_used_at: "2026-01-01T12:00:00.000Z", last_used_ip: "192.0.2.1" };
    expect(current.token).toEqual({ ...shown, ...use });
  });

  test("learns nothing on the host of another realm", async () => {
    const { token } = await make({ realm_ids: [A] });
    const { code } = await bench.call(token, getCurrentToken, {}, { realm: B });
    expect(code).toBe("REALM_NOT_ALLOWED");
  });

  test("is not a session", async () => {
    expect((await bench.call("ada", getCurrentToken)).code).toBe("TOKEN_REQUIRED");
  });

  test("is noted as used, once a minute", async () => {
    const { id, token } = await make();
    const use = async (address: string) => {
      await bench.data(token, listTemplates, {}, { address });
      const { last_used_at, last_used_ip } = await bench.data("ada", getToken, { id });
      return [last_used_at, last_used_ip];
    };
    expect(await use("203.0.113.1")).toEqual(["2026-01-01T12:00:00.000Z", "203.0.113.1"]);
    bench.now += 59_999;
    expect(await use("203.0.113.2")).toEqual(["2026-01-01T12:00:00.000Z", "203.0.113.1"]);
    bench.now++;
    expect(await use("203.0.113.2")).toEqual(["2026-01-01T12:01:00.000Z", "203.0.113.2"]);
    const { updated_at } = await bench.data("ada", getToken, { id });
    expect(updated_at).toBe("2026-01-01T12:00:00.000Z");
  });
});

describe("a change", () => {
  test("is of what is sent, and of nothing else", async () => {
    const { token: _, ...made } = await make({ realm_ids: [A], expires_at: "tomorrow" });
    bench.now += 1000;
    const { id } = made;
    const changed = await bench.data("ada", updateToken, { id, alias: "new name" });
    const updated_at = "2026-01-01T12:00:01.000Z";
    expect(changed).toEqual({ ...made, alias: "new name", updated_at });
    expect(await bench.data("ada", updateToken, { id })).toEqual(changed);
  });

  test("of everything", async () => {
    const { id } = await make();
    const fields = {
      alias: "x",
      public_key: "ab".repeat(32),
      public_storage: { tier: "gold" },
      ip_whitelist: ["10.0.0.0/8"],
      permissions: { containers: { read: true } },
      realm_ids: [A],
      allow_no_realm: false,
      vault_access: true,
      event_access: false,
      expires_at: 1_800_000_000,
      is_enabled: false,
      otp_code: "123456",
    };
    await bench.data("ada", updateToken, { id, ...fields });
    const token = await bench.data("ada", getToken, { id });
    expect(token).toMatchObject({
      alias: "x",
      public_key: "ab".repeat(32),
      public_storage: { tier: "gold" },
      ip_whitelist: ["10.0.0.0/8"],
      realm_ids: [A],
      vault_access: true,
      expires_at: "2027-01-15T08:00:00.000Z",
    });
    expect(token.allow_no_realm ?? token.event_access ?? token.is_enabled).toBeUndefined();
    expect(pathsIn(token.permissions)).toEqual(["containers.read"]);
  });

  test("null takes the end away, an empty list the realms", async () => {
    const { id } = await make({ realm_ids: [A], expires_at: "tomorrow" });
    const changed = await bench.data("ada", updateToken, { id, expires_at: null, realm_ids: [] });
    expect(changed.expires_at).toBeUndefined();
    expect(changed.realm_ids).toBeUndefined();
  });

  test("on a realm host keeps the token in that realm", async () => {
    const { id } = await make({ realm_ids: [A, B] });
    const json = { id, realm_ids: [C] };
    const changed = await bench.data("ada", updateToken, json, { realm: A });
    expect(changed.realm_ids).toEqual([A, C]);
  });

  test.each([
    ["DUPLICATE_ALIAS", { alias: "b" }],
    ["EXPIRATION_IN_PAST", { expires_at: "2020-01-01" }],
    ["INVALID_EXPIRATION_FORMAT", { expires_at: "soon" }],
    ["INVALID_IP_FORMAT", { ip_whitelist: [] }],
    ["INVALID_REALM_ID_FORMAT", { realm_ids: ["x"] }],
    ["INSUFFICIENT_PERMISSIONS", { permissions: { admin: { users: true } } }],
    ["VALIDATION_ERROR", { public_storage: {} }],
  ])("is refused: %s, and nothing of it is done", async (code, json: JsonObject) => {
    await make({ alias: "b" });
    const { token: _, ...made } = await make({ alias: "a" });
    const refused = await bench.call("ada", updateToken, {
      id: made.id,
      is_enabled: false,
      ...json,
    });
    expect(refused.code).toBe(code);
    expect(await bench.data("ada", getToken, { id: made.id })).toEqual(made);
  });

  test("keeps an alias that is sent again", async () => {
    const { id } = await make({ alias: "a" });
    expect((await bench.call("ada", updateToken, { id, alias: "a" })).code).toBe("ok");
  });
});

describe("realms of a token", () => {
  test("are added and removed, again as once", async () => {
    const { id } = await make({ realm_ids: [A] });
    for (let pass = 0; pass < 2; pass++) {
      const { realm_ids } = await bench.data("ada", addTokenRealm, { id, realm_id: B });
      expect(realm_ids).toEqual([A, B]);
    }
    for (let pass = 0; pass < 2; pass++) {
      const { realm_ids } = await bench.data("ada", removeTokenRealm, { id, realm_id: A });
      expect(realm_ids).toEqual([B]);
    }
    const { realm_ids } = await bench.data("ada", removeTokenRealm, { id, realm_id: B });
    expect(realm_ids).toBeUndefined();
  });

  test("are named by 24 hex digits, and are at most 500", async () => {
    const realm_ids = Array.from({ length: 500 }, (_, i) => i.toString(16).padStart(24, "0"));
    const { id } = await make({ realm_ids });
    const refused = { code: "INVALID_REALM_ID_FORMAT" };
    const add = (realm_id: string) => bench.call("ada", addTokenRealm, { id, realm_id });
    expect(await add(A.toUpperCase())).toMatchObject(refused);
    expect(await add(A)).toMatchObject(refused);
    expect(await add(realm_ids[7] ?? "")).toMatchObject({ code: "ok" });
  });
});

describe("a copy", () => {
  test("has what the source has but its secret, name and profile", async () => {
    const source = await make({
      alias: "deploy",
      realm_ids: [A, B],
      ip_whitelist: ["10.0.0.0/8"],
      permissions: { projects: { read: true } },
      expires_at: "tomorrow",
      vault_access: true,
      event_access: false,
      public_key: "ab".repeat(32),
      public_storage: {},
    });
    await bench.data("ada", updateToken, { id: source.id, is_enabled: false });
    const copy = await bench.data("ada", copyToken, { id: source.id });
    const { public_key: _, public_storage: __, ...same } = source;
    expect(copy).toEqual({
      ...same,
      id: copy.id,
      token: copy.token,
      alias: "deploy copy",
    });
    expect(copy.id).not.toBe(source.id);
    expect(copy.token).not.toBe(source.token);
    expect((await bench.call(copy.token, getCurrentToken, {}, { address: "10.0.0.1" })).code).toBe(
      "ok",
    );
    expect((await bench.call("ada", copyToken, { id: source.id })).code).toBe("DUPLICATE_ALIAS");
  });

  test.each([
    ["with the source, while that is to come", {}, "2026-01-02T12:00:00.000Z"],
    ["never: null", { expires_at: null }, undefined],
    ["when it is said", { expires_at: 1_800_000_000 }, "2027-01-15T08:00:00.000Z"],
  ])("ends %s", async (_when, json: JsonObject, end) => {
    const { id } = await make({ expires_at: "tomorrow" });
    expect((await bench.data("ada", copyToken, { id, ...json })).expires_at).toBe(end);
  });

  test("of an expired token never ends", async () => {
    const { id } = await make({ expires_at: "tomorrow" });
    bench.days(1);
    expect((await bench.data("ada", copyToken, { id })).expires_at).toBeUndefined();
  });

  test("has a name that fits, whatever the source's", async () => {
    const { id } = await make({ alias: "x".repeat(254) });
    const { alias } = await bench.data("ada", copyToken, { id });
    expect(alias).toBe(`${"x".repeat(249)} copy`);
  });
});

describe("what is not there", () => {
  test.each([
    ["getToken", {}],
    ["updateToken", { alias: "b" }],
    ["copyToken", {}],
    ["deleteToken", {}],
    ["addTokenRealm", { realm_id: A }],
    ["removeTokenRealm", { realm_id: A }],
  ] as const)("is no token for %s", async (name, json: JsonObject) => {
    const method = TokenService.method[name];
    const { id } = await make({ realm_ids: [A] });
    const refused = { code: "TOKEN_NOT_FOUND", data: null, at: [] };
    expect(await bench.call("bob", method, { id, ...json })).toEqual(refused);
    expect(await bench.call("ada", method, { id: nobody, ...json })).toEqual(refused);
    expect(await bench.call("ada", method, { id, ...json }, { realm: B })).toEqual(refused);
    expect(await bench.call("ada", method, { id, ...json }, { filter: B })).toEqual(refused);
    expect((await bench.call("ada", method, { id, ...json }, { realm: A })).code).toBe("ok");
  });

  test("is in no list", async () => {
    await make({ alias: "everywhere" });
    await make({ alias: "in a", realm_ids: [A] });
    await make({ alias: "in both", realm_ids: [A, B] });
    await bench.create("bob", { alias: "of bob", realm_ids: [A] });
    const aliases = async (from: From) => {
      const { tokens = [] } = await bench.data("ada", listTokens, {}, from);
      return tokens.map(({ alias }: { alias: string }) => alias).sort();
    };
    expect(await aliases({})).toEqual(["everywhere", "in a", "in both"]);
    expect(await aliases({ realm: A })).toEqual(["in a", "in both"]);
    expect(await aliases({ realm: B })).toEqual(["in both"]);
    expect(await aliases({ filter: A })).toEqual(["in a", "in both"]);
    expect(await aliases({ realm: A, filter: B })).toEqual(["in both"]);
    expect(await aliases({ realm: C })).toEqual([]);
  });
});
