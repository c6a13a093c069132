import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  AliasService,
  CreateAliasRequestSchema,
  UpdateAliasRequestSchema,
} from "../../proto/gen/realmgate/v1/aliases_pb.ts";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { type SendOptions, Tenants } from "../harness/tenants.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const nowhere = "0".repeat(24);

let tenants: Tenants;
let projectId: string;
let containerId: string;

beforeEach(async () => {
  tenants = await Tenants.open();
  projectId = await tenants.project([B]);
  containerId = await tenants.container(projectId, { name: "box", realm_ids: [A] });
});

afterEach(() => tenants[Symbol.asyncDispose]());

const send: Tenants["send"] = (...call) => tenants.send(...call);
const data: Tenants["data"] = (...call) => tenants.data(...call);

const newAlias = (fields: object = {}) => ({
  container_id: containerId,
  alias: "shop",
  program: "files",
  ...fields,
});
const make = (fields: object = {}, options: SendOptions = {}) =>
  data("POST", "/proxy/aliases", { body: newAlias(fields), ...options });
const refusal = async (
  method: string,
  path: string,
  options: SendOptions,
): Promise<[number, string, string | undefined]> => {
  const { status, body } = await send(method, path, options);
  // Of a name the contract says what is wrong by field names, of the rest by pointers.
  const { field } = body.data ?? {};
  const pointer = field === undefined ? body.data?.[0]?.instancePath : `/${field}`;
  return [status, body.code, pointer];
};
const refusedNew = (fields: object, options: SendOptions = {}) =>
  refusal("POST", "/proxy/aliases", { body: newAlias(fields), ...options });
const names = async (query = "", options: SendOptions = {}) => {
  const { aliases, count } = await data("GET", `/proxy/aliases${query}`, options);
  expect(count).toBe(aliases.length);
  return aliases.map(({ alias }: { alias: string }) => alias);
};

