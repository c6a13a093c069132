import { describe, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { commentOf } from "../../../src/gateway-rest/openapi/comments.ts";
import { openapiDocument } from "../../../src/gateway-rest/openapi/document.ts";
import { pathOf } from "../../../src/gateway-rest/openapi/names.ts";
import { type Binding, bindingsOf } from "../../../src/gateway-rest/routing/http-rule.ts";
import { allServices } from "../../harness/rest-services.ts";

interface Operation extends JsonObject {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  parameters: JsonObject[];
  requestBody: { required: boolean; content: { "application/json": { schema: JsonObject } } };
  responses: Record<string, JsonObject>;
  security: JsonObject[];
}

const bindings = bindingsOf(allServices);
const document = openapiDocument(bindings, "example.test");
const paths = document.paths as Record<string, Record<string, Operation>>;
const components = document.components as Record<string, Record<string, JsonObject>>;

function operation(verb: string, path: string): Operation {
  const found = paths[`/api/v1${path}`]?.[verb.toLowerCase()];
  if (found === undefined) throw new Error(`${verb} ${path} is not in the document`);
  return found;
}

/** Every value in it, however deep, with its key. */
function* entriesOf(json: unknown): Iterable<readonly [string, unknown]> {
  if (typeof json !== "object" || json === null) return;
  for (const [key, value] of Object.entries(json)) {
    yield [key, value];
    yield* entriesOf(value);
  }
}

describe("the document", () => {
  test("has every route, and nothing else", () => {
    const routes = (all: readonly Binding[]) =>
      all.map((binding) => `${binding.verb} ${pathOf(binding)}`).toSorted();
    const listed = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((verb) => `${verb.toUpperCase()} ${path}`),
    );
    expect(listed.toSorted()).toEqual(routes(bindings));
    expect(listed.length).toBeGreaterThan(50);
  });

  test("has no two paths that differ in the names of their variables only", () => {
    const shapes = Object.keys(paths).map((path) => path.replaceAll(/\{[^}]*\}/g, "{}"));
    expect(new Set(shapes).size).toBe(shapes.length);
  });

  test("refers to nothing that it does not have", () => {
    for (const [key, value] of entriesOf(document)) {
      if (key !== "$ref") continue;
      const [, , kind = "", name = ""] = String(value).split("/");
      expect({ value, there: Object.hasOwn(components[kind] ?? {}, name) }).toEqual({
        value,
        there: true,
      });
    }
  });

  test("says nothing twice: each way to be refused has one name", () => {
    const texts = Object.values(components.responses ?? {}).map((each) => JSON.stringify(each));
    expect(new Set(texts).size).toBe(texts.length);
    const refs = Object.values(paths)
      .flatMap((item) => Object.values(item))
      .flatMap(({ responses }) =>
        Object.values(responses).filter(({ $ref }) => $ref !== undefined),
      );
    expect(texts.length).toBeLessThan(refs.length / 5);
  });

  test("is in the words of the contract: nothing is without its comment", () => {
    for (const { method } of bindings) {
      for (const desc of [method, method.parent, ...method.input.fields, ...method.output.fields]) {
        expect({ desc: String(desc), comment: commentOf(desc) }).not.toMatchObject({ comment: "" });
      }
    }
    for (const [name, schema] of Object.entries(components.schemas ?? {})) {
      expect({ name, description: schema.description }).not.toMatchObject({ description: "" });
    }
  });

  test("knows nothing of masks: those are told by the keys of a body", () => {
    const keys = new Set([...entriesOf(document)].map(([key]) => key));
    expect(keys).not.toContain("update_mask");
    expect(keys).toContain("max_containers");
  });

  test("names the hosts of realms, on the installation's domain", () => {
    expect(document.servers).toContainEqual(
      expect.objectContaining({
        url: "{scheme}://{realm_id}.{host}",
        variables: expect.objectContaining({
          host: expect.objectContaining({ default: "api.example.test" }),
        }),
      }),
    );
  });

  test("says once that a path may end in one more slash", () => {
    expect((document.info as JsonObject).description).toContain("one more slash");
    expect(Object.keys(paths).filter((path) => path.endsWith("/"))).toEqual([]);
  });

  test("names every tag that an operation has, with its comment", () => {
    const tags = new Set(
      Object.values(paths)
        .flatMap((item) => Object.values(item))
        .flatMap(({ tags }) => tags),
    );
    expect((document.tags as JsonObject[]).map(({ name }) => name)).toEqual([...tags]);
    expect(document.tags).toContainEqual({
      name: "Project",
      description: "ProjectService keeps projects.",
    });
  });
});

