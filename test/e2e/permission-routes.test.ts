// Every route of the permission documents at both levels: envelope, versions, stored effect.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  type Answer,
  type Api,
  type Level,
  loginAdmin,
  makePlace,
  type Place,
  statusThrough,
} from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Upstream } from "../harness/program.ts";

const levels: readonly Level[] = ["projects", "containers"];
const nameOf = { projects: "Project", containers: "Container" } as const;

/** Of a client that no group here knows, and of one in `office`. */
const stranger = { from: "203.0.113.9" };
const colleague = { from: "10.1.2.3" };

let program: Program;
let upstream: Upstream;
let api: Api;
/** A place for the tests that put a document of their own there first. */
let common: Place;

beforeAll(async () => {
  [program, upstream] = await Promise.all([startProgram(), startUpstream()]);
  api = await loginAdmin(program.urls);
  common = await makePlace(api, program.urls, upstream.port);
});

afterAll(async () => {
  await Promise.all([program[Symbol.asyncDispose](), upstream[Symbol.asyncDispose]()]);
});

const documentAt = (place: Place, level: Level) =>
  level === "projects" ? place.project : place.container;
const newPlace = () => makePlace(api, program.urls, upstream.port);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const office = { type: "ip", range: "10.0.0.0/8" };
const ci = { type: "token", value: "t0ken", header: "X-Ci" };
/** What each write starts from. */
const base = {
  groups: { office, ci },
  permissions: { office: { http: true, files: [1, 2] }, ci: { exec: 1 } },
  default: "deny",
};

const password = { username: "u", password: "p4ss", salt: "s" };
const digest = sha256("sp4ss");
const jwt = {
  secret: "k".repeat(32),
  algorithm: "HS256",
  sources: ["header:Authorization", "cookie:session"],
  claims: { aud: "a", level: 3, staff: true },
};

/** One write: where, what, and what of the document it changes. `message` is null where the contract names none. */
interface Write {
  readonly name: string;
  readonly verbs: readonly string[];
  readonly sub: string;
  readonly body?: unknown;
  readonly message: string | null;
  readonly becomes: object;
}

