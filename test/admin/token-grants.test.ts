import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { TokenService } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { type From, TokenBench } from "../harness/token-bench.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const C = "c".repeat(24);
const {
  listTokens,
  createToken,
  copyToken,
  getToken,
  updateToken,
  deleteToken,
  addTokenRealm,
  removeTokenRealm,
  getCurrentToken,
} = TokenService.method;

const inA = { realm: A };
const maker = { resources: { create_tokens: true, realms: true }, projects: { read: true } };

let bench: TokenBench;

beforeEach(async () => {
  bench = new TokenBench();
  await bench.addUser("admin");
  await bench.addUser("ada");
});

afterEach(() => bench[Symbol.asyncDispose]());

/** A token that may make tokens. */
const makerToken = (json: JsonObject = {}, from?: From) =>
  bench.create("ada", { permissions: maker, ...json }, from);

describe("whose child a token is", () => {
  test("a session's token has no maker, a token's has it and is one deeper", async () => {
    const parent = await makerToken();
    expect(parent.created_by_token_id ?? parent.delegation_depth).toBeUndefined();
    const child = await bench.create(parent.token, { permissions: maker });
    expect(child).toMatchObject({ created_by_token_id: parent.id, delegation_depth: 1 });
    const grandchild = await bench.create(child.token, { permissions: maker });
    expect(grandchild).toMatchObject({ created_by_token_id: child.id, delegation_depth: 2 });
  });

  test("the third generation makes none", async () => {
    const parent = await makerToken();
    const child = await bench.create(parent.token, { permissions: maker });
    const { token } = await bench.create(child.token, { permissions: maker });
    expect((await bench.call(token, createToken)).code).toBe("DELEGATION_TOO_DEEP");
    expect((await bench.call(token, listTokens)).code).toBe("ok");
  });

  test("without the leaf a token makes none and sees none", async () => {
    const { id, token } = await bench.create("ada", { permission_template: "dev_team" });
    for (const [method, json] of [
      [createToken, {}],
      [listTokens, {}],
      [getToken, { id }],
      [deleteToken, { id }],
    ] as const) {
      expect((await bench.call(token, method, json)).code).toBe("INSUFFICIENT_PERMISSIONS");
    }
  });

  test("a copy that a token makes is its own child, whoever made the source", async () => {
    const parent = await makerToken();
    const child = await bench.create(parent.token, { permissions: maker });
    const grandchild = await bench.create(child.token, { alias: "deep" });
    const copy = await bench.data(parent.token, copyToken, { id: grandchild.id });
    expect(copy).toMatchObject({ created_by_token_id: parent.id, delegation_depth: 1 });
    const ofSession = await bench.data("ada", copyToken, { id: grandchild.id, alias: "top" });
    expect(ofSession.created_by_token_id ?? ofSession.delegation_depth).toBeUndefined();
  });
});

describe("what a token sees of the others", () => {
  test("what was made from it: neither itself, nor its maker, nor what others made", async () => {
    const parent = await makerToken({ alias: "parent" });
    const sibling = await makerToken({ alias: "sibling" });
    const child = await bench.create(parent.token, { alias: "child", permissions: maker });
    const grandchild = await bench.create(child.token, { alias: "grandchild" });
    const nephew = await bench.create(sibling.token, { alias: "nephew" });
    const seen = async ({ token }: { token: string }) => {
      const { tokens = [] } = await bench.data(token, listTokens);
      return tokens.map(({ alias }: { alias: string }) => alias).sort();
    };
    expect(await seen(parent)).toEqual(["child", "grandchild"]);
    expect(await seen(child)).toEqual(["grandchild"]);
    expect(await seen(sibling)).toEqual(["nephew"]);
    for (const { id } of [parent, child, sibling, nephew]) {
      for (const [method, json] of [
        [getToken, { id }],
        [updateToken, { id, alias: "mine" }],
        [copyToken, { id }],
        [deleteToken, { id }],
        [addTokenRealm, { id, realm_id: A }],
        [removeTokenRealm, { id, realm_id: A }],
      ] as const) {
        expect((await bench.call(child.token, method, json)).code).toBe("TOKEN_NOT_FOUND");
      }
    }
    expect((await bench.call(parent.token, getToken, { id: grandchild.id })).code).toBe("ok");
  });

  test("on a realm host what is in the realm", async () => {
    const parent = await makerToken();
    const { id } = await bench.create(parent.token, { alias: "in a", realm_ids: [A] });
    await bench.create(parent.token, { alias: "anywhere" });
    const { tokens } = await bench.data(parent.token, listTokens, {}, inA);
    expect(tokens.map((token: { id: string }) => token.id)).toEqual([id]);
    expect((await bench.call(parent.token, getToken, { id }, { realm: B })).code).toBe(
      "TOKEN_NOT_FOUND",
    );
  });

  test("a confined one hears of no realm but its own", async () => {
    const parent = await makerToken({ realm_ids: [A] });
    const child = await bench.create(parent.token, {}, inA);
    await bench.data("ada", addTokenRealm, { id: child.id, realm_id: B });
    const shown = await bench.data(parent.token, getToken, { id: child.id }, inA);
    expect(shown.realm_ids).toEqual([A]);
    // What it is not told of stays as it is.
    const json = { id: child.id, realm_ids: [A] };
    expect((await bench.data(parent.token, updateToken, json, inA)).realm_ids).toEqual([A]);
    expect((await bench.data("ada", getToken, { id: child.id })).realm_ids).toEqual([A, B]);
  });

  test("its aliases and its limit count among those alone", async () => {
    await bench.create("ada", { alias: "taken" });
    const parent = await makerToken();
    const json = { alias: "taken" };
    const { id } = await bench.create(parent.token, json);
    expect((await bench.call(parent.token, createToken, json)).code).toBe("DUPLICATE_ALIAS");
    expect((await bench.call("ada", updateToken, { id, alias: "taken" })).code).toBe("ok");
    await bench.fill("ada", 1000);
    expect((await bench.call("ada", createToken)).code).toBe("AUTH_TOKEN_LIMIT_REACHED");
    await bench.create(parent.token);
  });

  test("to a confined one those that have left its realms do not count", async () => {
    const parent = await makerToken({ realm_ids: [A] });
    const child = await bench.create(parent.token, { alias: "x" }, inA);
    await bench.data("ada", updateToken, { id: child.id, realm_ids: [B] });
    await bench.create(parent.token, { alias: "x" }, inA);
  });
});

