// Every "VERB /api/v1/…" line of the permissions' description, and what its shell lines (`hoody …`) and lines of
// TypeScript (`client.api…`) send, by its line. The curl commands are in seed-curl.test.ts; what documents do, in
// seed-calls.test.ts and seed-examples.test.ts.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Answer, type Api, loginAdmin, makePlace } from "../harness/client.ts";
import { type Program, startProgram } from "../harness/program.ts";

let program: Program;
let api: Api;

beforeAll(async () => {
  program = await startProgram();
  api = await loginAdmin(program.urls);
}, 30_000);

afterAll(() => program[Symbol.asyncDispose]());

type Fields = Readonly<Record<string, unknown>>;

const office = { type: "ip", range: "203.0.113.0/24" };
/** What every call finds: all groups and programs that the description's calls name. */
const base = {
  groups: { office, developers: office, support: office },
  permissions: { office: { http: true }, developers: { terminal: true }, support: {} },
  default: "deny",
};
const hook = { match: { path: "/api/*" }, script: { path: "/log.ts" } };

/** A project and a container with a document each, of version 1, and the container with a hook. */
class Site {
  readonly #ids: Readonly<Record<string, string>>;

  private constructor(ids: Readonly<Record<string, string>>) {
    this.#ids = ids;
  }

  static async open(): Promise<Site> {
    const { projectId, containerId } = await makePlace(api, program.urls, 9);
    const headers = { "if-match": "file:v0" };
    const put = (path: string, body: unknown) => api.data("PATCH", path, { body, headers });
    await put(`/projects/${projectId}/proxy/permissions`, base);
    const hooks = { terminal: [hook] };
    const written = await put(`/containers/${containerId}/proxy/permissions`, { ...base, hooks });
    return new Site({ projectId, containerId, hookId: written.hooks.terminal[0].id });
  }

  /** The path with ids for what stands in braces. */
  path(text: string): string {
    const { projectId = "", containerId = "", hookId = "" } = this.#ids;
    return text
      .replace("/api/v1", "")
      .replace(/^\/projects\/\{\w+\}/, `/projects/${projectId}`)
      .replace(/^\/containers\/\{\w+\}/, `/containers/${containerId}`)
      .replace("{name}", "developers")
      .replace("{oldGroupName}", "developers")
      .replace("{program}", "terminal")
      .replace("{service}", "terminal")
      .replace("{hookId}", hookId);
  }

  call(method: string, text: string, body: unknown, version: number | null): Promise<Answer> {
    return api.call(method, this.path(text), {
      ...(body === undefined ? {} : { body }),
      ...(version === null ? {} : { headers: { "if-match": `file:v${version}` } }),
    });
  }

  /** The document of a project or a container. */
  document(level: string): Promise<Answer["body"]> {
    return api.data("GET", this.path(`/${level}/{id}/proxy/permissions`));
  }
}

const ip = { range: "198.51.100.0/24" };
const jwt = { secret: "jwt-secret", algorithm: "HS256", sources: ["header:Authorization"] };
const password = { username: "admin", password: "hashed-password", salt: "unique-salt" };
const token = { value: "token-abc-123", header: "X-Api-Token" };
const rule = { program: "terminal", access: [1, 2] };
const temporary = { username: "support", password: "temporary-password-hash", salt: "salt" };