describe("a new alias", () => {
  test("has defaults", async () => {
    expect(await make()).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      user_id: await tenants.idOf("ada"),
      project_id: projectId,
      container_id: containerId,
      alias: "shop",
      program: "files",
      index: 1,
      target_path: null,
      allow_path_override: true,
      expires_at: null,
      enabled: true,
      created_at: "2026-01-01T00:00:00.000Z",
      updated_at: "2026-01-01T00:00:00.000Z",
      server_id: expect.stringMatching(/^[0-9a-f]{24}$/),
      server_name: "local",
      url: "https://shop.local.containers.localhost",
    });
  });

  test("is what was sent", async () => {
    const fields = {
      target_path: "app?x=1",
      allow_path_override: false,
      expires_at: 1_800_000_000,
      enabled: false,
    };
    expect(await make({ ...fields, program: "http-3000" })).toMatchObject({
      ...fields,
      program: "http",
      index: 3000,
      target_path: "/app?x=1",
      expires_at: "2027-01-15T08:00:00.000Z",
    });
  });

  test.each([
    ["no name", {}],
    ["null", { alias: null }],
    ["false", { alias: false }],
  ])("gets a name that nobody guesses for %s", async (_why, fields) => {
    const body = { container_id: containerId, program: "files", ...fields };
    const { alias, url } = await data("POST", "/proxy/aliases", { body });
    expect(alias).toMatch(/^[0-9a-f]{48}$/);
    expect(url).toBe(`https://${alias}.local.containers.localhost`);
  });

  test.each([
    [{ alias: "containers" }, 400, "INVALID_ALIAS_FORMAT", "/alias"],
    [{ alias: "proxy-x" }, 400, "INVALID_ALIAS_FORMAT", "/alias"],
    [{ alias: `${A}-${B}-http` }, 400, "INVALID_ALIAS_FORMAT", "/alias"],
    [{ alias: "" }, 400, "INVALID_ALIAS_FORMAT", "/alias"],
    [{ alias: true }, 422, "VALIDATION_ERROR", "/alias"],
    [{ alias: ["a"] }, 422, "VALIDATION_ERROR", "/alias"],
    [{ program: "web" }, 400, "INVALID_ALIAS_PROGRAM", "/program"],
    [{ program: "" }, 400, "MISSING_REQUIRED_FIELD", "/program"],
    [{ port: 65536 }, 422, "VALIDATION_ERROR", "/port"],
    [{ index: 0 }, 422, "VALIDATION_ERROR", "/index"],
    [{ index: 10_000 }, 400, "INVALID_ALIAS_PROGRAM", "/index"],
    [{ target_path: "/../x" }, 422, "VALIDATION_ERROR", "/target_path"],
    [{ target_path: "x".repeat(2049) }, 422, "VALIDATION_ERROR", "/target_path"],
    [{ expires_at: "2025-12-31T23:59:59Z" }, 400, "EXPIRATION_IN_PAST", "/expires_at"],
    [{ expires_at: "today" }, 400, "INVALID_EXPIRATION_FORMAT", "/expires_at"],
    [{ container_id: nowhere }, 404, "CONTAINER_NOT_FOUND", undefined],
    [{ container_id: "x" }, 400, "INVALID_ID_FORMAT", "/container_id"],
    [{ user_id: nowhere }, 422, "VALIDATION_ERROR", "/user_id"],
  ])("%j is refused", async (fields, status, code, pointer) => {
    expect(await refusedNew(fields)).toEqual([status, code, pointer]);
    expect(await names()).toEqual([]);
  });

  test("takes its name on the server from everybody, and says whose space it is", async () => {
    await make();
    const theirs = await tenants.container(await tenants.project([], tenants.bob), {}, tenants.bob);
    for (const [fields, as] of [
      [{}, tenants.ada],
      [{ container_id: theirs }, tenants.bob],
    ] as const) {
      const told = await send("POST", "/proxy/aliases", { body: newAlias(fields), as });
      expect(told.body).toEqual({
        statusCode: 409,
        error: "ALIAS_IN_USE",
        message: "Alias is already in use",
        code: "ALIAS_IN_USE",
        data: { field: "alias", value: newAlias(fields).alias, scope: "server" },
      });
    }
  });

  test("takes its name in the account on every server", async () => {
    await make();
    const { id } = await tenants.plane.store.registerServer("edge");
    const elsewhere = await tenants.container(projectId, { server_id: id });
    const told = await send("POST", "/proxy/aliases", {
      body: newAlias({ container_id: elsewhere }),
    });
    const { alias: value } = newAlias({});
    expect(told.body.data).toEqual({ field: "alias", value, scope: "account" });
    const { url } = await make({ container_id: elsewhere, alias: "other" });
    expect(url).toBe("https://other.edge.containers.localhost");
  });

  test("is one of 32 at most", async () => {
    for (let n = 0; n < 32; n++) await make({ alias: `n-${n}` });
    expect(await refusedNew({})).toEqual([422, "ALIAS_LIMIT_REACHED", undefined]);
    const { body } = await send("POST", "/proxy/aliases", { body: newAlias({}) });
    expect(body.message).toBe("Alias limit reached (32/32)");
  });

  test.each([
    ["containers", { reserved_alias: "containers" }],
    ["egress", { reserved_prefix: "egress" }],
    ["proxy-x", { reserved_prefix: "proxy" }],
    ["ab", {}],
  ])("is told by name what is wrong with %s as a name", async (alias, reserved) => {
    const { body } = await send("POST", "/proxy/aliases", { body: newAlias({ alias }) });
    expect(body.data).toEqual({ field: "alias", reason: expect.any(String), ...reserved });
  });

  test("is told the same over gRPC, in the metadata of ErrorInfo", async () => {
    const message = create(CreateAliasRequestSchema, {
      containerId,
      program: "terminal",
      alias: create(ValueSchema, { kind: { case: "stringValue", value: "proxy" } }),
    });
    const told = await tenants.plane.grpc(tenants.ada, AliasService.method.createAlias, message, {
      realm: null,
    });
    expect(told).toMatchObject({
      code: "INVALID_ALIAS_FORMAT",
      facts: { field: "alias", reserved_prefix: "proxy" },
    });
  });

  test("goes to exactly one of those who want it at once", async () => {
    const theirs = await tenants.container(await tenants.project([], tenants.bob), {}, tenants.bob);
    const racers = Array.from({ length: 24 }, (_, n) =>
      n % 2 === 0
        ? send("POST", "/proxy/aliases", { body: newAlias() })
        : send("POST", "/proxy/aliases", {
            body: newAlias({ container_id: theirs }),
            as: tenants.bob,
          }),
    );
    const statuses = (await Promise.all(racers)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(23);
  });
});