describe("a child is never more than its maker", () => {
  test("leaves: what the maker has not is left out", async () => {
    const parent = await makerToken();
    const child = await bench.create(parent.token, {
      permissions: { projects: { read: true, create: true }, resources: { create_tokens: true } },
    });
    expect(child.permissions.projects).toEqual({ read: true, members: {} });
    expect(child.permissions.resources).toEqual({ create_tokens: true });
    const usual = await bench.create(parent.token);
    expect(usual.permissions.resources).toEqual({ realms: true });
    const full = await bench.create(parent.token, { permission_template: "full_access" });
    expect(full.permissions.resources).toEqual({ create_tokens: true, realms: true });
  });

  test("leaves for operators: only a token of an operator that has them", async () => {
    const permissions = { ...maker, admin: { servers: true } };
    const { token } = await bench.create("admin", { permissions });
    expect((await bench.create(token, { permissions })).permissions.admin).toEqual({
      servers: true,
    });
    const users = { permissions: { admin: { users: true } } };
    expect((await bench.call(token, createToken, users)).code).toBe("INSUFFICIENT_PERMISSIONS");
  });

  test("switches: off where the maker's are off", async () => {
    const on = { vault_access: true, event_access: true, allow_no_realm: true };
    const parent = await makerToken({ event_access: false, allow_no_realm: false });
    const child = await bench.create(parent.token, on, inA);
    expect(child.vault_access ?? child.event_access ?? child.allow_no_realm).toBeUndefined();
    const other = await makerToken({ vault_access: true });
    expect(await bench.create(other.token, on)).toMatchObject(on);
  });

  test.each([
    ["left out", {}, "2026-01-02T12:00:00.000Z"],
    ["never", { expires_at: null }, "2026-01-02T12:00:00.000Z"],
    ["later", { expires_at: "2026-06-01" }, "2026-01-02T12:00:00.000Z"],
    ["earlier", { expires_at: "today" }, "2026-01-02T00:00:00.000Z"],
  ])("an end that is %s is not after the maker's", async (_what, json: JsonObject, end) => {
    const parent = await makerToken({ expires_at: "tomorrow" });
    const child = await bench.create(parent.token, json);
    expect(child.expires_at).toBe(end);
    const changed = await bench.data(parent.token, updateToken, { id: child.id, ...json });
    expect(changed.expires_at).toBe(end);
  });

  test("realms: the maker's when left out", async () => {
    const parent = await makerToken({ realm_ids: [A, B] });
    expect((await bench.create(parent.token, {}, inA)).realm_ids).toEqual([A, B]);
    const json = { realm_ids: [B] };
    expect((await bench.create(parent.token, json, inA)).realm_ids).toEqual([A, B]);
  });

  test.each([
    ["createToken", { realm_ids: [A, C] }, "/realm_ids"],
    ["createToken", { realm_ids: [C] }, "/realm_ids"],
    ["updateToken", { realm_ids: [A, C] }, "/realm_ids"],
    ["addTokenRealm", { realm_id: C }, "/realm_id"],
  ] satisfies [keyof typeof TokenService.method, JsonObject, string][])(
    "realms: %s with others is refused",
    async (name, json, at) => {
      const parent = await makerToken({ realm_ids: [A, B] });
      const { id } = await bench.create(parent.token, {}, inA);
      const request = name === "createToken" ? json : { id, ...json };
      const refused = await bench.call(parent.token, TokenService.method[name], request, inA);
      expect(refused).toEqual({ code: "DELEGATION_EXCEEDED", data: null, at: [at] });
      expect((await bench.data("ada", getToken, { id })).realm_ids).toEqual([A, B]);
    },
  );

  test("realms: the maker's are added and removed, but the last is only a session's to remove", async () => {
    const parent = await makerToken({ realm_ids: [A, B] });
    const { id } = await bench.create(parent.token, {}, inA);
    const remove = (realm_id: string, from: From) =>
      bench.call(parent.token, removeTokenRealm, { id, realm_id }, from);
    expect((await remove(C, inA)).data.realm_ids).toEqual([A, B]);
    expect((await remove(B, inA)).data.realm_ids).toEqual([A]);
    expect((await remove(A, inA)).code).toBe("LAST_REALM");
    const added = await bench.data(parent.token, addTokenRealm, { id, realm_id: B }, inA);
    expect(added.realm_ids).toEqual([A, B]);
    expect((await remove(A, inA)).data.realm_ids).toEqual([B]);
    expect((await remove(B, inA)).code).toBe("TOKEN_NOT_FOUND");
    expect((await bench.call("ada", removeTokenRealm, { id, realm_id: B })).code).toBe("ok");
  });

  test("realms: what a confined maker does not see stays", async () => {
    const parent = await makerToken({ realm_ids: [A, B] });
    const { id } = await bench.create(parent.token, {}, inA);
    await bench.data("ada", addTokenRealm, { id, realm_id: C });
    await bench.data(parent.token, removeTokenRealm, { id, realm_id: C }, inA);
    await bench.data(parent.token, removeTokenRealm, { id, realm_id: B }, inA);
    expect((await bench.data("ada", getToken, { id })).realm_ids).toEqual([A, C]);
  });

  test("realms: what a confined maker does not see does not save the last", async () => {
    const parent = await makerToken({ realm_ids: [A] });
    const { id } = await bench.create(parent.token, {}, inA);
    await bench.data("ada", addTokenRealm, { id, realm_id: B });
    const refused = await bench.call(parent.token, removeTokenRealm, { id, realm_id: A }, inA);
    expect(refused.code).toBe("LAST_REALM");
  });

  test("realms: no token takes another's confinement away", async () => {
    const parent = await makerToken();
    const { id } = await bench.create(parent.token, { realm_ids: [A] });
    const empty = { id, realm_ids: [] };
    expect((await bench.call(parent.token, updateToken, empty)).code).toBe("LAST_REALM");
    expect((await bench.call(parent.token, updateToken, empty, inA)).data.realm_ids).toEqual([A]);
    expect((await bench.call("ada", updateToken, empty)).data.realm_ids).toBeUndefined();
    expect((await bench.call(parent.token, updateToken, empty)).code).toBe("ok");
  });

  test("addresses: the maker's when left out, fewer when asked for, others refused", async () => {
    const parent = await makerToken({ ip_whitelist: ["192.0.2.0/24", "10.0.0.0/8"] });
    const child = await bench.create(parent.token);
    expect(child.ip_whitelist).toEqual(["192.0.2.0/24", "10.0.0.0/8"]);
    const fewer = await bench.create(parent.token, { ip_whitelist: "10.1.0.0/16" });
    expect(fewer.ip_whitelist).toEqual(["10.1.0.0/16"]);
    for (const ip_whitelist of ["*", "0.0.0.0/0", "10.0.0.0/7", "10.0.0.1,203.0.113.1"]) {
      const refused = { code: "DELEGATION_EXCEEDED", at: ["/ip_whitelist"] };
      const json = { ip_whitelist };
      expect(await bench.call(parent.token, createToken, json)).toMatchObject(refused);
      const change = { id: child.id, ip_whitelist };
      expect(await bench.call(parent.token, updateToken, change)).toMatchObject(refused);
    }
  });

  test("addresses: those of the makers' makers, too", async () => {
    const first = await makerToken({ ip_whitelist: ["192.0.2.0/24"] });
    const second = await bench.create(first.token, { permissions: maker });
    await bench.data("ada", updateToken, {
      id: second.id,
      ip_whitelist: ["192.0.2.1", "10.0.0.1"],
    });
    const third = await bench.create(second.token, {}, { address: "192.0.2.1" });
    expect(third.ip_whitelist).toEqual(["192.0.2.1"]);
    const json = { ip_whitelist: ["10.0.0.1"] };
    const refused = await bench.call(second.token, createToken, json, { address: "192.0.2.1" });
    expect(refused.code).toBe("DELEGATION_EXCEEDED");
  });
});