describe("an operation", () => {
  test("is called, described and grouped as its method", () => {
    expect(operation("GET", "/projects/{id}")).toMatchObject({
      operationId: "GetProject",
      tags: ["Project"],
      summary: "GetProject answers with one project",
      description: "GetProject answers with one project. Errors: PROJECT_NOT_FOUND.",
    });
  });

  test("names codes as they are on the wire", () => {
    const { description } = operation("POST", "/auth/tokens");
    expect(description).toContain("DUPLICATE_ALIAS");
    expect(description).not.toContain("DUPLICATE_TOKEN_ALIAS");
  });

  test("says what its caller needs", () => {
    expect(operation("PATCH", "/containers/{id}/proxy/permissions")).toMatchObject({
      "x-permission-leaves": ["containers.update", "resources.proxy_aliases"],
      "x-project-level": "edit",
      security: [{ bearer: [] }],
    });
    expect(operation("POST", "/users/auth/logout").security).toEqual([{ bearer: [] }]);
    const login = operation("POST", "/users/auth/login");
    expect(login.security).toEqual([]);
    expect(login).not.toHaveProperty("x-permission-leaves");
    expect(login).not.toHaveProperty("x-project-level");
  });

  test("takes the realm filter, and If-Match where a version is needed; a public one neither", () => {
    const refs = (verb: string, path: string) =>
      operation(verb, path).parameters.flatMap(({ $ref }) => ($ref === undefined ? [] : [$ref]));
    const filter = "#/components/parameters/realm_id";
    expect(refs("GET", "/projects")).toEqual([filter]);
    expect(refs("DELETE", "/projects/{id}/proxy/permissions")).toEqual([
      filter,
      "#/components/parameters/If-Match",
    ]);
    expect(refs("POST", "/auth/signup")).toEqual([]);
    expect(components.parameters?.["If-Match"]).toMatchObject({ in: "header", required: true });
  });

  test("has its path's variables and its query, with their rules", () => {
    const { parameters } = operation("GET", "/projects/{project_id}/permissions");
    expect(parameters).toContainEqual({
      name: "project_id",
      in: "path",
      required: true,
      description: "The project.",
      schema: { type: "string", pattern: "^[0-9a-f]{24}$" },
    });
    expect(parameters).toContainEqual({
      name: "limit",
      in: "query",
      required: false,
      description: "Members a page, 1 to 100; 20 when unset.",
      schema: { type: "integer", minimum: 1, maximum: 100 },
    });
    expect(parameters).toContainEqual(
      expect.objectContaining({
        name: "sort_order",
        schema: { type: "string", enum: ["asc", "desc"] },
      }),
    );
  });

  test("has one variable in the path where another route of the method has it in the query", () => {
    const places = (path: string) =>
      operation("GET", path)
        .parameters.filter(({ name }) => name === "project_id")
        .map((parameter) => parameter.in);
    expect(places("/containers")).toEqual(["query"]);
    expect(places("/projects/{project_id}/containers")).toEqual(["path"]);
  });

  test("has the whole message as its body but for the path, or one field of it", () => {
    const schemaOf = (verb: string, path: string) =>
      operation(verb, path).requestBody.content["application/json"].schema;
    expect(schemaOf("PUT", "/projects/{id}")).toEqual({
      $ref: "#/components/schemas/UpdateProjectRequest",
    });
    expect(components.schemas?.UpdateProjectRequest?.properties).not.toHaveProperty("id");
    expect(schemaOf("PUT", "/projects/{id}/proxy/permissions/groups/{name}/ip")).toEqual({
      $ref: "#/components/schemas/IpGroup",
    });
    expect(operation("GET", "/projects")).not.toHaveProperty("requestBody");
  });

  test("needs a body where a field of it must be sent", () => {
    const required = (verb: string, path: string) => operation(verb, path).requestBody.required;
    expect(required("POST", "/projects")).toBeTrue();
    expect(required("PATCH", "/projects/{id}/proxy/permissions")).toBeTrue();
    expect(required("POST", "/containers/{id}/start")).toBeFalse();
    expect(required("POST", "/users/auth/logout")).toBeFalse();
  });
});

