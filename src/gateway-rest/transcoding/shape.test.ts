import { describe, expect, test } from "bun:test";
import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { CreateContainerRequestSchema } from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import {
  JwtGroupSchema,
  PermissionDocumentSchema,
  SetPermissionRequestSchema,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { CreateProjectRequestSchema } from "../../../proto/gen/realmgate/v1/projects_pb.ts";
import { UpdateTokenRequestSchema } from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import { depthMax, shapeOf, violationsMax } from "./shape.ts";

/** Violations as `/pointer reason`; empty for valid JSON. Strings are parsed like a body. */
function wrong(desc: DescMessage, json: JsonValue): string[] {
  const shaped = shapeOf(desc, json);
  if (shaped.ok) return [];
  return shaped.violations.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function kept(desc: DescMessage, json: JsonValue): JsonValue {
  const shaped = shapeOf(desc, json);
  if (!shaped.ok) throw new Error(JSON.stringify(shaped.violations));
  return JSON.parse(JSON.stringify(shaped.json));
}

const document = (json: JsonValue) => wrong(PermissionDocumentSchema, json);
const project = (json: JsonValue) => wrong(CreateProjectRequestSchema, json);

describe("a message", () => {
  test.each([
    [null, " must be object"],
    [[], " must be object"],
    ["{}", " must be object"],
    [1, " must be object"],
  ])("is not %j", (json, violation) => {
    expect(project(json)).toEqual([violation]);
  });

  test.each([
    [{ alais: "a" }, "/alais is not a known field"],
    [{ maxContainers: 1 }, "/maxContainers is not a known field"],
    [{ "a/b~c": 1 }, "/a~1b~0c is not a known field"],
    [JSON.parse('{"__proto__": {}}'), "/__proto__ is not a known field"],
    [{ constructor: 1 }, "/constructor is not a known field"],
    [{ toString: 1 }, "/toString is not a known field"],
  ])("refuses unknown fields: %j", (json, violation) => {
    expect(project(json)).toEqual([violation]);
  });

  test("names all violations", () => {
    expect(project({ alias: 1, color: null, max_containers: "1", realm_ids: [1, "a"] })).toEqual([
      "/alias must be string",
      "/color must be string",
      "/max_containers must be integer",
      "/realm_ids/0 must be string",
    ]);
  });

  test(`names at most ${violationsMax} violations`, () => {
    const json = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`x${index}`, 1]));
    expect(project(json)).toHaveLength(violationsMax);
  });
});

describe("values", () => {
  test.each([
    [0, []],
    [-1, []],
    [2 ** 31 - 1, []],
    [-(2 ** 31), []],
    [2 ** 31, ["/max_containers must be a 32-bit integer"]],
    [-(2 ** 31) - 1, ["/max_containers must be a 32-bit integer"]],
    [1.5, ["/max_containers must be integer"]],
    [Number.POSITIVE_INFINITY, ["/max_containers must be integer"]],
    [true, ["/max_containers must be integer"]],
    ["1", ["/max_containers must be integer"]],
    [null, []],
  ])("an integer that may be null: %p", (max_containers, violations) => {
    expect(project({ alias: "a", max_containers })).toEqual(violations);
  });

  test.each([
    [true, []],
    [false, []],
    ["true", ["/enable_proxy must be boolean"]],
    [0, ["/enable_proxy must be boolean"]],
    [null, ["/enable_proxy must be boolean"]],
  ])("a boolean: %p", (enable_proxy, violations) => {
    expect(document({ enable_proxy })).toEqual(violations);
  });

  test.each([
    ["é😀", []],
    ["\ud83d", ["/alias must be well-formed Unicode"]],
    ["a\udc00b", ["/alias must be well-formed Unicode"]],
  ])("text: %j", (alias, violations) => {
    expect(project({ alias })).toEqual(violations);
  });

  test.each([
    ["a map", { groups: [] }, ["/groups must be object"]],
    ["a map's value", { groups: { a: 1 } }, ["/groups/a must be object"]],
    [
      "a list in a map's value",
      { groups: { a: { sources: "x" } } },
      ["/groups/a/sources must be array"],
    ],
    ["a struct", { groups: { a: { claims: [] } } }, ["/groups/a/claims must be object"]],
    ["a struct in a map", { permissions: { a: true } }, ["/permissions/a must be object"]],
  ])("%s has its shape", (_why, json, violations) => {
    expect(document(json)).toEqual(violations);
  });
});