describe("changing an alias", () => {
  let path: string;
  let before: object;

  beforeEach(async () => {
    before = await make({ program: "http-3000", target_path: "/a", expires_at: 1_800_000_000 });
    path = `/proxy/aliases/${(before as { id: string }).id}`;
    tenants.plane.at(60);
  });

  const updated_at = "2026-01-01T00:01:00.000Z";

  test.each([
    [{ alias: "other" }, { alias: "other", url: "https://other.local.containers.localhost" }],
    [{ alias: "shop" }, {}],
    [{ port: 81 }, { index: 81 }],
    [{ index: 82 }, { index: 82 }],
    [{ program: "https" }, { program: "https" }],
    [{ program: "terminal" }, { program: "terminal", index: 1 }],
    [{ target_path: null }, { target_path: null }],
    [{ target_path: "b" }, { target_path: "/b" }],
    [{ expires_at: null }, { expires_at: null }],
    [{ expires_at: 1_900_000_000_000 }, { expires_at: "2030-03-17T17:46:40.000Z" }],
    [{ allow_path_override: false }, { allow_path_override: false }],
    [{ enabled: false }, { enabled: false }],
  ])("by %j changes that and keeps the rest", async (body, changed) => {
    const after = { ...before, ...changed, updated_at };
    expect(await data("PATCH", path, { body })).toEqual(after);
    expect(await data("GET", path)).toMatchObject(after);
  });

  test("a name of null is drawn", async () => {
    const { alias } = await data("PATCH", path, { body: { alias: null } });
    expect(alias).toMatch(/^[0-9a-f]{48}$/);
    await make({ alias: "shop" });
  });

  test("nothing is no write", async () => {
    const { revision } = await tenants.plane.store.changesAfter(0);
    expect(await data("PATCH", path, { body: {} })).toEqual(before);
    expect((await tenants.plane.store.changesAfter(0)).revision).toBe(revision);
  });

  test("over gRPC what a mask lists and nobody sets is what it is in a new one", async () => {
    const id = path.slice("/proxy/aliases/".length);
    const updateMask = { paths: ["index", "target_path", "expires_at", "enabled"] };
    const told = await tenants.plane.grpc(
      tenants.ada,
      AliasService.method.updateAlias,
      create(UpdateAliasRequestSchema, { id, updateMask }),
      { realm: null },
    );
    expect(told).toMatchObject({ message: { alias: "shop", program: "http", index: 80 } });
    const cleared = { index: 80, target_path: null, expires_at: null, enabled: true };
    expect(await data("GET", path)).toMatchObject(cleared);
  });

  test.each([
    [{ alias: "taken" }, 409, "ALIAS_IN_USE", "/alias"],
    [{ alias: "egress-1" }, 400, "INVALID_ALIAS_FORMAT", "/alias"],
    [{ program: "web" }, 400, "INVALID_ALIAS_PROGRAM", "/program"],
    [{ target_path: "/a#b" }, 422, "VALIDATION_ERROR", "/target_path"],
    [{ expires_at: 1 }, 400, "EXPIRATION_IN_PAST", "/expires_at"],
    [{ container_id: nowhere }, 422, "VALIDATION_ERROR", "/container_id"],
    [{ enabled: null }, 422, "VALIDATION_ERROR", "/enabled"],
  ])("by %j is refused", async (body, status, code, pointer) => {
    await make({ alias: "taken" });
    expect(await refusal("PATCH", path, { body })).toEqual([status, code, pointer]);
    expect(await data("GET", path)).toMatchObject(before);
  });

  test("off and on again", async () => {
    const state = (body: object) => data("PATCH", `${path}/state`, { body });
    expect(await state({ enabled: false })).toEqual({ ...before, enabled: false, updated_at });
    expect(await refusedNew({})).toEqual([409, "ALIAS_IN_USE", "/alias"]);
    expect(await state({ enabled: true })).toEqual({ ...before, updated_at });
  });

  test("away: the name is free, and the answer has no data", async () => {
    const { status, body } = await send("DELETE", path);
    expect([status, "data" in body]).toEqual([200, false]);
    for (const method of ["GET", "DELETE"]) {
      expect(await refusal(method, path, {})).toEqual([404, "ALIAS_NOT_FOUND", undefined]);
    }
    await make();
  });
});

