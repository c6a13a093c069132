import { describe, expect, test } from "bun:test";
import { create, type DescMessage, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import {
  CreateContainerRequestSchema,
  ListContainersRequestSchema,
} from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import {
  ReplacePermissionsRequestSchema,
  SetDefaultRequestSchema,
  SetPermissionRequestSchema,
  SetStateRequestSchema,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { CreateProjectRequestSchema } from "../../../proto/gen/realmgate/v1/projects_pb.ts";
import { checkRules } from "./field-rules.ts";

const id = "0123456789abcdef01234567";

/** Code and paths of the broken rules; `ok` when there are none. */
function broken(desc: DescMessage, json: JsonValue): string {
  try {
    checkRules(desc, fromJson(desc, json));
    return "ok";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [refusalOf(error.code).code, ...error.violations.map((each) => each.instancePath)].join(
      " ",
    );
  }
}

const project = (fields: object) => broken(CreateProjectRequestSchema, { alias: "a", ...fields });
const container = (fields: object) =>
  broken(CreateContainerRequestSchema, { projectId: id, ...fields });
const document = (fields: object) =>
  broken(ReplacePermissionsRequestSchema, { id, document: { ...fields } });

describe("text", () => {
  test.each([
    ["empty", { alias: "" }, "INVALID_ALIAS_FORMAT /alias"],
    ["the shortest", { alias: "a" }, "ok"],
    ["the longest", { alias: "a".repeat(100) }, "ok"],
    ["one too many", { alias: "a".repeat(101) }, "INVALID_ALIAS_FORMAT /alias"],
    ["100 characters in 200 UTF-16 units", { alias: "😀".repeat(100) }, "ok"],
    ["U+0000", { alias: "a\0" }, "INVALID_ALIAS_FORMAT /alias"],
    ["a short colour", { color: "#abc" }, "ok"],
    ["a colour without #", { color: "ABCDEF" }, "ok"],
    ["a colour of four digits", { color: "#abcd" }, "INVALID_COLOR_FORMAT /color"],
    ["a colour that is not hex", { color: "#ggg" }, "INVALID_COLOR_FORMAT /color"],
    ["a colour and a line end", { color: "#abc\n" }, "INVALID_COLOR_FORMAT /color"],
  ])("of a project: %s", (_why, fields, outcome) => {
    expect(project(fields)).toBe(outcome);
  });

  test.each([
    ["a name of 2", { name: "ab" }, "INVALID_CONTAINER_NAME /name"],
    ["a name of 3", { name: "abc" }, "ok"],
    ["a name of 100", { name: "a".repeat(100) }, "ok"],
    ["a name of 101", { name: "a".repeat(101) }, "INVALID_CONTAINER_NAME /name"],
    ["a dot in the name", { name: "a.b" }, "INVALID_CONTAINER_NAME /name"],
    ["an id in upper case", { projectId: id.toUpperCase() }, "INVALID_ID_FORMAT /project_id"],
    ["an id of 25", { projectId: `${id}0` }, "INVALID_ID_FORMAT /project_id"],
    ["an id of 23", { projectId: id.slice(1) }, "INVALID_ID_FORMAT /project_id"],
    ["an id and a line end", { projectId: `${id}\n` }, "INVALID_ID_FORMAT /project_id"],
    ["the longest comment", { comment: "c".repeat(16_000) }, "ok"],
    ["one too many", { comment: "c".repeat(16_001) }, "VALIDATION_ERROR /comment"],
    ["a comment with U+0000", { comment: "a\0b" }, "VALIDATION_ERROR /comment"],
  ])("of a container: %s", (_why, fields, outcome) => {
    expect(container(fields)).toBe(outcome);
  });

  test.each([
    ["allow", "ok"],
    ["deny", "ok"],
    ["Allow", "VALIDATION_ERROR /default"],
    ["", "VALIDATION_ERROR /default"],
  ])("one of a few: default %j is %s", (text, outcome) => {
    expect(broken(SetDefaultRequestSchema, { id, default: text })).toBe(outcome);
  });
});

describe("numbers", () => {
  test.each([
    [-1, "INVALID_QUOTA_VALUE /max_containers"],
    [0, "ok"],
    [1_000_000, "ok"],
    [1_000_001, "INVALID_QUOTA_VALUE /max_containers"],
  ])("a quota of %d: %s", (maxContainers, outcome) => {
    expect(project({ maxContainers })).toBe(outcome);
  });

  test.each([
    [{ limit: 0 }, "INVALID_PARAMETER_VALUE /limit"],
    [{ limit: 1 }, "ok"],
    [{ limit: 100 }, "ok"],
    [{ limit: 101 }, "INVALID_PARAMETER_VALUE /limit"],
    [{ page: 0 }, "INVALID_PARAMETER_VALUE /page"],
    [{ sortBy: "password_hash" }, "INVALID_PARAMETER_VALUE /sort_by"],
    [{ sortOrder: "ASC" }, "INVALID_PARAMETER_VALUE /sort_order"],
  ])("a list with %j: %s", (fields, outcome) => {
    expect(broken(ListContainersRequestSchema, fields)).toBe(outcome);
  });

  test.each([
    // Programs by port have none here; whether one is needed is looked at where upstreams are.
    [{ port: 0 }, "ok"],
    [{ port: 1 }, "ok"],
    [{ port: 65_535, stride: 65_535 }, "ok"],
    [{ port: 65_536 }, "INVALID_UPSTREAM /programs/files/port"],
    [{ port: 1, stride: -1 }, "INVALID_UPSTREAM /programs/files/stride"],
    [{}, "ok"],
  ])("a program %j: %s", (files, outcome) => {
    expect(container({ programs: { files } })).toBe(outcome);
  });
});

describe("required fields", () => {
  test.each([
    [{}, "VALIDATION_ERROR /enable_proxy", "absent"],
    [{ enableProxy: false }, "ok", "false is a value"],
    [{ enableProxy: true }, "ok", "true"],
  ])("state %j: %s (%s)", (fields, outcome) => {
    expect(broken(SetStateRequestSchema, { id, ...fields })).toBe(outcome);
  });

  test("an access may be null, which differs from absent", () => {
    const permission = { id, name: "office", program: "http" };
    expect(broken(SetPermissionRequestSchema, { ...permission, access: null })).toBe("ok");
    expect(broken(SetPermissionRequestSchema, permission)).toBe("VALIDATION_ERROR /access");
  });

  test("a message built in code is checked like one that was read", () => {
    const request = create(ReplacePermissionsRequestSchema, { id });
    expect(() => checkRules(ReplacePermissionsRequestSchema, request)).toThrow("/document");
  });
});

describe("lists, maps and their elements", () => {
  const ids = (count: number) => Array.from({ length: count }, () => id);
  const groups = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`g${index}`, { type: "ip" }]));

  test.each([
    ["no entry", [], "ok"],
    ["the most entries", ids(500), "ok"],
    ["one too many", ids(501), "INVALID_REALM_ID_FORMAT /realm_ids"],
    ["one bad among good", [id, "x"], "INVALID_REALM_ID_FORMAT /realm_ids"],
  ])("realms: %s", (_why, realmIds, outcome) => {
    expect(project({ realmIds })).toBe(outcome);
  });

  test.each([
    ["the most groups", { groups: groups(1000) }, "ok"],
    ["one too many", { groups: groups(1001) }, "VALIDATION_ERROR /document/groups"],
    ["a group without type", { groups: { a: {} } }, "VALIDATION_ERROR /document/groups/a/type"],
    [
      "a group of unknown type",
      { groups: { a: { type: "x" } } },
      "VALIDATION_ERROR /document/groups/a/type",
    ],
    [
      "a pointer escapes its names (RFC 6901 §3)",
      { groups: { "a/b~c": { type: "x" } } },
      "VALIDATION_ERROR /document/groups/a~1b~0c/type",
    ],
    ["a field of the document", { default: "maybe" }, "VALIDATION_ERROR /document/default"],
  ])("a document: %s", (_why, fields, outcome) => {
    expect(document(fields)).toBe(outcome);
  });
});

test("all violations are named, and the first decides the code", () => {
  expect(project({ alias: "", color: "x", maxContainers: -1, realmIds: ["x"] })).toBe(
    "INVALID_ALIAS_FORMAT /alias /color /max_containers /realm_ids",
  );
});
