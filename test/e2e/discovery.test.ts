// What a container's document has, in short: groups, programs, and everything said of one program.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Answer, type Api, loginAdmin, makePlace } from "../harness/client.ts";
import { type Program, startProgram } from "../harness/program.ts";

let program: Program;
let api: Api;
let path: string;
let project: string;

beforeAll(async () => {
  program = await startProgram();
  api = await loginAdmin(program.urls);
});

afterAll(() => program[Symbol.asyncDispose]());

async function newContainer(): Promise<void> {
  const place = await makePlace(api, program.urls, 9);
  path = `/containers/${place.containerId}/proxy`;
  project = `/projects/${place.projectId}/proxy/permissions`;
}

// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
const get = (what: string): Promise<any> => api.data("GET", `${path}/${what}`);
const at = (version: number) => ({ file_version: version, etag: `file:v${version}` });

function put(where: string, body: unknown): Promise<Answer["body"]> {
  return api.data("PUT", where, { body, headers: { "if-match": "file:v0" } });
}

const hook = { match: {}, script: { path: "/a.ts" } };
const secret = "a secret that nobody is told";
const document = {
  groups: {
    zebra: { type: "ip", range: "10.0.0.0/8" },
    Ant: { type: "token", value: secret, header: "X" },
    bee: { type: "password", username: secret, password: secret, salt: "s" },
    "_-": { type: "ip", range: "10.0.0.0/8", enabled: false },
  },
  permissions: {
    zebra: { http: [8080, 80], terminal: "1-3", kv: false },
    Ant: { terminal: true, constructor: 1, logs: true },
    bee: {},
  },
  default: "allow",
  hooks: { files: [hook, hook], http: [hook] },
};

describe("of a container without a document", () => {
  beforeAll(async () => {
    await newContainer();
    await put(project, { ...document, hooks: undefined });
  });

  test("nothing of its project's is shown", async () => {
    expect(await get("groups")).toEqual({ groups: [], ...at(0) });
    expect(await get("services")).toEqual({ services: [], ...at(0) });
    expect(await get("services/terminal")).toEqual({
      service: "terminal",
      is_reject_listed: false,
      permissions_raw: {},
      hooks: [],
      effective_default: "deny",
      ...at(0),
    });
  });
});

describe("of a container with one", () => {
  beforeAll(async () => {
    await newContainer();
    await put(`${path}/permissions`, document);
  });

  test("the groups are named in order, without a word of their secrets", async () => {
    const groups = ["Ant", "_-", "bee", "zebra"].map((name) => ({ name, auth_rule_count: 1 }));
    expect(await get("groups")).toEqual({ groups, ...at(1) });
  });

  test("the programs that permissions or hooks name are, under their canonical names", async () => {
    const services = ["constructor", "files", "http", "logs", "sqlite", "terminal"];
    expect(await get("services")).toEqual({ services, ...at(1) });
  });

  test.each([
    ["terminal", { service: "terminal", permissions_raw: { Ant: true, zebra: "1-3" }, hooks: [] }],
    ["http", { service: "http", permissions_raw: { zebra: [8080, 80] }, hooks: [hook] }],
    ["files", { service: "files", permissions_raw: {}, hooks: [hook, hook] }],
    ["kv", { service: "sqlite", permissions_raw: { zebra: false }, hooks: [] }],
    ["constructor", { service: "constructor", permissions_raw: { Ant: 1 }, hooks: [] }],
    ["nobody-knows", { service: "nobody-knows", permissions_raw: {}, hooks: [] }],
    [
      "logs",
      { service: "logs", permissions_raw: { Ant: true }, hooks: [], is_reject_listed: true },
    ],
    [
      "workspaces",
      { service: "workspaces", permissions_raw: {}, hooks: [], is_reject_listed: true },
    ],
  ])("of %s everything is said", async (service, expected) => {
    const view = await get(`services/${service}`);
    expect(Object.keys(view).toSorted()).toEqual([
      "effective_default",
      "etag",
      "file_version",
      "hooks",
      "is_reject_listed",
      "permissions_raw",
      "service",
    ]);
    const more = { is_reject_listed: false, effective_default: "allow", ...at(1), ...expected };
    expect(view).toMatchObject(more);
    expect(view.permissions_raw).toEqual(more.permissions_raw);
    expect(view.hooks).toHaveLength(more.hooks.length);
  });

  test("the version stands in the ETag, too", async () => {
    for (const what of ["groups", "services", "services/http"]) {
      const answer = await api.call("GET", `${path}/${what}`);
      expect([what, answer.headers.get("etag")]).toEqual([what, '"file:v1"']);
      expect(answer.headers.has("x-realmgate-revision")).toBeFalse();
    }
  });

  test("what is no program name is refused, and so is a container that is not there", async () => {
    expect((await api.call("GET", `${path}/services/No_such`)).status).toBe(422);
    for (const what of ["groups", "services", "services/http"]) {
      const answer = await api.call("GET", `/containers/${"0".repeat(24)}/proxy/${what}`);
      expect([answer.status, answer.body.code]).toEqual([404, "CONTAINER_NOT_FOUND"]);
    }
  });
});

test("hooks alone are named, and make no document", async () => {
  await newContainer();
  const options = { body: hook, headers: { "if-match": "file:v0" } };
  await api.data("POST", `${path}/hooks/terminal`, options);
  expect(await get("services")).toEqual({ services: ["terminal"], ...at(1) });
  expect(await get("settings")).toEqual({ enable_proxy: true, default: "allow", ...at(1) });
  const [, containerId] = path.slice(1).split("/");
  const container = await api.data("GET", `/containers/${containerId}`);
  expect(container.has_proxy_permissions).toBeFalse();
});
