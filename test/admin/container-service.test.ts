import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  ContainerService,
  UpdateContainerRequestSchema,
} from "../../proto/gen/realmgate/v1/containers_pb.ts";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { Tenants } from "../harness/tenants.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const nowhere = "0".repeat(24);

let tenants: Tenants;
let projectId: string;

beforeEach(async () => {
  tenants = await Tenants.open();
  projectId = await tenants.project([A]);
});

afterEach(() => tenants[Symbol.asyncDispose]());

const send: Tenants["send"] = (...call) => tenants.send(...call);
const data: Tenants["data"] = (...call) => tenants.data(...call);
const inA = () => tenants.token("ada", { realmIds: [A] });

describe("making a container", () => {
  const path = (id = projectId) => `/projects/${id}/containers`;

  test("on a realm host: a project that is absent, outside the realm, or another's is one answer", async () => {
    const outside = await tenants.project([B]);
    const foreign = await tenants.project([A], tenants.bob);
    const answers = new Set<string>();
    for (const id of [nowhere, outside, foreign]) {
      for (const as of [tenants.ada, await inA()]) {
        const { status, text } = await send("POST", path(id), { body: {}, realm: A, as });
        expect(status).toBe(403);
        answers.add(text);
      }
    }
    expect([...answers].map((text) => JSON.parse(text).code)).toEqual(["PROJECT_NOT_IN_REALM"]);
    expect((await send("POST", path(nowhere), { body: {} })).body.code).toBe("PROJECT_NOT_FOUND");
  });

  test("a confined token names realms of its own, and hears of no other", async () => {
    const as = await tenants.token("ada", { realmIds: [A, B] });
    const of = (realm_ids: string[]) => send("POST", path(), { body: { realm_ids }, realm: A, as });
    expect((await of([nowhere])).body.code).toBe("REALM_NOT_ALLOWED");
    expect((await of([B])).body.data.realm_ids).toEqual([A, B]);
    expect((await of([])).body.data.realm_ids).toEqual([A]);
  });

  test("a name conflicts in a realm with what is seen there", async () => {
    const make = (realm: string) => send("POST", path(), { body: { name: "box" }, realm });
    await data("POST", path(), { body: { name: "box" } });
    expect((await make(A)).status).toBe(201);
    expect((await make(A)).body.code).toBe("CONTAINER_NAME_IN_USE");
  });

  test("only operators who are not confined say where it is, and hear it", async () => {
    const body = { address: "10.0.0.1", programs: { files: { port: 80 } } };
    const refused = async (as: string, realm: string) => {
      const { status, body: told } = await send("POST", path(), { body, as, realm });
      expect([status, told.code]).toEqual([403, "INSUFFICIENT_PERMISSIONS"]);
    };
    await refused(await inA(), A);
    await refused(await tenants.token("ada", { leaves: ["containers.create"] }), A);
    await tenants.join(projectId, ProjectLevel.EDIT);
    await refused(tenants.bob, A);
    const { id, ...made } = await data("POST", path(), { body, realm: A });
    expect(made).toMatchObject({ address: "10.0.0.1", programs: { files: { port: 80 } } });
    for (const as of [await inA(), tenants.bob]) {
      const seen = await data("GET", `/containers/${id}`, { as, realm: A });
      expect(seen).toMatchObject({ address: null, programs: {} });
    }
  });

  test("may be sent as it is shown: null for what there is none of", async () => {
    const body = { name: "null", comment: null, address: null, ssh_public_key: null };
    const made = await data("POST", path(), { body, as: await inA(), realm: A });
    expect(made).toMatchObject({ name: "null", comment: null, address: null });
  });

  test("is its first log", async () => {
    const id = await tenants.container(projectId);
    expect(await data("GET", `/containers/${id}/status-logs`)).toEqual({
      logs: [
        {
          id: expect.stringMatching(/^[0-9a-f]{24}$/),
          container_id: id,
          from_status: null,
          to_status: "running",
          transition_time: "2026-01-01T00:00:00.000Z",
          duration_ms: null,
          triggered_by: "container_creation",
          metadata: {},
        },
      ],
      pagination: { total: 1, page: 1, limit: 10, totalPages: 1 },
    });
  });
});