describe("a success", () => {
  function success(verb: string, path: string, status = 200) {
    const response = operation(verb, path).responses[status];
    if (response === undefined) throw new Error(`${verb} ${path} has no ${status}`);
    const content = response.content as Record<string, { schema: JsonObject }>;
    const { properties, required } = content["application/json"]?.schema ?? {};
    return {
      headers: Object.keys(response.headers ?? {}),
      properties: properties as Record<string, JsonObject>,
      required,
    };
  }

  test("has its status, its envelope and its message", () => {
    const { properties, required } = success("POST", "/projects", 201);
    expect(properties).toEqual({
      statusCode: { const: 201 },
      message: { type: "string", examples: ["Project created successfully"] },
      data: { $ref: "#/components/schemas/Project" },
    });
    expect(required).toEqual(["statusCode", "message", "data"]);
    expect(operation("POST", "/projects").responses).not.toHaveProperty("200");
  });

  test("has one field as data and the others beside it, null, or no data", () => {
    const tokens = success("GET", "/auth/tokens");
    expect(Object.keys(tokens.properties)).toEqual([
      "statusCode",
      "message",
      "data",
      "truncated",
      "next_cursor",
    ]);
    expect(tokens.properties.data).toMatchObject({
      type: "array",
      items: { $ref: "#/components/schemas/Token" },
    });
    expect(tokens.required).toContain("truncated");
    expect(success("DELETE", "/auth/tokens/{id}").properties.data).toEqual({ type: "null" });
    const alias = success("DELETE", "/proxy/aliases/{id}");
    expect(Object.keys(alias.properties)).toEqual(["statusCode", "message"]);
  });

  test("of a document has its tag, of a write a revision", () => {
    const path = "/containers/{id}/proxy/permissions";
    expect(success("GET", path).headers).toEqual(["X-Request-Id", "ETag"]);
    expect(success("PUT", path).headers).toEqual(["X-Request-Id", "ETag", "X-Realmgate-Revision"]);
    expect(success("GET", "/projects").headers).toEqual(["X-Request-Id"]);
    expect(success("POST", "/users/auth/login").headers).toEqual(["X-Request-Id"]);
  });
});

describe("a refusal", () => {
  function codesOf(verb: string, path: string, status: number): string[] {
    const ref = String(operation(verb, path).responses[status]?.$ref ?? "");
    const response = components.responses?.[ref.split("/").at(-1) ?? ""];
    const content = response?.content as Record<
      string,
      { examples: JsonObject; schema: JsonObject }
    >;
    expect(content?.["application/json"]?.schema).toEqual({ $ref: "#/components/schemas/Error" });
    return Object.keys(content?.["application/json"]?.examples ?? {});
  }

  test("is listed by its status", () => {
    const path = "/projects/{id}/proxy/permissions/permissions/{name}";
    expect(codesOf("PATCH", path, 404)).toEqual(["PROJECT_NOT_FOUND", "GROUP_NOT_FOUND"]);
    expect(codesOf("PATCH", path, 412)).toEqual(["PRECONDITION_FAILED"]);
    expect(codesOf("PATCH", path, 428)).toEqual(["PRECONDITION_REQUIRED"]);
    expect(codesOf("PATCH", path, 400)).toContain("INVALID_PERMISSION_VALUE");
    expect(Object.keys(operation("GET", "/projects").responses)).toEqual([
      "200",
      "400",
      "401",
      "403",
      "429",
      "500",
      "503",
    ]);
  });

  test("is shown as it is answered, spelled as its method spells it", () => {
    expect(components.examples?.PROJECT_NOT_FOUND).toEqual({
      value: {
        statusCode: 404,
        error: "Not Found",
        message: "Project not found",
        code: "PROJECT_NOT_FOUND",
      },
    });
    const ref = String(operation("GET", "/realms").responses[401]?.$ref);
    const response = components.responses?.[ref.split("/").at(-1) ?? ""];
    expect(JSON.stringify(response)).toContain('"error":"UNAUTHORIZED"');
  });
});