/** The lines as they stand, and a body where they show or need one. */
const routes: readonly (readonly [line: number, text: string, body?: Fields])[] = [
  [8, "GET /api/v1/projects/{id}/proxy/permissions"],
  [9, "PATCH /api/v1/projects/{id}/proxy/permissions", base],
  [10, "DELETE /api/v1/projects/{id}/proxy/permissions"],
  [11, "PATCH /api/v1/projects/{id}/proxy/permissions/default", { default: "allow" }],
  [12, "PATCH /api/v1/projects/{id}/proxy/permissions/state", { enable_proxy: false }],
  [13, "PATCH /api/v1/projects/{id}/proxy/permissions/groups/{name}/ip", ip],
  [14, "PATCH /api/v1/projects/{id}/proxy/permissions/groups/{name}/jwt", jwt],
  [15, "PATCH /api/v1/projects/{id}/proxy/permissions/groups/{name}/password", password],
  [16, "PATCH /api/v1/projects/{id}/proxy/permissions/groups/{name}/token", token],
  [17, "DELETE /api/v1/projects/{id}/proxy/permissions/groups/{name}"],
  [18, "PATCH /api/v1/projects/{id}/proxy/permissions/permissions/{name}", rule],
  [19, "DELETE /api/v1/projects/{id}/proxy/permissions/permissions/{name}"],
  [20, "DELETE /api/v1/projects/{id}/proxy/permissions/permissions/{name}/{program}"],
  [22, "GET /api/v1/containers/{id}/proxy/permissions"],
  [23, "PATCH /api/v1/containers/{id}/proxy/permissions", base],
  [24, "DELETE /api/v1/containers/{id}/proxy/permissions"],
  [25, "PATCH /api/v1/containers/{id}/proxy/permissions/state", { enable_proxy: false }],
  [26, "PATCH /api/v1/containers/{id}/proxy/permissions/default", { default: "allow" }],
  [27, "DELETE /api/v1/containers/{id}/proxy/permissions/groups/{name}"],
  [28, "PATCH /api/v1/containers/{id}/proxy/permissions/groups/{name}/ip", ip],
  [29, "PATCH /api/v1/containers/{id}/proxy/permissions/groups/{name}/jwt", jwt],
  [30, "PATCH /api/v1/containers/{id}/proxy/permissions/groups/{name}/password", password],
  [31, "PATCH /api/v1/containers/{id}/proxy/permissions/groups/{name}/token", token],
  [33, "GET /api/v1/containers/{id}/proxy/hooks"],
  [34, "POST /api/v1/containers/{id}/proxy/hooks/{service}", hook],
  [35, "PATCH /api/v1/containers/{id}/proxy/hooks/{service}/{hookId}", hook],
  [36, "DELETE /api/v1/containers/{id}/proxy/hooks/{service}/{hookId}"],
  [37, "PATCH /api/v1/containers/{id}/proxy/hooks/{service}/{hookId}/position", { position: 0 }],
  [40, "GET /api/v1/containers/{id}/proxy/settings"],
  [41, "PATCH /api/v1/containers/{id}/proxy/settings", { enable_proxy: true, default: "allow" }],
  [201, "PATCH /api/v1/projects/{id}/proxy/permissions", base],
  [202, "PATCH /api/v1/containers/{id}/proxy/permissions", base],
  [255, "PATCH /api/v1/containers/{prod_id}/proxy/permissions", base],
  [261, "PATCH /api/v1/containers/{id}/proxy/permissions/groups/support/password", temporary],
  [262, "PATCH /api/v1/containers/{id}/proxy/permissions/permissions/support", rule],
  [272, "PATCH /api/v1/containers/{api_id}/proxy/permissions", base],
  [287, "GET /api/v1/projects/{id}/proxy/permissions"],
  [293, "GET /api/v1/containers/{id}/proxy/permissions"],
  [339, "PATCH /api/v1/containers/{id}/proxy/permissions/state", { enable_proxy: false }],
  [357, "DELETE /api/v1/projects/{id}/proxy/permissions/groups/{oldGroupName}"],
];

describe("a route of the description", () => {
  test.each(routes)("line %d: %s", async (...route) => {
    const [, text, body] = route;
    const site = await Site.open();
    const [method = "", path = ""] = text.split(" ");
    const level = path.includes("/projects/") ? "projects" : "containers";
    if (method === "GET") {
      const { status, body: answer } = await site.call(method, path, body, null);
      expect([status, answer.statusCode, answer.data.etag]).toEqual([200, 200, "file:v1"]);
      return;
    }
    // The summary shows no header; the description says that every write needs it.
    const bare = await site.call(method, path, body, null);
    expect([bare.status, bare.body.code]).toEqual([428, "PRECONDITION_REQUIRED"]);
    expect((await site.call(method, path, body, 0)).status).toBe(412);
    expect((await site.document(level)).file_version).toBe(1);
    const { status, body: answer } = await site.call(method, path, body, 1);
    expect(status).toBe(method === "POST" ? 201 : 200);
    expect(answer.data).toMatchObject({ file_version: 2, etag: "file:v2" });
    expect((await site.document(level)).file_version).toBe(2);
  });
});