describe("changing a container", () => {
  let path: string;

  beforeEach(async () => {
    const fields = { name: "box", comment: "old", color: "#abc", realm_ids: [A] };
    path = `/containers/${await tenants.container(projectId, fields)}`;
  });

  test.each(["PATCH", "PUT"])("%s changes what is sent", async (method) => {
    const before = await data("GET", path);
    tenants.plane.at(60);
    const after = { ...before, updated_at: "2026-01-01T00:01:00.000Z" };
    const renamed = await data(method, path, { body: { name: "other", ai: true } });
    expect(renamed).toEqual({ ...after, name: "other" });
    const cleared = await data(method, path, { body: { comment: null, color: "def" } });
    expect(cleared).toEqual({ ...after, name: "other", comment: null, color: "#DEF" });
    const moved = await data(method, path, { body: { realm_ids: [B] } });
    expect(moved.realm_ids).toEqual([B]);
    expect(await data("GET", path)).toEqual(moved);
  });

  test("nothing, or what only the runtime knows, is no write", async () => {
    const before = await data("GET", path);
    tenants.plane.at(60);
    const { revision } = await tenants.plane.store.changesAfter(0);
    for (const body of [{}, { ai: true, ssh_public_key: null, ramdisk: { size: 1 } }]) {
      expect(await data("PATCH", path, { body })).toEqual(before);
    }
    expect((await tenants.plane.store.changesAfter(0)).revision).toBe(revision);
  });

  test("a name may be drawn anew, and must be one", async () => {
    const { name } = await data("PATCH", path, { body: { name: "rand" } });
    expect(name).toMatch(/^box-[0-9a-f]{8}$/);
    const refused = await send("PATCH", path, { body: { name: "a b" } });
    expect([refused.status, refused.body.code]).toEqual([400, "INVALID_CONTAINER_NAME"]);
    expect((await send("PATCH", path, { body: { name: null } })).status).toBe(422);
    expect((await send("PATCH", path, { body: { status: "stopped" } })).status).toBe(422);
  });

  test("a name that is taken where both are seen is refused", async () => {
    const other = await tenants.container(projectId, { name: "other", realm_ids: [A, B] });
    await tenants.container(projectId, { name: "third" });
    const rename = (name: string) => send("PATCH", path, { body: { name } });
    expect((await rename("other")).body.code).toBe("CONTAINER_NAME_IN_USE");
    expect((await rename("third")).status).toBe(200);
    const moved = { body: { name: "third", realm_ids: [] } };
    expect((await send("PATCH", `/containers/${other}`, moved)).status).toBe(409);
  });

  test("from a realm host the realm stays, whatever is sent", async () => {
    const { realm_ids } = await data("PATCH", path, { body: { realm_ids: [B] }, realm: A });
    expect(realm_ids).toEqual([A, B]);
  });

  test("a confined token sends back the realms that it sees, and no others", async () => {
    const as = await inA();
    const of = (body: object) => send("PATCH", path, { body, as, realm: A });
    expect((await of({ realm_ids: [A], name: "other" })).body.data).toMatchObject({
      name: "other",
      realm_ids: [A],
    });
    for (const realm_ids of [[], [B], [A, B]]) {
      const { status, body } = await of({ realm_ids });
      expect([status, body.code]).toEqual([403, "REALM_IDS_LOCKED"]);
    }
  });

  test("a confined token changes nothing that is shared beyond its realms, and sees only them", async () => {
    await data("PATCH", path, { body: { realm_ids: [A, B] } });
    const as = await inA();
    expect((await data("GET", path, { as, realm: A })).realm_ids).toEqual([A]);
    const [listed] = (await data("GET", "/containers", { as, realm: A })).containers;
    expect(listed.realm_ids).toEqual([A]);
    const calls = [
      send("PATCH", path, { body: { name: "other" }, as, realm: A }),
      send("DELETE", path, { as, realm: A }),
      send("POST", `${path}/stop`, { as, realm: A }),
    ];
    for (const { status, body } of await Promise.all(calls)) {
      expect([status, body.code]).toEqual([403, "SHARED_ACROSS_REALMS"]);
    }
    const logs = await data("GET", `${path}/status-logs`, { as, realm: A });
    expect(logs.pagination.total).toBe(1);
  });

  test("over gRPC, too, with a mask that clears or without one", async () => {
    const id = path.slice("/containers/".length);
    const update = (fields: object) =>
      tenants.plane.grpc(
        tenants.ada,
        ContainerService.method.updateContainer,
        create(UpdateContainerRequestSchema, { id, ...fields }),
        { realm: null },
      );
    expect(await update({ color: "#fff" })).toMatchObject({ message: { comment: "old" } });
    await update({ updateMask: { paths: ["comment", "color"] } });
    const { comment, color } = await data("GET", path);
    expect(comment).toBeNull();
    expect(color).toMatch(/^#[0-9A-F]{6}$/);
  });
});

describe("deleting a container", () => {
  test("is for who may destroy, and leaves nothing", async () => {
    const path = `/containers/${await tenants.container(projectId)}`;
    await tenants.join(projectId, ProjectLevel.EDIT);
    const refused = await send("DELETE", path, { as: tenants.bob });
    expect([refused.status, refused.body.code]).toEqual([403, "INSUFFICIENT_PERMISSIONS"]);
    const { status, body } = await send("DELETE", path);
    expect([status, body.data]).toEqual([200, null]);
    for (const [method, below] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/start"],
      ["GET", "/status-logs"],
      ["GET", "/proxy/permissions"],
    ] as const) {
      expect((await send(method, `${path}${below}`)).body.code).toBe("CONTAINER_NOT_FOUND");
    }
  });
});

