// The OpenAPI document of a running program: a public validator takes it, and the program does what it says.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { pathOf } from "../../src/gateway-rest/openapi/names.ts";
import { bindingsOf } from "../../src/gateway-rest/routing/http-rule.ts";
import { type Answer, Api, type CallOptions, loginAdmin } from "../harness/client.ts";
import { type Program, startProgram } from "../harness/program.ts";
import { allServices } from "../harness/rest-services.ts";

/** A program starts, a validator loads; the machine may be busy. */
const startMsMax = 30_000;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: { readonly pattern?: string };
}

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly (Parameter & { readonly $ref?: string })[];
  readonly requestBody?: { readonly required: boolean };
  readonly responses: Readonly<Record<string, { readonly $ref?: string }>>;
  readonly security: readonly unknown[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Route {
  readonly verb: string;
  /** With `{variables}`. */
  readonly path: string;
  readonly operation: Operation;
}

let program: Program;
let api: Api;
let document: Document;
let routes: readonly Route[];

beforeAll(async () => {
  program = await startProgram();
  api = await loginAdmin(program.urls);
  document = (await (await fetch(`${program.urls.rest}/openapi.json`)).json()) as Document;
  routes = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([verb, operation]) => ({
      verb: verb.toUpperCase(),
      path: path.replace("/api/v1", ""),
      operation,
    })),
  );
}, startMsMax);

afterAll(() => program[Symbol.asyncDispose]());

/** What the validator finds wrong: `rule pointer` each. */
async function faults(text: string): Promise<string[]> {
  const config = await createConfig({
    extends: ["spec"],
    rules: { "security-defined": "error", "operation-operationId-unique": "error" },
  });
  const found = await lintFromString({ source: text, config, absoluteRef: "/openapi.json" });
  return found.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer ?? ""}`);
}

describe("a public validator", () => {
  test(
    "finds nothing wrong with it",
    async () => {
      expect(await faults(JSON.stringify(document))).toEqual([]);
    },
    startMsMax,
  );

  // biome-ignore lint/suspicious/noExplicitAny: the point is to break it.
  type Break = (broken: any) => void;
  const project = "/api/v1/projects/{id}";

  test.each<[string, string, Break]>([
    [
      "a reference into nothing",
      "no-unresolved-refs",
      ({ components }) => {
        delete components.schemas.Project;
      },
    ],
    [
      "a variable that is no parameter",
      "path-parameters-defined",
      ({ paths }) => {
        paths[project].get.parameters = [];
      },
    ],
    [
      "an operationId twice",
      "operation-operationId-unique",
      ({ paths }) => {
        paths[project].get.operationId = paths[project].delete.operationId;
      },
    ],
    [
      "a type that is none",
      "struct",
      ({ components }) => {
        components.schemas.Project.properties.id.type = "text";
      },
    ],
    [
      "a response without a description",
      "struct",
      ({ paths }) => {
        delete paths[project].get.responses[200].description;
      },
    ],
    [
      "a scheme of security that is not there",
      "security-defined",
      ({ components }) => {
        delete components.securitySchemes.bearer;
      },
    ],
  ])("finds %s", async (_why, rule, damage) => {
    const broken = structuredClone(document);
    damage(broken);
    const found = await faults(JSON.stringify(broken));
    expect(found.map((fault) => fault.split(" ")[0])).toContain(rule);
  });
});

/** The schemas of the document, compiled; objects have the fields that they describe and no others. */
class Schemas {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  readonly #known = new Map<string, ValidateFunction>();

  constructor(document: Document) {
    this.#ajv.addSchema({ $id: "doc:", ...(closed(document) as object) });
  }

  /** What is wrong with a value, by the schema at this pointer. */
  wrong(pointer: string, value: unknown): string[] {
    const known = this.#known.get(pointer) ?? this.#ajv.compile({ $ref: `doc:#${pointer}` });
    this.#known.set(pointer, known);
    known(value);
    return (known.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }
}

function closed(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(closed);
  if (typeof json !== "object" || json === null) return json;
  const copy = Object.fromEntries(Object.entries(json).map(([key, value]) => [key, closed(value)]));
  const isObject = copy.type === "object" && copy.properties !== undefined;
  return isObject ? { additionalProperties: false, ...copy } : copy;
}

const escaped = (step: string) =>
  encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"));

/** A caller whose every answer is held against the document. */
class Checked {
  readonly #api: Api;
  readonly #schemas: Schemas;

  constructor(api: Api, schemas: Schemas) {
    this.#api = api;
    this.#schemas = schemas;
  }