describe("a copy is worth what its source is worth", () => {
  test("not what its row says: what its makers lost it lost with them", async () => {
    const parent = await makerToken({ realm_ids: [A, B], ip_whitelist: "192.0.2.0/24" });
    const child = await bench.create(parent.token, { vault_access: true }, inA);
    await bench.data("ada", updateToken, {
      id: child.id,
      permissions: { projects: { read: true, create: true } },
      realm_ids: [A, C],
      ip_whitelist: ["192.0.2.1", "10.0.0.1"],
      vault_access: true,
      expires_at: "2027-01-01",
    });
    await bench.data("ada", updateToken, { id: parent.id, expires_at: "2026-06-01" });
    const copy = await bench.data("ada", copyToken, { id: child.id });
    expect(copy).toMatchObject({
      permissions: { projects: { read: true } },
      realm_ids: [A],
      ip_whitelist: ["192.0.2.1"],
      expires_at: "2026-06-01T00:00:00.000Z",
    });
    expect(copy.permissions.projects.create ?? copy.vault_access).toBeUndefined();
  });

  test("a token that works in no realm has none: it would work in all", async () => {
    const parent = await makerToken({ realm_ids: [A] });
    const { id } = await bench.create(parent.token, {}, inA);
    await bench.data("ada", updateToken, { id, realm_ids: [B] });
    const { code, at } = await bench.call("ada", copyToken, { id });
    expect({ code, at }).toEqual({ code: "VALIDATION_ERROR", at: ["/id"] });
  });

  test("a token's copies end when it ends", async () => {
    const parent = await makerToken({ expires_at: "tomorrow" });
    const { id } = await bench.create(parent.token);
    const json = { id, expires_at: null };
    const copy = await bench.data(parent.token, copyToken, json);
    expect(copy.expires_at).toBe("2026-01-02T12:00:00.000Z");
  });
});