describe("an upstream", () => {
  test("is changed by operators, of any tenant's container", async () => {
    const foreign = await tenants.container(
      await tenants.project([], tenants.bob),
      {},
      tenants.bob,
    );
    const path = `/containers/${foreign}/upstream`;
    const set = async (body: object, method = "PUT") => data(method, path, { body });
    const files = { port: 80, stride: 2 };
    expect(await set({ address: "10.0.0.1", programs: { files } })).toEqual({
      id: foreign,
      address: "10.0.0.1",
      programs: { files },
    });
    expect(await set({ address: "::ffff:10.0.0.2" }, "PATCH")).toMatchObject({
      address: "10.0.0.2",
      programs: { files },
    });
    expect(await set({ programs: {} })).toMatchObject({ address: "10.0.0.2", programs: {} });
    expect(await set({ address: null })).toMatchObject({ address: null });
    expect((await send("GET", `/containers/${foreign}`)).status).toBe(404);
  });

  test("says which Host a program gets, how long it may take and what it speaks; http and https have no port here", async () => {
    const id = await tenants.container(projectId);
    const path = `/containers/${id}/upstream`;
    const programs = {
      files: { port: 80, stride: 0, host: "upstream", response_timeout_s: 3600 },
      terminal: { port: 81, stride: 1, host: "keep" },
      http: { port: 0, stride: 0, response_timeout_s: 1 },
      agent: { port: 82, stride: 0, protocol: "h2c" },
      display: { port: 83, stride: 0, protocol: "http/1.1" },
    };
    const { http, ...others } = programs;
    const body = { programs: { ...others, http: { response_timeout_s: http.response_timeout_s } } };
    expect(await data("PUT", path, { body })).toMatchObject({ programs });
  });

  test.each([
    [{ address: "11.0.0.1" }, "/address", "outside where containers live"],
    [{ address: "169.254.169.254" }, "/address", "cloud metadata"],
    [{ address: "example.com" }, "/address", "no address"],
    [{ address: "" }, "/address", "empty"],
    [{ programs: { "no!": { port: 1 } } }, "/programs/no!", "no program"],
    [{ programs: { http: { port: 1 } } }, "/programs/http", "a program by its port"],
    [{ programs: { kv: { port: 1 }, sqlite: { port: 2 } } }, "/programs/sqlite", "one twice"],
    [{ programs: { files: { port: 0 } } }, "/programs/files/port", "port zero"],
    [{ programs: { files: { host: "keep" } } }, "/programs/files/port", "no port"],
    [{ programs: { files: { port: 1, host: "KEEP" } } }, "/programs/files/host", "no choice"],
    [{ programs: { files: { port: 1, host: "evil.test" } } }, "/programs/files/host", "a host"],
    [
      { programs: { files: { port: 1, response_timeout_s: 0 } } },
      "/programs/files/response_timeout_s",
      "no time",
    ],
    [
      { programs: { files: { port: 1, response_timeout_s: 3601 } } },
      "/programs/files/response_timeout_s",
      "more than an hour",
    ],
    [{ programs: { http: { port: 1, host: "upstream" } } }, "/programs/http", "a port of http"],
    [{ programs: { files: { port: 1, protocol: "h2" } } }, "/programs/files/protocol", "no choice"],
    [{ programs: { https: { protocol: "h2c" } } }, "/programs/https/protocol", "TLS is not h2c"],
    [{ programs: { http: {} } }, "/programs/http", "nothing of http"],
    [{ programs: { ssh: { host: "upstream" } } }, "/programs/ssh", "ssh has no Host"],
  ])("%j is refused at %s: %s", async (body, pointer) => {
    const path = `/containers/${await tenants.container(projectId)}/upstream`;
    const { status, body: told } = await send("PUT", path, { body });
    expect([status, told.code, told.data[0].instancePath]).toEqual([
      400,
      "INVALID_UPSTREAM",
      pointer,
    ]);
  });

  test("is nobody else's business", async () => {
    const path = `/containers/${await tenants.container(projectId, { realm_ids: [A] })}/upstream`;
    const body = { address: "10.0.0.1" };
    await tenants.join(projectId, ProjectLevel.DELETE);
    const callers = [
      [tenants.bob, undefined],
      [await tenants.token("ada", { leaves: ["containers.update"] }), undefined],
      [await inA(), A],
    ] as const;
    for (const [as, realm] of callers) {
      const refused = await send("PUT", path, { body, as, ...(realm ? { realm } : {}) });
      expect([refused.status, refused.body.code]).toEqual([403, "INSUFFICIENT_PERMISSIONS"]);
    }
    expect((await send("PUT", path, { body, realm: B })).body.code).toBe("CONTAINER_NOT_FOUND");
    expect((await send("PUT", path, { body, realm: A })).status).toBe(200);
  });
});