const sets = ["PATCH", "PUT"];
const writes: readonly Write[] = [
  {
    name: "replace",
    verbs: sets,
    sub: "",
    body: { groups: { office }, permissions: { office: { ssh: true } }, default: "allow" },
    message: "{level} proxy permissions updated successfully",
    becomes: { groups: { office }, permissions: { office: { ssh: true } }, default: "allow" },
  },
  {
    name: "replace by nothing",
    verbs: sets,
    sub: "",
    body: {},
    message: "{level} proxy permissions updated successfully",
    becomes: { groups: {}, permissions: {}, default: "deny" },
  },
  {
    name: "delete",
    verbs: ["DELETE"],
    sub: "",
    message: "{level} proxy permissions deleted successfully",
    becomes: { groups: {}, permissions: {}, default: "allow" },
  },
  {
    name: "default",
    verbs: sets,
    sub: "/default",
    body: { default: "allow" },
    message: "Default policy updated successfully",
    becomes: { default: "allow" },
  },
  {
    name: "state",
    verbs: sets,
    sub: "/state",
    body: { enable_proxy: false },
    message: null,
    becomes: { enable_proxy: false },
  },
  {
    name: "a new ip group",
    verbs: sets,
    sub: "/groups/vpn/ip",
    body: { range: "192.168.7.9/24" },
    message: "IP authentication group configured successfully",
    becomes: { groups: { ...base.groups, vpn: { type: "ip", range: "192.168.7.0/24" } } },
  },
  {
    name: "an ip group in another one's place",
    verbs: sets,
    sub: "/groups/office/ip",
    body: { range: "172.16.0.0/12", enabled: false },
    message: "IP authentication group configured successfully",
    becomes: { groups: { ci, office: { type: "ip", range: "172.16.0.0/12", enabled: false } } },
  },
  {
    name: "a jwt group",
    verbs: sets,
    sub: "/groups/sso/jwt",
    body: jwt,
    message: "JWT authentication group configured successfully",
    becomes: { groups: { ...base.groups, sso: { type: "jwt", ...jwt } } },
  },
  {
    name: "a password group, kept as a digest",
    verbs: sets,
    sub: "/groups/ops/password",
    body: password,
    message: "Password authentication group configured successfully",
    becomes: {
      groups: {
        ...base.groups,
        ops: { type: "password", ...password, password: digest, algorithm: "sha256" },
      },
    },
  },
  {
    name: "a password group in the place of an ip group",
    verbs: sets,
    sub: "/groups/office/password",
    body: { ...password, password: digest },
    message: "Password authentication group configured successfully",
    becomes: {
      groups: {
        ci,
        office: { type: "password", ...password, password: digest, algorithm: "sha256" },
      },
    },
  },
  {
    name: "a token group",
    verbs: sets,
    sub: "/groups/bot/token",
    body: { value: "v", param: "key" },
    message: "Token authentication group configured successfully",
    becomes: { groups: { ...base.groups, bot: { type: "token", value: "v", param: "key" } } },
  },
  {
    name: "delete a group, its permissions too",
    verbs: ["DELETE"],
    sub: "/groups/office",
    message: null,
    becomes: { groups: { ci }, permissions: { ci: base.permissions.ci } },
  },
  {
    name: "one permission more",
    verbs: sets,
    sub: "/permissions/office",
    body: { program: "ssh", access: true },
    message: "Group program permission set successfully",
    becomes: {
      permissions: { ...base.permissions, office: { ...base.permissions.office, ssh: true } },
    },
  },
  {
    name: "another permission in its place",
    verbs: sets,
    sub: "/permissions/office",
    body: { program: "http", access: "8000-8080" },
    message: "Group program permission set successfully",
    becomes: { permissions: { ...base.permissions, office: { http: "8000-8080", files: [1, 2] } } },
  },
  {
    name: "a permission by another name of its program",
    verbs: sets,
    sub: "/permissions/office",
    body: { program: "workspaces", access: [2] },
    message: "Group program permission set successfully",
    becomes: {
      permissions: { ...base.permissions, office: { ...base.permissions.office, agent: [2] } },
    },
  },
  {
    name: "clear the permissions of a group, which stays",
    verbs: ["DELETE"],
    sub: "/permissions/office",
    message: "All group permissions removed successfully",
    becomes: { permissions: { ci: base.permissions.ci } },
  },
  {
    name: "delete one permission",
    verbs: ["DELETE"],
    sub: "/permissions/office/http",
    message: "Program permission removed successfully",
    becomes: { permissions: { ...base.permissions, office: { files: [1, 2] } } },
  },
];

/** Puts `base` there, whatever was there before; its version. */
async function reset(level: Level): Promise<number> {
  const document = documentAt(common, level);
  const { etag } = await document.get();
  const options = { body: base, headers: { "if-match": etag } };
  return (await api.data("PATCH", document.path, options)).file_version;
}

/** All the ip groups of these documents are IPv4. */
function warningsOf(groups: Record<string, { type: string; enabled?: boolean }>) {
  return Object.values(groups).some(({ type, enabled }) => type === "ip" && enabled !== false)
    ? ["The ip groups name only IPv4 ranges: clients that come over IPv6 match none of them."]
    : undefined;
}