  async call(verb: string, target: string, options: CallOptions = {}): Promise<Answer> {
    const answer = await this.#api.call(verb, target, options);
    const route = routeOf(verb, target.split("?")[0] ?? "");
    const response = route.operation.responses[answer.status];
    const shown = { verb, target, status: answer.status, body: answer.body };
    expect({ ...shown, documented: response !== undefined }).toEqual({
      ...shown,
      documented: true,
    });
    const pointer = response?.$ref?.slice(1) ?? pointerOf(route, answer.status);
    const schema = `${pointer}/content/application~1json/schema`;
    expect({ ...shown, wrong: this.#schemas.wrong(schema, answer.body) }).toEqual({
      ...shown,
      wrong: [],
    });
    if (answer.status >= 400) expect(codesOf(response?.$ref ?? "")).toContain(answer.body.code);
    return answer;
  }

  async data(verb: string, target: string, options?: CallOptions): Promise<Answer["body"]> {
    const answer = await this.call(verb, target, options);
    expect(answer.status).toBeOneOf([200, 201]);
    return answer.body.data;
  }
}

function routeOf(verb: string, target: string): Route {
  const trimmed = target.replace(/(?<=.)\/$/, "").split("/");
  const fits = ({ path }: Route) => {
    const steps = path.split("/");
    return (
      steps.length === trimmed.length &&
      steps.every((step, index) => step.startsWith("{") || step === trimmed[index])
    );
  };
  const variables = ({ path }: Route) => path.split("{").length;
  const [route] = routes
    .filter((route) => route.verb === verb && fits(route))
    .toSorted((a, b) => variables(a) - variables(b));
  if (route === undefined) throw new Error(`${verb} ${target} is not in the document`);
  return route;
}

function pointerOf({ verb, path }: Route, status: number): string {
  return `/paths/${escaped(`/api/v1${path}`)}/${verb.toLowerCase()}/responses/${status}`;
}

/** The codes that a response lists. */
function codesOf(ref: string): string[] {
  const name = ref.split("/").at(-1) ?? "";
  const response = document.components.responses?.[name] as { description: string } | undefined;
  return (response?.description ?? "").replace(/^[^:]*: /, "").split(", ");
}

test("every route of the contract is served and documented", () => {
  const contract = bindingsOf(allServices).map((route) => `${route.verb} ${pathOf(route)}`);
  const documented = routes.map(({ verb, path }) => `${verb} /api/v1${path}`);
  expect(documented.toSorted()).toEqual(contract.toSorted());
});