describe("what is shown beside a container", () => {
  const both = "include_proxy_permissions=true&include_proxy_domains=true";
  let id: string;

  beforeEach(async () => {
    id = await tenants.container(projectId, { realm_ids: [A, B] });
  });

  const groups = { ci: { type: "token", value: "s3cret", header: "X-Ci" } };
  const replace = (path: string) =>
    tenants.plane.data(tenants.ada, {
      method: "PUT",
      path: `${path}/proxy/permissions`,
      realm: null,
      body: { groups, default: "deny" },
      ifMatch: "file:v0",
    });

  test("is nothing when nobody asks", async () => {
    await replace(`/projects/${projectId}`);
    const seen = await data("GET", `/containers/${id}`);
    for (const extra of ["proxy_domains", "proxy_permissions", "project_proxy_permissions"]) {
      expect(seen).not.toHaveProperty(extra);
    }
    expect(seen).toMatchObject({
      has_proxy_permissions: true,
      proxy_permissions_scope: "project",
      has_proxy_domains: false,
      proxy_domains_count: 0,
    });
  });

  test("are both documents with their credentials, empty ones that allow where none is stored", async () => {
    await replace(`/projects/${projectId}`);
    const expected = {
      proxy_permissions: { container: id, groups: {}, default: "allow", file_version: 0 },
      project_proxy_permissions: { project: projectId, groups, default: "deny", file_version: 1 },
    };
    expect(await data("GET", `/containers/${id}?${both}`)).toMatchObject(expected);
    const { containers } = await data("GET", `/containers?${both}`);
    expect(containers).toMatchObject([expected]);
    await replace(`/containers/${id}`);
    expect(await data("GET", `/containers/${id}?${both}`)).toMatchObject({
      proxy_permissions_scope: "both",
      proxy_permissions: { groups, file_version: 1 },
    });
  });

  test("is no document of a project outside the realm", async () => {
    const here = await data("GET", `/containers/${id}?${both}`, { realm: A });
    expect(here).toHaveProperty("project_proxy_permissions");
    const there = await data("GET", `/containers/${id}?${both}`, { realm: B });
    expect(there).toHaveProperty("proxy_permissions");
    expect(there).not.toHaveProperty("project_proxy_permissions");
    expect(there).toMatchObject({ project_alias: null, proxy_permissions_scope: "none" });
  });

  test("are no documents for who may only look", async () => {
    await replace(`/containers/${id}`);
    await tenants.join(projectId, ProjectLevel.READ);
    const own = await tenants.container(await tenants.project([], tenants.bob), {}, tenants.bob);
    const seen = await data("GET", `/containers/${id}?${both}`, { as: tenants.bob });
    expect(seen).not.toHaveProperty("proxy_permissions");
    expect(seen).not.toHaveProperty("project_proxy_permissions");
    const { containers } = await data("GET", `/containers?${both}`, { as: tenants.bob });
    const shown = containers.filter((each: object) => "proxy_permissions" in each);
    expect(containers).toHaveLength(2);
    expect(shown.map((each: { id: string }) => each.id)).toEqual([own]);
  });

  test("are documents to tokens with the leaf for them, whatever there is to show", async () => {
    const reader = await tenants.token("ada", { leaves: ["containers.read"] });
    for (const path of [`/containers/${id}`, "/containers", "/containers?page=9"]) {
      const query = `${path}${path.includes("?") ? "&" : "?"}include_proxy_permissions=true`;
      const { status, body } = await send("GET", query, { as: reader });
      expect([status, body.code]).toEqual([403, "INSUFFICIENT_PERMISSIONS"]);
      expect((await send("GET", path, { as: reader })).status).toBe(200);
    }
    const leaves = ["containers.read", "resources.proxy_aliases"];
    const as = await tenants.token("ada", { leaves });
    const seen = await data("GET", `/containers/${id}?${both}`, { as });
    expect(seen).toHaveProperty("proxy_permissions");
  });

  test("are not more documents than fit an answer", async () => {
    const { store } = tenants.plane;
    const userId = await tenants.idOf("ada");
    const level = ProjectLevel.EDIT;
    const scope = { userId, realmId: null, realms: [], confinedTo: null, level };
    const big = { ci: { type: "token", value: "x".repeat(250_000), header: "X-Ci" } };
    const body = JSON.stringify({ groups: big, default: "deny" });
    const document = { expected: 0, projectVersion: null, enableProxy: true, body, hooks: null };
    await store.putDocument(scope, { kind: "project", id: projectId }, document);
    // Half of each container's is its project's.
    for (let n = 0; n < 17; n++) {
      const key = { kind: "container", id: await tenants.container(projectId) } as const;
      await store.putDocument(scope, key, document);
    }
    const page = (limit: number) => send("GET", `/containers?${both}&limit=${limit}`);
    const { status, body: told } = await page(18);
    expect([status, told.code]).toEqual([400, "INVALID_PARAMETER_VALUE"]);
    expect(told.data).toMatchObject([{ instancePath: "/limit" }]);
    const { containers } = (await page(10)).body.data;
    expect(containers).toHaveLength(10);
    expect(containers[0].project_proxy_permissions.groups).toEqual(big);
    expect((await send("GET", "/containers?limit=18")).status).toBe(200);
  });

  test("are its aliases, newest first, also in lists", async () => {
    const make = (container_id: string, alias: string) =>
      data("POST", "/proxy/aliases", { body: { container_id, alias, program: "files" } });
    const other = await tenants.container(projectId);
    await make(id, "one");
    await make(other, "two");
    const newest = await make(id, "three");
    const seen = await data("GET", `/containers/${id}?${both}`);
    expect(seen).toMatchObject({ has_proxy_domains: true, proxy_domains_count: 2 });
    expect(seen.proxy_domains).toMatchObject([newest, { alias: "one" }]);
    const { containers } = await data("GET", `/containers?sort_order=asc&${both}`);
    const names = Object.fromEntries(
      containers.map((each: { id: string; proxy_domains: { alias: string }[] }) => [
        each.id,
        each.proxy_domains.map(({ alias }) => alias),
      ]),
    );
    expect(names).toEqual({ [id]: ["three", "one"], [other]: ["two"] });
  });
});