/** A call of a client: its line, what it says, the request that this becomes. */
type Spoken = readonly [line: number, says: string, method: string, path: string, body?: unknown];

const P = "/projects/{id}/proxy/permissions";
const C = "/containers/{id}/proxy/permissions";
const apiUsers = { secret: "jwt-secret", algorithm: "HS256", sources: ["header:Authorization"] };

const shell: readonly Spoken[] = [
  [208, "hoody projects proxy permissions get --project", "GET", P],
  [209, "hoody projects proxy permissions replace --project --if-match …", "PATCH", P, base],
  [210, "hoody projects proxy permissions delete --project --if-match", "DELETE", P],
  [
    211,
    "hoody projects proxy default --project --if-match --default deny",
    "PATCH",
    `${P}/default`,
    { default: "deny" },
  ],
  [
    212,
    "hoody projects proxy state --project --if-match",
    "PATCH",
    `${P}/state`,
    { enable_proxy: false },
  ],
  [220, "hoody containers proxy permissions get --container", "GET", C],
  [221, "hoody containers proxy permissions replace --container --if-match …", "PATCH", C, base],
  [222, "hoody containers proxy permissions delete --container --if-match", "DELETE", C],
  [
    223,
    "hoody containers proxy default --container --if-match --default allow",
    "PATCH",
    `${C}/default`,
    { default: "allow" },
  ],
  [
    231,
    'hoody projects proxy groups jwt set … --secret "jwt-secret" --algorithm HS256 --sources "header:Authorization"',
    "PATCH",
    `${P}/groups/api-users/jwt`,
    apiUsers,
  ],
  [
    232,
    'hoody projects proxy groups ip set … --group-name office --range "198.51.100.0/24"',
    "PATCH",
    `${P}/groups/office/ip`,
    ip,
  ],
  [233, "hoody projects proxy groups delete … --group-name office", "DELETE", `${P}/groups/office`],
  [
    239,
    "hoody projects proxy groups permissions set … --program terminal --access true",
    "PATCH",
    `${P}/permissions/developers`,
    { program: "terminal", access: true },
  ],
  [
    240,
    "hoody projects proxy groups permissions set … --program display --access 1",
    "PATCH",
    `${P}/permissions/developers`,
    { program: "display", access: 1 },
  ],
  [
    241,
    'hoody projects proxy groups permissions set … --program terminal --access "[1,2,3]"',
    "PATCH",
    `${P}/permissions/developers`,
    { program: "terminal", access: [1, 2, 3] },
  ],
  [
    242,
    "hoody projects proxy groups permissions clear … --group-name developers",
    "DELETE",
    `${P}/permissions/developers`,
  ],
  [
    243,
    "hoody projects proxy groups permissions delete … --program terminal",
    "DELETE",
    `${P}/permissions/developers/terminal`,
  ],
  [275, "hoody projects proxy permissions get --project", "GET", P],
  [
    309,
    "hoody projects proxy state --project --if-match",
    "PATCH",
    `${P}/state`,
    { enable_proxy: false },
  ],
  [
    310,
    "hoody containers proxy state --container --if-match",
    "PATCH",
    `${C}/state`,
    { enable_proxy: false },
  ],
  [
    311,
    "hoody containers proxy state --container --if-match --enable-proxy",
    "PATCH",
    `${C}/state`,
    { enable_proxy: true },
  ],
];

test.each(shell)("shell line %d: %s", async (...spoken) => {
  const [, , method, path, body] = spoken;
  const site = await Site.open();
  const version = method === "GET" ? null : 1;
  const { status, body: answer } = await site.call(method, path, body, version);
  expect([status, answer.statusCode]).toEqual([200, 200]);
  expect(answer.data.file_version).toBe(method === "GET" ? 1 : 2);
  if (body !== undefined && !path.includes("/groups/") && !path.includes("/permissions/")) {
    expect(answer.data).toMatchObject(body as Fields);
  }
});

const teamOnly = {
  groups: { team: { type: "ip", range: "203.0.113.0/24" } },
  permissions: { team: { terminal: [1, 2], files: true, display: 1, http: true } },
  default: "deny",
};