describe("what becomes of the makers becomes of the made", () => {
  async function family() {
    const parent = await makerToken();
    const child = await bench.create(parent.token, { permissions: maker });
    const grandchild = await bench.create(child.token);
    const codes = async () => [
      (await bench.call(child.token, getCurrentToken)).code,
      (await bench.call(grandchild.token, getCurrentToken)).code,
    ];
    expect(await codes()).toEqual(["ok", "ok"]);
    return { parent, child, grandchild, codes };
  }

  test("suspended, and let on again", async () => {
    const { parent, codes } = await family();
    await bench.data("ada", updateToken, { id: parent.id, is_enabled: false });
    expect(await codes()).toEqual(["TOKEN_DISABLED", "TOKEN_DISABLED"]);
    await bench.data("ada", updateToken, { id: parent.id, is_enabled: true });
    expect(await codes()).toEqual(["ok", "ok"]);
  });

  test("expired", async () => {
    const { child, codes } = await family();
    await bench.data("ada", updateToken, { id: child.id, expires_at: bench.now + 1 });
    expect(await codes()).toEqual(["ok", "ok"]);
    bench.now++;
    expect(await codes()).toEqual(["TOKEN_EXPIRED", "TOKEN_EXPIRED"]);
  });

  test("deleted", async () => {
    const { parent, grandchild, codes } = await family();
    await bench.data("ada", deleteToken, { id: parent.id });
    expect(await codes()).toEqual(["INVALID_TOKEN", "INVALID_TOKEN"]);
    const gone = await bench.call("ada", getToken, { id: grandchild.id });
    expect(gone.code).toBe("TOKEN_NOT_FOUND");
  });

  test("bound to an address, or to a realm", async () => {
    const { parent, child, codes } = await family();
    await bench.data("ada", updateToken, { id: parent.id, ip_whitelist: "10.0.0.1" });
    expect(await codes()).toEqual(["IP_NOT_ALLOWED", "IP_NOT_ALLOWED"]);
    const json = { id: parent.id, ip_whitelist: "*", realm_ids: [A] };
    await bench.data("ada", updateToken, json);
    const list = (realm?: string) => bench.call(child.token, listTokens, {}, { realm });
    expect((await list()).code).toBe("REALM_SCOPE_REQUIRED");
    expect((await list(B)).code).toBe("REALM_NOT_ALLOWED");
    expect((await list(A)).code).toBe("ok");
  });
});