describe("aliases are seen", () => {
  test("with their container, and with their project where that is seen", async () => {
    const { id, ...alias } = await make();
    const path = `/proxy/aliases/${id}`;
    const { alias: projectAlias } = await data("GET", `/projects/${projectId}`);
    const container = { id: containerId, name: "box" };
    const project = { id: projectId, alias: projectAlias };
    expect(await data("GET", path)).toEqual({ id, ...alias, container, project });
    // The container is in the realm, its project is not.
    expect(await data("GET", path, { realm: A })).toEqual({ id, ...alias, container });
    const { aliases } = await data("GET", "/proxy/aliases");
    expect(aliases).toEqual([{ id, ...alias }]);
  });

  test("as far as their containers are", async () => {
    const { id } = await make();
    const path = `/proxy/aliases/${id}`;
    const others = [
      { as: tenants.bob },
      { realm: B },
      { realm: B, as: await tenants.token("ada", { realmIds: [B] }) },
    ];
    const change = { body: { enabled: false } };
    for (const options of others) {
      const missing = [404, "ALIAS_NOT_FOUND", undefined] as [number, string, undefined];
      expect(await refusal("GET", path, options)).toEqual(missing);
      expect(await refusal("PATCH", path, { ...change, ...options })).toEqual(missing);
      expect(await refusal("PATCH", `${path}/state`, { ...change, ...options })).toEqual(missing);
      expect(await refusal("DELETE", path, options)).toEqual(missing);
      expect(await refusedNew({ alias: "mine" }, options)).toEqual([
        404,
        "CONTAINER_NOT_FOUND",
        undefined,
      ]);
      expect(await names("", options)).toEqual([]);
      expect(await names(`?container_id=${containerId}`, options)).toEqual([]);
    }
    expect(await names()).toEqual(["shop"]);
  });

  test("by members, who change them from edit on", async () => {
    const { id } = await make();
    const path = `/proxy/aliases/${id}`;
    const as = tenants.bob;
    await tenants.join(projectId, ProjectLevel.READ);
    expect((await data("GET", path, { as })).user_id).toBe(await tenants.idOf("ada"));
    const refused = [403, "INSUFFICIENT_PERMISSIONS", undefined] as [number, string, undefined];
    expect(await refusal("DELETE", path, { as })).toEqual(refused);
    expect(await refusedNew({ alias: "mine" }, { as })).toEqual(refused);
  });

  test("and not changed by a confined token where the container is shared beyond its realms", async () => {
    const { id } = await make();
    await data("PATCH", `/containers/${containerId}`, { body: { realm_ids: [A, B] } });
    const options = { realm: A, as: await tenants.token("ada", { realmIds: [A] }) };
    const path = `/proxy/aliases/${id}`;
    expect((await send("GET", path, options)).status).toBe(200);
    const refused = [403, "SHARED_ACROSS_REALMS", undefined] as [number, string, undefined];
    expect(await refusal("PATCH", path, { ...options, body: {} })).toEqual(refused);
    expect(await refusal("DELETE", path, options)).toEqual(refused);
    expect(await refusedNew({ alias: "mine" }, options)).toEqual(refused);
  });

  test("by tokens with the leaf for them", async () => {
    const as = await tenants.token("ada", { leaves: ["containers.read", "containers.update"] });
    expect((await send("GET", "/proxy/aliases", { as })).status).toBe(403);
    const able = await tenants.token("ada", { leaves: ["resources.proxy_aliases"] });
    expect((await make({}, { as: able })).alias).toBe("shop");
  });
});

describe("a list of aliases", () => {
  test("is newest first, and what was asked for", async () => {
    const second = await tenants.container(await tenants.project([A]), { realm_ids: [A, B] });
    await make({ alias: "one" });
    await make({ alias: "two", enabled: false });
    await make({ alias: "three", container_id: second, expires_at: 1_767_225_660 });
    expect(await names()).toEqual(["three", "two", "one"]);
    expect(await names("?enabled=false")).toEqual(["two"]);
    expect(await names(`?container_id=${second}`)).toEqual(["three"]);
    expect(await names(`?project_id=${projectId}&enabled=true`)).toEqual(["one"]);
    expect(await names(`?realm_id=${B}`)).toEqual(["three"]);
    expect(await names(`?project_id=${nowhere}`)).toEqual([]);
    expect(await names("?expired=true")).toEqual([]);
    tenants.plane.at(60);
    expect(await names("?expired=true")).toEqual(["three"]);
    expect(await names("?expired=false")).toEqual(["two", "one"]);
    expect((await send("GET", "/proxy/aliases?enabled=yes")).status).toBe(400);
    expect((await send("GET", "/proxy/aliases?container_id=x")).status).toBe(400);
  });
});