const typescript: readonly Spoken[] = [
  [87, "proxyPermissionsProject.replace(PROJECT_ID, { groups, … })", "PATCH", P, teamOnly],
  [93, "proxyPermissionsContainer.replace(CONTAINER_ID, { groups, … })", "PATCH", C, teamOnly],
  [214, "proxyPermissionsProject.delete(PROJECT_ID)", "DELETE", P],
  [
    215,
    "proxyPermissionsProject.updateDefault(PROJECT_ID, { default: 'deny' })",
    "PATCH",
    `${P}/default`,
    { default: "deny" },
  ],
  [225, "proxyPermissionsContainer.delete(CONTAINER_ID)", "DELETE", C],
  [
    226,
    "proxyPermissionsContainer.updateDefault(CONTAINER_ID, { default: 'allow' })",
    "PATCH",
    `${C}/default`,
    { default: "allow" },
  ],
  [
    233,
    "proxyPermissionsProject.setJwtGroup(PROJECT_ID, 'api-users', …)",
    "PATCH",
    `${P}/groups/api-users/jwt`,
    apiUsers,
  ],
  [
    234,
    "proxyPermissionsProject.setIpGroup(PROJECT_ID, 'office', { range })",
    "PATCH",
    `${P}/groups/office/ip`,
    ip,
  ],
  [
    235,
    "proxyPermissionsProject.removeAuthGroup(PROJECT_ID, 'office')",
    "DELETE",
    `${P}/groups/office`,
  ],
  [
    243,
    "proxyPermissionsProject.setGroup(PROJECT_ID, 'developers', { program: 'terminal', access: true })",
    "PATCH",
    `${P}/permissions/developers`,
    { program: "terminal", access: true },
  ],
  [
    244,
    "proxyPermissionsProject.setGroup(PROJECT_ID, 'developers', { program: 'display', access: 1 })",
    "PATCH",
    `${P}/permissions/developers`,
    { program: "display", access: 1 },
  ],
  [
    245,
    "proxyPermissionsProject.setGroup(PROJECT_ID, 'developers', { program: 'terminal', access: [1, 2, 3] })",
    "PATCH",
    `${P}/permissions/developers`,
    { program: "terminal", access: [1, 2, 3] },
  ],
  [
    246,
    "proxyPermissionsProject.removeGroup(PROJECT_ID, 'developers')",
    "DELETE",
    `${P}/permissions/developers`,
  ],
  [
    311,
    "proxyPermissionsProject.updateState(PROJECT_ID, { enable_proxy: false })",
    "PATCH",
    `${P}/state`,
    { enable_proxy: false },
  ],
  [
    312,
    "proxyPermissionsContainer.updateState(CONTAINER_ID, { enable_proxy: false })",
    "PATCH",
    `${C}/state`,
    { enable_proxy: false },
  ],
  [
    313,
    "proxyPermissionsContainer.updateState(CONTAINER_ID, { enable_proxy: true })",
    "PATCH",
    `${C}/state`,
    { enable_proxy: true },
  ],
];

describe("TypeScript lines", () => {
  // They name no version, unlike the shell and curl lines beside them, though every write has to: so they are refused as they stand.
  test.each(typescript)("line %d, %s: 428 as it stands, else well", async (...spoken) => {
    const [, , method, path, body] = spoken;
    const site = await Site.open();
    const { status, body: refused } = await site.call(method, path, body, null);
    expect([status, refused.message]).toEqual([428, "If-Match header required for this operation"]);
    const answer = await site.call(method, path, body, 1);
    expect([answer.status, answer.body.data.file_version]).toEqual([200, 2]);
  });

  test.each(["projects", "containers"])(
    "%s: what get answers is in config.data, and that can be set again",
    async (level) => {
      const site = await Site.open();
      const path = `/${level}/{id}/proxy/permissions`;
      const config = (await site.call("GET", path, undefined, null)).body;
      const again = await site.call("PATCH", path, { ...config.data }, 1);
      expect([again.status, again.body.data.file_version]).toEqual([200, 2]);
      const { etag: _, file_version: _version, ...document } = config.data;
      expect(await site.document(level)).toMatchObject(document);
      // `{ ...config }` as it stands is the envelope: taken for a document, it would be an empty one.
      const { status, body } = await site.call("PATCH", path, { ...config }, 2);
      const paths = body.data.map(({ instancePath }: { instancePath: string }) => instancePath);
      expect([status, paths]).toEqual([422, ["/statusCode", "/message", "/data"]]);
    },
  );
});

