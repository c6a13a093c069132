// M: what a caller learns of what is outside its realm, over REST and gRPC. Every call at random: test/non-interference.test.ts;
// reflection and health (M7): test/e2e/grpc.test.ts.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  ContainerService,
  GetContainerRequestSchema,
} from "../../proto/gen/realmgate/v1/containers_pb.ts";
import {
  DeletePermissionsRequestSchema,
  ProjectPermissionsService,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import {
  GetProjectRequestSchema,
  ProjectService,
} from "../../proto/gen/realmgate/v1/projects_pb.ts";
import type { Seen } from "../harness/control-plane.ts";
import { Tenants } from "../harness/tenants.ts";
import { answerTo } from "../harness/wire.ts";

setDefaultTimeout(30_000);

const A = "a".repeat(24);
const B = "b".repeat(24);
const NOBODY = "0123456789abcdef01234567";

let tenants: Tenants;
/** Ada's, one in each realm. */
let mine: { project: string; container: string };
let hidden: { project: string; container: string };
/** Confined to realm A. */
let confined: string;

beforeAll(async () => {
  tenants = await Tenants.open();
  const place = async (realm: string) => {
    const project = await tenants.project([realm]);
    return { project, container: await tenants.container(project, { realm_ids: [realm] }) };
  };
  mine = await place(A);
  hidden = await place(B);
  confined = await tenants.token("ada", { realmIds: [A] });
});
afterAll(() => tenants[Symbol.asyncDispose]());

interface Asked {
  readonly body?: unknown;
  readonly ifMatch?: string;
  readonly realm?: string | null;
}

function call(
  method: string,
  path: string,
  { body, ifMatch, realm = A }: Asked = {},
  as = confined,
): Promise<Seen> {
  const rest = {
    ...(body === undefined ? {} : { body }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
  };
  return tenants.plane.call(as, { method, path, realm, ...rest });
}

const group = { groups: { g: { type: "ip", range: "10.0.0.0/8" } }, default: "deny" };
/** Calls on one project P and one container C, each with what would be wrong with it besides. */
const calls: readonly [string, string, string, Asked][] = [
  ["GET", "/projects/P", "nothing", {}],
  ["GET", "/containers/C", "nothing", {}],
  ["GET", "/projects/P/containers", "nothing", {}],
  ["GET", "/projects/P/permissions", "nothing", {}],
  ["GET", "/projects/P/proxy/permissions", "nothing", {}],
  ["GET", "/containers/C/proxy/permissions", "nothing", {}],
  ["GET", "/containers/C/proxy/settings", "nothing", {}],
  ["DELETE", "/projects/P", "nothing", {}],
  ["DELETE", "/containers/C", "nothing", {}],
  ["PATCH", "/projects/P", "a name that is taken (409)", { body: { alias: "taken" } }],
  ["PUT", "/projects/P/proxy/permissions", "no If-Match (428)", { body: group }],
  [
    "PUT",
    "/projects/P/proxy/permissions",
    "a stale If-Match (412)",
    { body: group, ifMatch: "file:v9" },
  ],
  [
    "PUT",
    "/projects/P/proxy/permissions",
    "a malformed If-Match (412)",
    { body: group, ifMatch: "*" },
  ],
  [
    "PUT",
    "/containers/C/proxy/permissions",
    "a bad range (400)",
    { body: { groups: { g: { type: "ip", range: "x" } } }, ifMatch: "file:v0" },
  ],
  [
    "PATCH",
    "/containers/C/proxy/permissions/groups/g/ip",
    "a bad range (400)",
    { body: { range: "x" }, ifMatch: "file:v0" },
  ],
  ["DELETE", "/containers/C/proxy/permissions", "a stale If-Match (412)", { ifMatch: "file:v9" }],
];

const pathOn = (path: string, ids: typeof mine) =>
  path.replace(/\/P(?=\/|$)/, `/${ids.project}`).replace(/\/C(?=\/|$)/, `/${ids.container}`);

describe("M1, M2 what is outside is not there, and that is said before anything else", () => {
  test.each(calls)(
    "M1 M2 %s %s with %s: the same bytes as for an id that nobody has, 404",
    async (method, path, _wrong, asked) => {
      const nobody = { project: NOBODY, container: NOBODY };
      const outside = await call(method, pathOn(path, hidden), asked);
      expect(outside).toEqual(await call(method, pathOn(path, nobody), asked));
      expect([outside.status, outside.text.includes(hidden.project)]).toEqual([404, false]);
      // The path leads somewhere: with an id of the realm's it is another answer.
      if (method === "GET")
        expect((await call(method, pathOn(path, mine), asked)).status).toBe(200);
    },
  );

  // The message has to be read before there is an id in it: its shape comes first, for every id alike.
  test("M2 only the shape of a message is judged before, and tells nothing", async () => {
    const asked = { body: { defualt: "deny" }, ifMatch: "file:v0" };
    const outside = await call("PUT", `/projects/${hidden.project}/proxy/permissions`, asked);
    const nobody = await call("PUT", `/projects/${NOBODY}/proxy/permissions`, asked);
    expect(outside).toEqual(nobody);
    expect(outside.status).toBe(422);
  });

  test("M1 over gRPC it is NOT_FOUND, the same for both", async () => {
    const realm = A;
    const answers = async (project: string, container: string) => [
      await tenants.plane.grpc(
        confined,
        ProjectService.method.getProject,
        create(GetProjectRequestSchema, { id: project }),
        { realm },
      ),
      await tenants.plane.grpc(
        confined,
        ContainerService.method.getContainer,
        create(GetContainerRequestSchema, { id: container }),
        { realm },
      ),
      await tenants.plane.grpc(
        confined,
        ProjectPermissionsService.method.deletePermissions,
        create(DeletePermissionsRequestSchema, { id: project }),
        { realm, ifMatch: "file:v9" },
      ),
    ];
    const outside = await answers(hidden.project, hidden.container);
    expect(outside).toEqual(await answers(NOBODY, NOBODY));
    expect(outside.map((answer) => (answer.ok ? 0 : answer.status))).toEqual([5, 5, 5]);
  });
});

describe("M3 lists, counts, pages, filters and conflicts have nothing of other realms", () => {
  const lists = [
    "/projects/",
    "/containers/",
    "/realms/?include_usage=true",
    "/projects/?limit=1&page=2",
    "/containers/?limit=1&page=2",
    `/projects/?realm_id=${B}`,
    `/containers/?realm_id=${B}`,
    "/proxy/aliases",
    "/auth/tokens",
  ];

  test("M3 they are the same before and after others make things", async () => {
    const told = async () => {
      const answers: Seen[] = [];
      for (const path of lists) answers.push(await call("GET", path));
      return answers;
    };
    const before = await told();
    expect(before.map(({ status }) => status)).toEqual(lists.map(() => 200));
    const project = await tenants.project([B]);
    await tenants.container(project, { realm_ids: [B] });
    await tenants.token("ada", { realmIds: [B] });
    await tenants.project([], tenants.bob);
    expect(await told()).toEqual(before);
    for (const { text } of before) expect(text).not.toContain(hidden.project);
  });

  test("M3 a name that is taken outside is free inside", async () => {
    await tenants.data("POST", "/projects/", { body: { alias: "same-name", realm_ids: [B] } });
    const inside = await call("POST", "/projects/", { body: { alias: "same-name" } });
    expect(inside.status).toBe(201);
    expect((await call("POST", "/projects/", { body: { alias: "same-name" } })).status).toBe(409);
  });
});

describe("M4 a realm host is one realm, however it is spelled, or 400", () => {
  const ask = (lines: string[]) =>
    answerTo(
      tenants.plane.restPort,
      [
        `GET /api/v1/projects/${mine.project} HTTP/1.1`,
        ...lines,
        `Authorization: ${confined}`,
        "Connection: close",
        "\r\n",
      ].join("\r\n"),
    );
  test.each<[string, string[], number]>([
    ["as it is", [`Host: ${A}.api.localhost`], 200],
    ["in upper case", [`Host: ${A.toUpperCase()}.API.localhost`], 200],
    ["with a port", [`Host: ${A}.api.localhost:8080`], 200],
    ["with a trailing dot", [`Host: ${A}.api.localhost.`], 200],
    ["twice", [`Host: ${A}.api.localhost`, `Host: ${A}.api.localhost`], 400],
    ["with another", [`Host: ${A}.api.localhost`, `Host: ${B}.api.localhost`], 400],
    [
      "with another, the other way round",
      [`Host: ${B}.api.localhost`, `Host: ${A}.api.localhost`],
      400,
    ],
    ["with another as a label", [`Host: ${A}.${B}.api.localhost`], 400],
    ["not leading", [`Host: api.${A}.localhost`], 400],
    ["with userinfo", [`Host: x@${A}.api.localhost`], 400],
    ["with a path", [`Host: ${A}.api.localhost/x`], 400],
    ["with a space", [`Host: ${A} .api.localhost`], 400],
    ["encoded", [`Host: %61${A.slice(1)}.api.localhost`], 400],
    ["empty", ["Host:"], 400],
    ["none", [], 400],
  ])("M4 %s", async (_what, lines, status) => {
    expect((await ask(lines))?.status).toBe(status);
  });
});

describe("M5 an id is said in the path", () => {
  test.each([
    ["PATCH", "/projects/P", { id: NOBODY, alias: "x-renamed" }],
    ["PUT", "/projects/P/proxy/permissions/default", { id: NOBODY, default: "deny" }],
    ["PATCH", "/containers/C", { id: NOBODY, name: "x-renamed" }],
  ])(
    "M5 %s %s with another in the body is 422, and nothing is changed",
    async (method, path, body) => {
      const before = await call("GET", pathOn(path.replace("/default", ""), mine));
      const answer = await call(method, pathOn(path, mine), { body, ifMatch: "file:v0" });
      expect([answer.status, JSON.parse(answer.text).data[0].instancePath]).toEqual([422, "/id"]);
      expect(await call("GET", pathOn(path.replace("/default", ""), mine))).toEqual(before);
    },
  );

  test.each([
    [{ created_at: "2020-01-01T00:00:00.000Z" }, "/created_at"],
    [{ update_mask: "id", alias: "y" }, "/update_mask"],
    [{ user_id: NOBODY }, "/user_id"],
  ])("M5 what nobody may set is no field of an update: %j", async (body, at) => {
    const answer = await call("PATCH", `/projects/${mine.project}`, { body });
    expect([answer.status, JSON.parse(answer.text).data[0].instancePath]).toEqual([422, at]);
  });
});

describe("M10 a project's document is not a confined caller's while it holds for what is not", () => {
  const writes: readonly [string, string, unknown][] = [
    ["PUT", "", { groups: {}, permissions: {}, default: "allow" }],
    ["DELETE", "", undefined],
    ["PATCH", "/default", { default: "allow" }],
    ["PATCH", "/state", { enable_proxy: false }],
    ["PATCH", "/groups/office/ip", { range: "0.0.0.0/0" }],
    ["PUT", "?validate_only=true", { groups: {}, permissions: {}, default: "allow" }],
  ];

  test.each([[[B]], [[]], [[A, B]]])("a container in realms %j", async (realmIds) => {
    const project = await tenants.project([A]);
    const own = await tenants.container(project, { name: "own", realm_ids: [A] });
    const path = `/projects/${project}/proxy/permissions`;
    expect(
      (await call("PATCH", `${path}/default`, { body: { default: "deny" }, ifMatch: "file:v0" }))
        .status,
    ).toBe(200);
    const other = await tenants.container(project, { name: "other", realm_ids: realmIds });
    for (const [method, rest, body] of writes) {
      const { status, text } = await call(method, `${path}${rest}`, { body, ifMatch: "file:v1" });
      expect([method, rest, status, JSON.parse(text).code]).toEqual([
        method,
        rest,
        403,
        "SHARED_ACROSS_REALMS",
      ]);
    }
    const kept = await tenants.data("GET", path);
    expect([kept.default, kept.file_version]).toEqual(["deny", 1]);
    // Its own containers' documents are, and so is the project's once nothing else is in it.
    const ownDocument = await call("PATCH", `/containers/${own}/proxy/permissions/default`, {
      body: { default: "allow" },
      ifMatch: "file:v0",
    });
    expect(ownDocument.status).toBe(200);
    expect((await tenants.send("DELETE", `/containers/${other}`)).status).toBe(200);
    const after = await call("PATCH", `${path}/state`, {
      body: { enable_proxy: false },
      ifMatch: "file:v1",
    });
    expect(after.status).toBe(200);
  });
});

describe("M6 a token of one realm elsewhere", () => {
  test.each<[string, string | null, string]>([
    ["on the host of another realm", B, "REALM_NOT_ALLOWED"],
    ["on the host without a realm", null, "REALM_SCOPE_REQUIRED"],
  ])("M6 %s is 403, whatever it asks for", async (_where, realm, code) => {
    for (const path of [
      `/projects/${hidden.project}`,
      `/projects/${NOBODY}`,
      `/projects/${mine.project}`,
      "/projects/",
      "/containers/",
    ]) {
      const { status, text } = await call("GET", path, { realm });
      expect([status, JSON.parse(text).code]).toEqual([403, code]);
      expect(text).not.toContain(hidden.project);
    }
  });

  test("M6 over gRPC, too", async () => {
    for (const realm of [B, null]) {
      const message = create(GetProjectRequestSchema, { id: hidden.project });
      const answer = await tenants.plane.grpc(confined, ProjectService.method.getProject, message, {
        realm,
      });
      expect(answer.ok ? 0 : answer.status).toBe(7);
    }
  });

  test("M6 it may only ask who it is there", async () => {
    expect((await call("GET", "/auth/tokens/me", { realm: null })).status).toBe(200);
  });
});