describe.each([...levels])("%s: a write", (level) => {
  const cases = writes.flatMap((write) =>
    write.verbs.flatMap((verb) =>
      ["", "/"].map(
        (slash) => [`${verb} ${write.sub}${slash}`, write.name, verb, slash, write] as const,
      ),
    ),
  );

  test.each(cases)("%s (%s) answers with the document and keeps it", async (...row) => {
    const [, , verb, slash, write] = row;
    const document = documentAt(common, level);
    const before = await reset(level);
    const answer = await api.call(verb, `${document.path}${write.sub}${slash}`, {
      ...(write.body === undefined ? {} : { body: write.body }),
      headers: { "if-match": `file:v${before}` },
    });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).sort()).toEqual(["data", "message", "statusCode"]);
    expect(answer.body.statusCode).toBe(200);
    if (write.message !== null) {
      expect(answer.body.message).toBe(write.message.replace("{level}", nameOf[level]));
    }
    const version = before + 1;
    const expected = {
      ...base,
      ...write.becomes,
      project: common.projectId,
      ...(level === "containers" ? { container: common.containerId } : {}),
      enable_proxy: true,
      ...write.becomes,
      file_version: version,
      etag: `file:v${version}`,
      schema_version: 2,
    };
    const { warnings, ...data } = answer.body.data;
    expect(data).toEqual(expected);
    expect(warnings).toEqual(write.sub === "/state" ? undefined : warningsOf(data.groups));
    expect(answer.headers.get("etag")).toBe(`"file:v${version}"`);
    expect(answer.headers.get("x-realmgate-revision")).toMatch(/^[A-Za-z0-9_-]{20,}$/);
    expect(answer.headers.get("content-type")).toStartWith("application/json");
    expect(await document.get()).toEqual(expected);
  });

  test("names a group or a permission that there is", async () => {
    const { path } = documentAt(common, level);
    const version = await reset(level);
    const headers = { "if-match": `file:v${version}` };
    const body = { program: "http", access: true };
    for (const [method, sub, code, message, more] of [
      ["DELETE", "/groups/ghost", "GROUP_NOT_FOUND", "Group not found", {}],
      ["PATCH", "/permissions/ghost", "GROUP_NOT_FOUND", "Group not found", { body }],
      ["DELETE", "/permissions/ghost", "GROUP_NOT_FOUND", "Group not found", {}],
      ["DELETE", "/permissions/ghost/http", "GROUP_NOT_FOUND", "Group not found", {}],
      [
        "DELETE",
        "/permissions/ci/http",
        "PERMISSION_NOT_FOUND",
        "Program permission not found",
        {},
      ],
      ["DELETE", "/groups/constructor", "GROUP_NOT_FOUND", "Group not found", {}],
      [
        "DELETE",
        "/permissions/ci/constructor",
        "PERMISSION_NOT_FOUND",
        "Program permission not found",
        {},
      ],
    ] as const) {
      const answer = await api.call(method, `${path}${sub}`, { headers, ...more });
      expect([sub, answer.status, answer.body]).toEqual([
        sub,
        404,
        { statusCode: 404, error: "Not Found", message, code },
      ]);
    }
    expect((await documentAt(common, level).get()).file_version).toBe(version);
  });

  test("deletes a permission by any name of its program", async () => {
    const { path } = documentAt(common, level);
    const version = await reset(level);
    const set = await api.data("PATCH", `${path}/permissions/ci`, {
      body: { program: "kv", access: 3 },
      headers: { "if-match": `file:v${version}` },
    });
    expect(set.permissions.ci).toEqual({ exec: 1, sqlite: 3 });
    const deleted = await api.data("DELETE", `${path}/permissions/ci/db`, {
      headers: { "if-match": set.etag },
    });
    expect(deleted.permissions.ci).toEqual({ exec: 1 });
  });

  test("of the same again makes another version", async () => {
    const { path } = documentAt(common, level);
    const version = await reset(level);
    const options = { body: base, headers: { "if-match": `file:v${version}` } };
    expect(await api.data("PUT", path, options)).toMatchObject({ file_version: version + 1 });
  });
});