describe("free-form JSON is accepted where a field takes it", () => {
  test.each([[null], [true], [1], ["*"], [[1, 2]], [{ a: { b: [] } }]])("%j", (access) => {
    expect(wrong(SetPermissionRequestSchema, { program: "http", access })).toEqual([]);
  });

  test.each([
    ["a value", { a: "\ud800" }],
    ["a value further in", { a: ["\ud800"] }],
    ["a name", { "\ud800": "a" }],
    ["a name further in", { a: { "\ud800": 1 } }],
  ])("except text that is not well-formed: %s", (_why, claims) => {
    expect(wrong(JwtGroupSchema, { claims })).toEqual([
      expect.stringContaining("must be well-formed Unicode"),
    ]);
  });
});

describe("depth", () => {
  const nested = (levels: number): JsonValue =>
    JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);

  test(`ends at ${depthMax} levels`, () => {
    const claims = (levels: number) => wrong(JwtGroupSchema, { claims: nested(levels) });
    expect(claims(depthMax - 1)).toEqual([]);
    expect(claims(depthMax)).toEqual([
      expect.stringContaining(`must not be nested deeper than ${depthMax} levels`),
    ]);
  });

  test("of 10,000 levels is refused everywhere, with one violation", () => {
    expect(document({ permissions: { a: nested(10_000) } })).toHaveLength(1);
    expect(document({ groups: { a: { claims: nested(10_000) } } })).toHaveLength(1);
    expect(document({ permissions: { a: JSON.stringify(nested(5000)) } })).toHaveLength(1);
    expect(document(nested(10_000))).toHaveLength(1);
  });
});

describe("values of groups and permissions may be JSON text, as shells send them", () => {
  const group = { type: "ip", range: "10.0.0.0/8" };

  test("which is parsed once", () => {
    const text = { groups: { a: JSON.stringify(group) }, permissions: { a: '{"http": 80}' } };
    expect(kept(PermissionDocumentSchema, text)).toEqual({
      groups: { a: group },
      permissions: { a: { http: 80 } },
    });
    const twice = JSON.stringify(JSON.stringify(group));
    expect(document({ groups: { a: twice } })).toEqual(["/groups/a must be object"]);
  });

  test.each([
    ["", "must be an object, or JSON text of one"],
    ["{", "must be an object, or JSON text of one"],
    ["[]", "must be object"],
    ['{"range":1}', "/range must be string"],
    ['{"ranges":"x"}', "/ranges is not a known field"],
  ])("%j is then checked as usual", (text, violation) => {
    expect(document({ groups: { a: text } })).toEqual([expect.stringContaining(violation)]);
  });

  test("nowhere else", () => {
    expect(document({ groups: "{}" })).toEqual(["/groups must be object"]);
    expect(wrong(JwtGroupSchema, { claims: "{}" })).toEqual(["/claims must be object"]);
  });
});

test("names from outside are data: __proto__ is a key like any other", () => {
  const json = JSON.parse('{"groups":{"__proto__":{"type":"ip"}},"permissions":{"__proto__":{}}}');
  const shaped = shapeOf(PermissionDocumentSchema, json);
  if (!shaped.ok) throw new Error("refused");
  expect(Object.keys(shaped.json.groups ?? {})).toEqual(["__proto__"]);
  expect(Object.keys(shaped.json.permissions ?? {})).toEqual(["__proto__"]);
  expect(({} as Record<string, unknown>).type).toBeUndefined();
});

test("output-only fields are accepted and dropped, whatever their value", () => {
  const sent = { default: "deny", file_version: "no", etag: 1, schema_version: 9, warnings: null };
  expect(kept(PermissionDocumentSchema, sent)).toEqual({ default: "deny" });
});

test("null is unset only where the contract documents null", () => {
  expect(wrong(CreateContainerRequestSchema, { name: null, comment: null })).toEqual([
    "/name must be string",
  ]);
  expect(project({ alias: "a", max_containers: null })).toEqual([]);
});

describe("what was sent", () => {
  const sent = (desc: DescMessage, json: JsonValue) => {
    const shaped = shapeOf(desc, json);
    return shaped.ok ? shaped.sent.toSorted() : shaped.violations;
  };

  test("is named, including documented nulls, without output-only fields", () => {
    expect(sent(CreateProjectRequestSchema, { alias: "a", max_containers: null })).toEqual([
      "alias",
      "max_containers",
    ]);
    expect(sent(PermissionDocumentSchema, { default: "deny", etag: "file:v1" })).toEqual([
      "default",
    ]);
    expect(sent(CreateProjectRequestSchema, {})).toEqual([]);
  });

  test("null is removed from the JSON, so that no field reads it as a value", () => {
    expect(kept(UpdateTokenRequestSchema, { expires_at: null, public_key: null })).toEqual({});
    expect(kept(UpdateTokenRequestSchema, { ip_whitelist: null })).toEqual({ ip_whitelist: null });
  });
});

test("a mask in the body is refused", () => {
  expect(wrong(UpdateTokenRequestSchema, { update_mask: "alias" })).toEqual([
    "/update_mask is not a known field",
  ]);
});