describe("the program answers as documented", () => {
  let schemas: Schemas;
  let checked: Checked;
  let anonymous: Checked;
  beforeAll(() => {
    schemas = new Schemas(document);
    checked = new Checked(api, schemas);
    anonymous = new Checked(new Api(program.urls.rest), schemas);
  });

  test("users", async () => {
    const credentials = { username: "admin", password: "wrong password" };
    await anonymous.call("POST", "/users/auth/login", { body: credentials });
    await anonymous.call("POST", "/users/auth/login", { body: { username: "admin" } });
    await anonymous.call("GET", "/users/me");
    await checked.data("GET", "/users/auth/me");
  });

  test("projects", async () => {
    const body = { alias: "documented", color: "abc", max_containers: null };
    const { id } = await checked.data("POST", "/projects", { body });
    await checked.data("GET", `/projects/${id}`);
    await checked.data("GET", "/projects/?page=1&limit=1");
    await checked.call("POST", "/projects", { body: { ...body, color: "red" } });
    await checked.call("POST", "/projects", { body: "{" });
    await checked.call("POST", "/projects", { body });
    await checked.call("GET", `/projects/${"0".repeat(24)}`);
    await checked.call("GET", "/projects?page=0");
    await checked.call("GET", "/projects?pages=0");
  });

  test("containers", async () => {
    const { id } = await checked.data("POST", "/projects", { body: { alias: "with containers" } });
    const programs = { terminal: { port: 7681, stride: 1 } };
    const body = { name: "box-1", address: "127.0.0.1", programs };
    const container = await checked.data("POST", `/projects/${id}/containers`, { body });
    await checked.data("GET", `/containers/${container.id}`);
    await checked.data("GET", `/projects/${id}/containers`);
    await checked.call("POST", `/projects/${id}/containers`, { body });
    await checked.call("POST", `/projects/${id}/containers`, { body: { ...body, name: "b" } });
    const upstream = { ...body, name: "box-2", address: "8.8.8.8" };
    await checked.call("POST", `/projects/${id}/containers`, { body: upstream });
    await checked.data("DELETE", `/containers/${container.id}`);
    await checked.call("GET", `/containers/${container.id}`);
  });

  test("permission documents", async () => {
    const { id } = await checked.data("POST", "/projects", { body: { alias: "with a document" } });
    const path = `/projects/${id}/proxy/permissions`;
    const write = (verb: string, sub: string, body?: unknown, version = "") =>
      checked.call(verb, `${path}${sub}`, {
        ...(body === undefined ? {} : { body }),
        ...(version === "" ? {} : { headers: { "if-match": version } }),
      });
    const groups = {
      office: { type: "ip", range: "203.0.113.0/24" },
      app: { type: "jwt", secret: "s".repeat(32), sources: ["header:X"], claims: { aud: "a" } },
    };
    const whole = { groups, permissions: { office: { http: [80, 81], display: "1-5" } } };
    await checked.data("GET", path);
    expect((await write("PUT", "", whole, "file:v0")).headers.get("etag")).toBe('"file:v1"');
    expect((await write("PUT", "", whole)).status).toBe(428);
    expect((await write("PUT", "", whole, "file:v0")).status).toBe(412);
    expect((await write("PUT", "", { ...whole, groups: 1 }, "file:v1")).status).toBe(422);
    const bad = { range: "300.0.0.0/8" };
    expect((await write("PATCH", "/groups/office/ip", bad, "file:v1")).status).toBe(400);
    expect((await write("DELETE", "/groups/none", undefined, "file:v1")).status).toBe(404);
    expect((await write("PUT", "/state", { enable_proxy: false }, "file:v1")).status).toBe(200);
    expect((await write("DELETE", "", undefined, "file:v2")).status).toBe(200);
    await checked.data("GET", path);
  });

  test("auth tokens and realms", async () => {
    const realm = "a".repeat(24);
    const key = "b".repeat(64);
    const body = {
      alias: "documented",
      permission_template: "full_access",
      expires_at: "tomorrow",
    };
    const { id, token } = await checked.data("POST", "/auth/tokens", { body });
    for (const wrong of [
      { alias: "documented" },
      { alias: "a/b" },
      { ip_whitelist: ["x"] },
      { expires_at: "yesterday" },
      { expires_at: 1 },
      { public_storage: { a: 1 } },
      { public_key: "x" },
      { permissions: { all: true } },
      { permission_template: "admin" },
    ]) {
      expect((await checked.call("POST", "/auth/tokens", { body: wrong })).status).not.toBe(201);
    }
    const own = new Checked(new Api(program.urls.rest, `Bearer ${token}`), schemas);
    const calls: readonly [Checked, string, string, unknown?][] = [
      [own, "GET", "/auth/tokens/me"],
      [
        own,
        "PUT",
        "/auth/tokens/me/public-profile",
        { public_key: key, public_storage: { a: [] } },
      ],
      [own, "PATCH", "/auth/tokens/me/public-profile", {}],
      [own, "GET", "/users/me"],
      [own, "POST", "/users/auth/logout"],
      [checked, "GET", "/auth/tokens"],
      [checked, "GET", `/auth/tokens/${id}`],
      [checked, "GET", "/auth/tokens/templates"],
      [checked, "GET", "/auth/tokens/me"],
      [checked, "GET", `/auth/tokens/public-profiles/${key}`],
      [checked, "PATCH", `/auth/tokens/${id}`, { public_key: null, expires_at: null }],
      [checked, "POST", `/auth/tokens/${id}/copy`],
      [checked, "POST", `/auth/tokens/${id}/add-realm`, { realm_id: realm }],
      [checked, "GET", "/realms/?include_usage=true"],
      [own, "GET", "/projects"],
      [checked, "POST", `/auth/tokens/${id}/remove-realm`, { realm_id: realm }],
      [checked, "DELETE", `/auth/tokens/${id}`],
      [checked, "DELETE", `/auth/tokens/${id}`],
      [own, "GET", "/auth/tokens/me"],
      [checked, "GET", "/servers"],
    ];
    for (const [caller, verb, target, body] of calls) {
      await caller.call(verb, target, body === undefined ? {} : { body });
    }
  });

  test("aliases, operations and hooks of a container", async () => {
    const { id } = await checked.data("POST", "/projects", { body: { alias: "with aliases" } });
    const made = { body: { name: "box", address: "127.0.0.1" } };
    const container = (await checked.data("POST", `/projects/${id}/containers`, made)).id;
    const of = `/containers/${container}`;
    const hook = { match: { method: "get", headers: { "X-A": "b" } }, script: { path: "/a.ts" } };
    const alias = { container_id: container, alias: "documented", program: "http-3000" };
    const aliasId = (await checked.data("POST", "/proxy/aliases", { body: alias })).id;
    const calls: readonly [string, string, unknown?, string?][] = [
      ["POST", "/proxy/aliases", alias],
      ["POST", "/proxy/aliases", { ...alias, alias: "A" }],
      ["POST", "/proxy/aliases", { ...alias, alias: null, program: "no such" }],
      ["POST", "/proxy/aliases", { container_id: container }],
      ["GET", "/proxy/aliases?enabled=true"],
      ["GET", `/proxy/aliases/${aliasId}`],
      ["PATCH", `/proxy/aliases/${aliasId}`, { target_path: null, expires_at: 1 }],
      ["PUT", `/proxy/aliases/${aliasId}/state`, { enabled: false }],
      ["PATCH", of, { comment: null, color: "fff" }],
      ["PUT", `${of}/upstream`, { address: "8.8.8.8" }],
      ["POST", `${of}/stop`],
      ["POST", `${of}/resume`],
      ["GET", `${of}/status-logs?limit=1`],
      ["POST", `${of}/proxy/hooks/terminal`, hook, "file:v0"],
      ["POST", `${of}/proxy/hooks/terminal`, { ...hook, match: { path: "a" } }, "file:v1"],
      ["POST", `${of}/proxy/hooks/logs`, hook, "file:v1"],
      ["GET", `${of}/proxy/hooks`],
      ["GET", `${of}/proxy/hooks/terminal`],
      ["GET", `${of}/proxy/services/terminal`],
      ["GET", `${of}/proxy/services`],
      ["GET", `${of}/proxy/groups`],
      ["PATCH", `${of}/proxy/settings`, { default: "deny" }, "file:v1"],
      ["PATCH", `${of}/proxy/settings`, {}, "file:v2"],
      ["GET", `${of}?include_proxy_domains=true&include_proxy_permissions=true`],
      ["DELETE", `${of}/proxy/hooks/terminal`, undefined, "file:v2"],
      ["DELETE", `/proxy/aliases/${aliasId}`],
      ["GET", `/proxy/aliases/${aliasId}`],
      ["GET", `/projects/${id}/permissions`],
      ["POST", `/projects/${id}/permissions`, { user_id: id, permission_level: "read" }],
      ["GET", `/projects/${id}/stats`],
      ["DELETE", `/projects/${id}?include_deleted_items=true`],
    ];
    for (const [verb, target, body, version] of calls) {
      const headers = version === undefined ? {} : { headers: { "if-match": version } };
      await checked.call(verb, target, { ...(body === undefined ? {} : { body }), ...headers });
    }
  });

  test("an id in upper case is refused wherever there is one, before anything is looked for", async () => {
    const ids = routes.filter(({ operation }) =>
      operation.parameters.some(({ schema }) => schema?.pattern === "^[0-9a-f]{24}$"),
    );
    expect(ids).not.toBeEmpty();
    for (const { verb, path } of ids.filter((route) => route.path.includes("{"))) {
      const target = path.replaceAll(/\{[^}]*\}/g, "A".repeat(24));
      const answer = await checked.call(verb, target, verb === "GET" ? {} : { body: {} });
      expect({ verb, target, status: answer.status }).toEqual({ verb, target, status: 400 });
      expect(answer.body.data).toContainEqual(
        expect.objectContaining({ instancePath: expect.stringMatching(/^\/(project_)?id$/) }),
      );
    }
  });

  test("a body of nonsense is refused wherever there is one", async () => {
    // Methods that need no credential read 16 KiB.
    const deep = `${'{"a":'.repeat(2_600)}1${"}".repeat(2_600)}`;
    for (const { verb, path } of routes.filter(({ operation }) => operation.requestBody)) {
      const target = path.replaceAll(/\{[^}]*\}/g, "0".repeat(24));
      const bodies = { "[]": 422, '{"no_such_field":1}': 422, [deep]: 422, "{": 400, null: 422 };
      for (const [body, status] of Object.entries(bodies)) {
        const answer = await checked.call(verb, target, { body });
        const shown = { verb, target, body: body.slice(0, 30) };
        // What only an auth token may call does not look at the body.
        if (answer.body.code === "TOKEN_REQUIRED") continue;
        expect({ ...shown, status: answer.status }).toEqual({ ...shown, status });
      }
    }
  }, 60_000);

  test("a stranger is refused wherever it says that somebody must call", async () => {
    for (const { verb, path, operation } of routes) {
      if (operation.security.length === 0) continue;
      const target = path.replaceAll(/\{[^}]*\}/g, "0".repeat(24));
      const answer = await anonymous.call(verb, target);
      expect({ verb, target, code: answer.body.code }).toEqual({
        verb,
        target,
        code: "MISSING_TOKEN",
      });
    }
  });
});