describe.each([...levels])("%s: reading", (level) => {
  test.each(["", "/"])(
    "answers alike with %j at the end, with tag and without revision",
    async (slash) => {
      const version = await reset(level);
      const answer = await api.call("GET", `${documentAt(common, level).path}${slash}`);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({
        statusCode: 200,
        message: `${nameOf[level]} proxy permissions retrieved successfully`,
        data: { ...base, file_version: version, etag: `file:v${version}` },
      });
      expect(answer.headers.get("etag")).toBe(`"file:v${version}"`);
      expect(answer.headers.has("x-realmgate-revision")).toBeFalse();
      expect(answer.headers.get("cache-control")).toBe("no-store");
    },
  );

  test("what was never stored is empty, open and of version 0", async () => {
    const place = await newPlace();
    const answer = await api.call("GET", documentAt(place, level).path);
    expect(answer.headers.get("etag")).toBe('"file:v0"');
    expect(answer.body.data).toEqual({
      project: place.projectId,
      ...(level === "containers" ? { container: place.containerId } : {}),
      groups: {},
      permissions: {},
      default: "allow",
      enable_proxy: true,
      file_version: 0,
      etag: "file:v0",
      schema_version: 2,
    });
  });

  test("shows secrets as they are and passwords as digests", async () => {
    const document = documentAt(common, level);
    await reset(level);
    await document.write("PUT", "", {
      groups: {
        ops: { type: "password", ...password },
        sso: { type: "jwt", ...jwt },
        ci,
      },
    });
    const answer = await api.call("GET", document.path);
    expect(answer.body.data.groups).toMatchObject({
      ops: { password: digest, salt: "s", username: "u" },
      sso: { secret: jwt.secret },
      ci: { value: ci.value },
    });
    expect(JSON.stringify(answer.body)).not.toContain(password.password);
  });

  test("gives what can be sent back as it is", async () => {
    const document = documentAt(common, level);
    await reset(level);
    await document.write("PUT", "", {
      groups: {
        ops: { type: "password", ...password, enabled: false },
        weak: { type: "jwt", secret: "short", sources: ["header:X"], claims: { n: 0, s: "" } },
        office: { type: "ip", range: "10.9.9.9/8" },
        ci,
      },
      permissions: { ops: { workspaces: true, http: "1-2" }, ci: { files: [], exec: "*" } },
      combine: "all",
      default: "allow",
      enable_proxy: false,
    });
    const first = await document.get();
    const { body } = await document.replace(first);
    const { warnings, ...second } = body.data;
    expect(warnings).toHaveLength(3);
    const version = first.file_version + 1;
    expect(second).toEqual({ ...first, file_version: version, etag: `file:v${version}` });
    expect(await document.get()).toEqual(second);
  });

  test("a group and its permissions may be sent as JSON text", async () => {
    const { path } = documentAt(common, level);
    const version = await reset(level);
    const body = {
      groups: { office: JSON.stringify(office), ci },
      permissions: { office: JSON.stringify(base.permissions.office), ci: base.permissions.ci },
      default: "deny",
    };
    const headers = { "if-match": `file:v${version}` };
    expect(await api.data("PUT", path, { body, headers })).toMatchObject(base);
  });
});

describe.each([...levels])("%s: If-Match", (level) => {
  /** One write that any version takes, with these headers. */
  function write(headers: Readonly<Record<string, string>>): Promise<Answer> {
    const { path } = documentAt(common, level);
    return api.call("PATCH", `${path}/default`, { body: { default: "allow" }, headers });
  }

  test.each([
    ["bare", (version: number) => `file:v${version}`],
    ["quoted", (version: number) => `"file:v${version}"`],
  ])("takes the version %s", async (_why, spell) => {
    const version = await reset(level);
    const answer = await write({ "if-match": spell(version) });
    expect([answer.status, answer.body.data.file_version]).toEqual([200, version + 1]);
  });

  test.each([
    ["one version old", (version: number) => `file:v${version - 1}`],
    ["one version ahead", (version: number) => `file:v${version + 1}`],
    ["never written", () => "file:v0"],
    ["any", () => "*"],
    ["weak", (version: number) => `W/"file:v${version}"`],
    ["a list", (version: number) => `"file:v${version}", "file:v${version + 1}"`],
    ["a leading zero", (version: number) => `file:v0${version}`],
    ["a huge number", () => "file:v99999999999999999999"],
    ["another tag", () => '"abc"'],
    ["the number alone", (version: number) => `${version}`],
    ["single quotes", (version: number) => `'file:v${version}'`],
  ])("of another kind is 412 and changes nothing: %s", async (_why, spell) => {
    const version = await reset(level);
    const answer = await write({ "if-match": spell(version) });
    expect([answer.status, answer.body]).toEqual([
      412,
      {
        statusCode: 412,
        error: "Precondition Failed",
        message: "etag_mismatch",
        code: "PRECONDITION_FAILED",
      },
    ]);
    expect(await documentAt(common, level).get()).toMatchObject({ ...base, file_version: version });
  });

  test("is wanted by every write", async () => {
    const version = await reset(level);
    const { path } = documentAt(common, level);
    for (const { verbs, sub, body } of writes) {
      for (const verb of verbs) {
        const answer = await api.call(verb, `${path}${sub}`, body === undefined ? {} : { body });
        expect([verb, sub, answer.status, answer.body]).toEqual([
          verb,
          sub,
          428,
          {
            statusCode: 428,
            error: "Precondition Required",
            message: "If-Match header required for this operation",
            code: "PRECONDITION_REQUIRED",
          },
        ]);
        const stale = {
          ...(body === undefined ? {} : { body }),
          headers: { "if-match": "file:v0" },
        };
        expect((await api.call(verb, `${path}${sub}`, stale)).status).toBe(412);
      }
    }
    expect(await documentAt(common, level).get()).toMatchObject({ ...base, file_version: version });
  });

  test("is asked for after 404, and before what is in the body", async () => {
    const missing = `/${level}/${"0".repeat(24)}/proxy/permissions`;
    const bad = { range: "10.0.0.0/33" };
    const version = await reset(level);
    const { path } = documentAt(common, level);
    const status = async (url: string, headers: Readonly<Record<string, string>>) =>
      (await api.call("PATCH", `${url}/groups/x/ip`, { body: bad, headers })).status;
    expect(await status(missing, {})).toBe(404);
    expect(await status(missing, { "if-match": "*" })).toBe(404);
    expect(await status(missing, { "if-match": "file:v0" })).toBe(404);
    expect(await status(path, {})).toBe(428);
    expect(await status(path, { "if-match": "file:v0" })).toBe(412);
    expect(await status(path, { "if-match": `file:v${version}` })).toBe(400);
  });

  test("of a realm's host: what is outside answers as what is nowhere, byte for byte", async () => {
    await reset(level);
    const host = `${"a".repeat(24)}.api.localhost`;
    const { path } = documentAt(common, level);
    const nowhere = `/${level}/${"0".repeat(24)}/proxy/permissions`;
    const told = ({ status, headers, body }: Answer) => {
      const kept = new Headers(headers);
      for (const name of ["date", "x-request-id"]) kept.delete(name);
      return [status, [...kept], body];
    };
    for (const [method, headers] of [
      ["GET", { host }],
      ["DELETE", { host }],
      ["DELETE", { host, "if-match": "file:v0" }],
      ["DELETE", { host, "if-match": "file:v1" }],
    ] as const) {
      const outside = await api.call(method, path, { headers });
      expect(outside.status).toBe(404);
      expect(told(outside)).toEqual(told(await api.call(method, nowhere, { headers })));
    }
  });
});

