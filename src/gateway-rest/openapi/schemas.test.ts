import { describe, expect, test } from "bun:test";
import type { DescMessage } from "@bufbuild/protobuf";
import { EmptySchema, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  CreateAliasRequestSchema,
  UpdateAliasRequestSchema,
} from "../../../proto/gen/realmgate/v1/aliases_pb.ts";
import {
  ContainerSchema,
  CreateContainerRequestSchema,
} from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import { ListHooksResponseSchema } from "../../../proto/gen/realmgate/v1/hooks_pb.ts";
import {
  PermissionDocumentSchema,
  SetPermissionRequestSchema,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import {
  CreateProjectRequestSchema,
  ProjectSchema,
} from "../../../proto/gen/realmgate/v1/projects_pb.ts";
import {
  CreateTokenRequestSchema,
  TokenSchema,
} from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import { SignupRequestSchema } from "../../../proto/gen/realmgate/v1/users_pb.ts";
import { type SchemaDirection, Schemas } from "./schemas.ts";

/** The schema of a message, given the messages that methods answer with. */
function schemaOf(message: DescMessage, direction: SchemaDirection, answers: DescMessage[] = []) {
  const schemas = new Schemas(answers);
  const { $ref } = schemas.message(message, direction);
  const name = String($ref).split("/").at(-1) ?? "";
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
  const components = schemas.components() as Record<string, any>;
  return { name, schema: components[name], components };
}

const property = (message: DescMessage, direction: SchemaDirection, name: string) => {
  const { description: _, ...schema } = schemaOf(message, direction).schema.properties[name];
  return schema;
};

describe("a field of a request", () => {
  test.each([
    ["alias", CreateProjectRequestSchema, { type: "string", minLength: 1, maxLength: 100 }],
    [
      "max_containers",
      CreateProjectRequestSchema,
      { type: ["integer", "null"], minimum: 0, maximum: 1_000_000 },
    ],
    [
      "realm_ids",
      CreateProjectRequestSchema,
      { type: "array", items: { type: "string", pattern: "^[0-9a-f]{24}$" }, maxItems: 500 },
    ],
    [
      "programs",
      CreateContainerRequestSchema,
      {
        type: "object",
        additionalProperties: { $ref: "#/components/schemas/ProgramPort" },
        maxProperties: 64,
      },
    ],
    [
      "environment_vars",
      CreateContainerRequestSchema,
      { type: "object", additionalProperties: true },
    ],
    ["ramdisk", CreateContainerRequestSchema, {}],
    [
      "public_storage",
      CreateTokenRequestSchema,
      { type: ["object", "null"], additionalProperties: true },
    ],
    ["expires_at", CreateTokenRequestSchema, {}],
    [
      "permission_template",
      CreateTokenRequestSchema,
      {
        type: ["string", "null"],
        enum: ["full_access", "external_customer", "dev_team", "finance_team", "read_only", null],
      },
    ],
    ["permissions", CreateTokenRequestSchema, { $ref: "#/components/schemas/TokenPermissions" }],
    ["password", SignupRequestSchema, { type: "string", minLength: 12, maxLength: 128 }],
    ["access", SetPermissionRequestSchema, { $ref: "#/components/schemas/Access" }],
    ["enable_proxy", PermissionDocumentSchema, { type: "boolean" }],
    ["etag", PermissionDocumentSchema, { type: "string", readOnly: true }],
    [
      "hooks",
      PermissionDocumentSchema,
      {
        type: "object",
        additionalProperties: {
          anyOf: [{ type: "array" }, expect.objectContaining({ type: "string" })],
        },
      },
    ],
  ])("%s", (name, message, schema) => {
    expect(property(message, "request", name)).toEqual(schema);
  });

  test("has the names of REST, without masks", () => {
    const { schema } = schemaOf(UpdateAliasRequestSchema, "request");
    expect(schema.additionalProperties).toBeFalse();
    expect(Object.keys(schema.properties)).toContain("allow_path_override");
    expect(Object.keys(schema.properties)).not.toContain("update_mask");
  });

  test("is required where its rule says so", () => {
    expect(schemaOf(CreateAliasRequestSchema, "request").schema.required).toEqual([
      "container_id",
      "program",
    ]);
    expect(schemaOf(UpdateAliasRequestSchema, "request").schema.required).toEqual(["id"]);
  });

  test("can be left out when it is in path or query", () => {
    const schemas = new Schemas([]);
    schemas.message(UpdateAliasRequestSchema, "request", new Set(["id"]));
    const { UpdateAliasRequest } = schemas.components();
    expect(UpdateAliasRequest).not.toHaveProperty("required");
    expect(UpdateAliasRequest).not.toHaveProperty("properties.id");
    const other = schemas.message(UpdateAliasRequestSchema, "request");
    expect(other).toEqual({ $ref: "#/components/schemas/UpdateAliasRequest2" });
    expect(schemas.message(UpdateAliasRequestSchema, "request", new Set(["id"]))).toEqual({
      $ref: "#/components/schemas/UpdateAliasRequest",
    });
  });
});

describe("an answer", () => {
  test("allows additional fields", () => {
    expect(schemaOf(ProjectSchema, "answer").schema).not.toHaveProperty("additionalProperties");
  });

  test("requires the fields that are always written, and nulls", () => {
    const { required } = schemaOf(ProjectSchema, "answer").schema;
    expect(required).toContain("alias");
    expect(required).toContain("max_containers");
    expect(required).toContain("realm_ids");
    expect(required).not.toContain("permissions");
    expect(schemaOf(TokenSchema, "answer").schema.required).not.toContain("token");
    expect(schemaOf(ContainerSchema, "answer").schema.required).not.toContain("proxy_domains");
  });

  test.each([
    ["public_storage", TokenSchema, { type: ["object", "null"], additionalProperties: true }],
    ["project_alias", ContainerSchema, { type: ["string", "null"] }],
    ["hooks", ListHooksResponseSchema, { type: "object", additionalProperties: { type: "array" } }],
    ["etag", PermissionDocumentSchema, { type: "string" }],
  ])("%s", (name, message, schema) => {
    expect(property(message, "answer", name)).toEqual(schema);
  });
});

test("a message of answers gets another name in requests", () => {
  const both = schemaOf(PermissionDocumentSchema, "request", [PermissionDocumentSchema]);
  expect(both.name).toBe("PermissionDocumentInput");
  expect(Object.keys(both.components)).toEqual([
    "Access",
    "AccessChange",
    "DocumentPreview",
    "GroupChange",
    "GroupInput",
    "PermissionDocumentInput",
  ]);
  expect(schemaOf(PermissionDocumentSchema, "answer", [PermissionDocumentSchema]).name).toBe(
    "PermissionDocument",
  );
  expect(schemaOf(PermissionDocumentSchema, "request").name).toBe("PermissionDocument");
});

test("a recursive message is described once", () => {
  const { components } = schemaOf(FileDescriptorProtoSchema, "answer");
  expect(components.DescriptorProto.properties.nested_type.items).toEqual({
    $ref: "#/components/schemas/DescriptorProto",
  });
});

test("Empty is an object without fields", () => {
  expect(new Schemas([]).message(EmptySchema, "request")).toEqual({
    type: "object",
    additionalProperties: false,
  });
});