describe("hooks", () => {
  const H = "/containers/{id}/proxy/hooks";

  test("are listed by service, appended or inserted, replaced, moved and removed", async () => {
    const site = await Site.open();
    const lists = async () => {
      const { body } = await site.call("GET", H, undefined, null);
      const entries = Object.entries<{ script: { path: string } }[]>(body.data.hooks);
      return Object.fromEntries(
        entries.map(([name, hooks]) => [name, hooks.map(({ script }) => script.path)]),
      );
    };
    const scripted = (path: string) => ({ ...hook, script: { path } });
    expect(await lists()).toEqual({ terminal: ["/log.ts"] });
    const appended = await site.call("POST", `${H}/terminal`, scripted("/last.ts"), 1);
    expect(appended.body.data.hook).toMatchObject({ position: 1, script: { path: "/last.ts" } });
    const first = { ...scripted("/first.ts"), position: 0 };
    await site.call("POST", `${H}/terminal`, first, 2);
    await site.call("POST", `${H}/http`, scripted("/web.ts"), 3);
    expect(await lists()).toEqual({
      terminal: ["/first.ts", "/log.ts", "/last.ts"],
      http: ["/web.ts"],
    });
    const one = `${H}/terminal/${appended.body.data.hook.id}`;
    await site.call("PATCH", one, scripted("/other.ts"), 4);
    await site.call("PATCH", `${one}/position`, { position: 0 }, 5);
    expect((await lists()).terminal).toEqual(["/other.ts", "/first.ts", "/log.ts"]);
    await site.call("DELETE", one, undefined, 6);
    expect((await lists()).terminal).toEqual(["/first.ts", "/log.ts"]);
  });
});

describe("settings", () => {
  const S = "/containers/{id}/proxy/settings";

  test.each([
    { sent: { enable_proxy: false }, becomes: { enable_proxy: false, default: "deny" } },
    { sent: { default: "allow" }, becomes: { enable_proxy: true, default: "allow" } },
    {
      sent: { enable_proxy: false, default: "allow" },
      becomes: { enable_proxy: false, default: "allow" },
    },
  ])("either or both are changed: $sent", async ({ sent, becomes }) => {
    const site = await Site.open();
    const before = await site.call("GET", S, undefined, null);
    expect(before.body.data).toEqual({
      enable_proxy: true,
      default: "deny",
      file_version: 1,
      etag: "file:v1",
    });
    const { status, body } = await site.call("PATCH", S, sent, 1);
    expect([status, body.data]).toEqual([200, { ...becomes, file_version: 2, etag: "file:v2" }]);
    expect((await site.call("GET", S, undefined, null)).body.data).toEqual(body.data);
    // The document has them, too, and the rest of it stays.
    const { groups, permissions } = base;
    expect(await site.document("containers")).toMatchObject({ groups, permissions, ...becomes });
  });

  test("neither is no change", async () => {
    const site = await Site.open();
    expect((await site.call("PATCH", S, {}, 1)).status).toBeOneOf([400, 422]);
    expect((await site.document("containers")).file_version).toBe(1);
  });
});

test("an alias stands beside the permissions of its container, which stay as they are", async () => {
  const site = await Site.open();
  const [, , container_id = ""] = site.path("/containers/{id}").split("/");
  const body = { container_id, alias: "after-aliases", program: "http", port: 3000 };
  const made = await api.call("POST", "/proxy/aliases", { body });
  expect(made.status).toBe(201);
  expect(await api.data("GET", `/proxy/aliases/${made.body.data.id}`)).toMatchObject({
    container_id,
    alias: "after-aliases",
    index: 3000,
    enabled: true,
  });
  expect(await site.document("containers")).toMatchObject({ ...base, file_version: 1 });
});