describe.each([...levels])("%s: versions", (level) => {
  test("rise through deleting and making again, so that an old one never matches", async () => {
    const document = documentAt(await newPlace(), level);
    const steps: readonly (readonly [string, unknown?])[] = [
      ["PUT", base],
      ["DELETE"],
      ["DELETE"],
      ["PUT", base],
    ];
    for (const [version, [method, body]] of steps.entries()) {
      const options = {
        ...(body === undefined ? {} : { body }),
        headers: { "if-match": `file:v${version}` },
      };
      const data = await api.data(method, document.path, options);
      expect([data.file_version, data.default]).toEqual([version + 1, body ? "deny" : "allow"]);
    }
    for (const old of [0, 1, 2, 3]) {
      const headers = { "if-match": `file:v${old}` };
      expect((await api.call("DELETE", document.path, { headers })).status).toBe(412);
    }
    expect(await document.get()).toMatchObject({ ...base, file_version: 4 });
  });

  test("a replace that says nothing of the kill switch switches on; deleting does, too", async () => {
    const document = documentAt(common, level);
    for (const [method, body] of [["PUT", base], ["DELETE"]] as const) {
      await reset(level);
      await document.write("PATCH", "/state", { enable_proxy: false });
      const { data } = (await document.write(method, "", body)).body;
      expect(data.enable_proxy).toBeTrue();
    }
  });

  test("a part that is written keeps the kill switch as it is", async () => {
    const document = documentAt(common, level);
    await reset(level);
    await document.write("PATCH", "/state", { enable_proxy: false });
    await document.write("PATCH", "/groups/x/ip", { range: "10.0.0.0/8" });
    expect((await document.get()).enable_proxy).toBeFalse();
    await document.write("PATCH", "/state", { enable_proxy: true });
    expect(await document.get()).toMatchObject({ enable_proxy: true, groups: base.groups });
  });
});

describe("a write at a container never opens what its project's document closes", () => {
  let place: Place;
  let host: string;

  beforeEach(async () => {
    place = await newPlace();
    host = place.host("terminal-1");
  });

  const statusOf = (who: { readonly from: string }) => statusThrough(program.urls, host, who);
  const closed = {
    groups: { office },
    permissions: { office: { terminal: true } },
    default: "deny",
  };

  const groups: readonly (readonly [string, object])[] = [
    ["/groups/x/ip", { range: "192.0.2.0/24" }],
    ["/groups/x/jwt", jwt],
    ["/groups/x/password", password],
    ["/groups/x/token", { value: "v", header: "X-Key" }],
  ];

  test.each(groups)("the first write is %s", async (sub, body) => {
    await place.project.replace(closed);
    const { data } = (await place.container.write("PATCH", sub, body)).body;
    expect([data.default, Object.keys(data.groups)]).toEqual(["deny", ["x"]]);
    expect(await statusOf(stranger)).not.toBe(200);
    expect(await statusOf(colleague)).not.toBe(200);
  });

  test.each([
    ["/permissions/state", { enable_proxy: true }],
    ["/permissions/state", { enable_proxy: false }],
    ["/settings", { enable_proxy: true }],
    ["/settings", { enable_proxy: false }],
  ])("%s with %j makes no document: the project's stays in force", async (sub, body) => {
    await place.project.replace(closed);
    const path = `/containers/${place.containerId}/proxy`;
    await api.data("PATCH", `${path}${sub}`, { body, headers: { "if-match": "file:v0" } });
    await place.container.write("PATCH", "/state", { enable_proxy: true });
    expect(await statusOf(colleague)).toBe(200);
    expect(await statusOf(stranger)).toBe(403);
    const shown = await api.data("GET", `/containers/${place.containerId}`);
    expect(shown.proxy_permissions_scope).toBe("project");
  });

  test("switching on and off comes before all else, and leaves no trace", async () => {
    await place.project.replace(closed);
    await place.container.write("PATCH", "/state", { enable_proxy: false });
    expect(await statusOf(colleague)).toBe(503);
    await place.container.write("PATCH", "/state", { enable_proxy: true });
    expect(await statusOf(colleague)).toBe(200);
  });

  test("after its own document was deleted the project's default is copied anew", async () => {
    await place.container.replace({ default: "allow" });
    await place.container.write("DELETE", "");
    await place.project.replace(closed);
    await place.container.write("PATCH", "/groups/x/ip", { range: "192.0.2.0/24" });
    expect(await statusOf(stranger)).toBe(403);
  });

  test("what is open stays open: under an open project, and under none", async () => {
    await place.container.write("PATCH", "/groups/x/ip", { range: "192.0.2.0/24" });
    expect(await statusOf(stranger)).toBe(200);
    const other = await newPlace();
    await other.project.replace({ ...closed, default: "allow" });
    const { data } = (await other.container.write("PATCH", "/groups/x/token", groups[3]?.[1])).body;
    expect(data.default).toBe("allow");
  });

  test("the first group of a project leaves it open until a default says otherwise", async () => {
    await place.project.write("PATCH", "/groups/office/ip", { range: "10.0.0.0/8" });
    expect(await statusOf(stranger)).toBe(200);
    await place.project.write("PATCH", "/default", { default: "deny" });
    expect(await statusOf(stranger)).toBe(403);
  });

  test("only a default that is asked for opens it", async () => {
    await place.project.replace(closed);
    await place.container.write("PATCH", "/default", { default: "allow" });
    expect(await statusOf(stranger)).toBe(200);
    await place.container.write("DELETE", "");
    expect(await statusOf(stranger)).toBe(403);
  });

  test("refused writes make no document either", async () => {
    await place.project.replace(closed);
    const headers = { "if-match": "file:v0" };
    const { path } = place.container;
    for (const [method, sub, body] of [
      ["PATCH", "/permissions/office", { program: "terminal", access: true }],
      ["DELETE", "/groups/office"],
      ["DELETE", "/permissions/office"],
      ["PATCH", "/groups/x/ip", { range: "nonsense" }],
    ] as const) {
      const options = { ...(body === undefined ? {} : { body }), headers };
      expect((await api.call(method, `${path}${sub}`, options)).status).toBeWithin(400, 500);
    }
    expect((await place.container.get()).file_version).toBe(0);
    expect(await statusOf(colleague)).toBe(200);
    expect(await statusOf(stranger)).toBe(403);
  });
});
