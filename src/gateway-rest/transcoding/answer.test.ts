import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import type { Reply } from "../../../proto/call.ts";
import { allRefusals } from "../../../proto/errors.ts";
import { AliasService } from "../../../proto/gen/realmgate/v1/aliases_pb.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { ContainerHooksService } from "../../../proto/gen/realmgate/v1/hooks_pb.ts";
import {
  PermissionDocumentSchema,
  ProjectPermissionsService,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { ProjectSchema, ProjectService } from "../../../proto/gen/realmgate/v1/projects_pb.ts";
import { RealmService } from "../../../proto/gen/realmgate/v1/realms_pb.ts";
import {
  ListTemplatesResponseSchema,
  ListTokensResponseSchema,
  TokenSchema,
  TokenService,
} from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import { type Binding, bindingsOf } from "../routing/http-rule.ts";
import { answer, failure } from "./answer.ts";

const bindings = bindingsOf([
  ProjectService,
  ProjectPermissionsService,
  TokenService,
  AliasService,
  RealmService,
  ContainerHooksService,
]);
function bindingOf(name: string): Binding {
  const found = bindings.find(({ method }) => method.name === name);
  if (found === undefined) throw new Error(`${name} has no binding`);
  return found;
}

const success = (fields: Partial<Extract<Reply, { ok: true }>>): Reply => ({
  ok: true,
  message: create(ProjectSchema, { id: "p" }),
  revision: null,
  etag: null,
  dryRun: false,
  ...fields,
});

describe("a success", () => {
  test.each([
    ["GetProject", 200, "Project retrieved successfully"],
    ["CreateProject", 201, "Project created successfully"],
  ])("of %s is %d %s", async (method, status, message) => {
    const response = answer(bindingOf(method), success({}));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ statusCode: status, message, data: { id: "p" } });
  });

  test("is JSON that must not be cached", () => {
    const { headers } = answer(bindingOf("GetProject"), success({}));
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  test("of a read has no revision, of a document its quoted tag", () => {
    const message = create(PermissionDocumentSchema);
    const read = answer(bindingOf("GetPermissions"), success({ message, etag: "file:v3" }));
    expect(read.headers.get("etag")).toBe('"file:v3"');
    expect(read.headers.has("x-realmgate-revision")).toBeFalse();
    const write = answer(bindingOf("CreateProject"), success({ revision: "token" }));
    expect(write.headers.get("x-realmgate-revision")).toBe("token");
    expect(write.headers.has("etag")).toBeFalse();
  });
});

describe("the data of a success", () => {
  test("is one field of the answer, with the others beside it", async () => {
    const tokens = [create(TokenSchema, { id: "t" })];
    const message = create(ListTokensResponseSchema, { tokens, truncated: true });
    const body = await answer(bindingOf("ListTokens"), success({ message })).json();
    expect(body).toEqual({
      statusCode: 200,
      message: "Auth tokens retrieved successfully",
      data: [expect.objectContaining({ id: "t", realm_ids: [], expires_at: null })],
      truncated: true,
    });
    expect(JSON.stringify(body)).not.toContain('tokens":');
  });

  test("is there when the field is empty, and alone when the message has no other", async () => {
    const message = create(ListTemplatesResponseSchema);
    const body = await answer(bindingOf("ListTemplates"), success({ message })).json();
    expect(body).toEqual({ statusCode: 200, message: expect.any(String), data: [] });
  });

  test("is null for Empty", async () => {
    const message = create(EmptySchema);
    const body = await answer(bindingOf("DeleteToken"), success({ message })).json();
    expect(body).toMatchObject({ data: null });
  });

  test("is left out where the contract says so", async () => {
    const message = create(EmptySchema);
    const body = await answer(bindingOf("DeleteAlias"), success({ message })).json();
    expect(body).toEqual({ statusCode: 200, message: "Proxy alias deleted successfully" });
  });
});

describe("a failure", () => {
  test.each([
    ["ListRealms", ErrorCode.MISSING_TOKEN, 401, "UNAUTHORIZED"],
    ["ListRealms", ErrorCode.INSUFFICIENT_PERMISSIONS, 403, "PERMISSION_DENIED"],
    ["ListRealms", ErrorCode.INVALID_HOST, 400, "Bad Request"],
    ["GetProject", ErrorCode.MISSING_TOKEN, 401, "Unauthorized"],
    ["CreateToken", ErrorCode.DUPLICATE_TOKEN_ALIAS, 400, "DUPLICATE_ALIAS"],
    ["CreateHook", ErrorCode.INVALID_HOOK, 422, "Validation Error"],
  ] as const)("of %s with code %d is %d %s", async (method, code, statusCode, error) => {
    const reply: Reply = { ok: false, code, violations: [], retryAfterS: null };
    const body = await answer(bindingOf(method), reply).json();
    expect(body).toMatchObject({ statusCode, error });
  });

  test.each([...allRefusals()])("of code %d follows the table", async (code, row) => {
    const response = failure({ code, violations: [] });
    expect(response.status).toBe(row.http);
    const body = (await response.json()) as Record<string, unknown>;
    expect(Object.keys(body).sort()).toEqual(["code", "error", "message", "statusCode"]);
    expect(body).toMatchObject({ statusCode: row.http, message: row.message, code: row.code });
    expect(body.error).toBeString();
    expect(body.error).not.toBe("");
    expect(response.headers.get("content-type")).toContain("application/json");
  });

  test.each([
    [ErrorCode.PRECONDITION_FAILED, "Precondition Failed"],
    [ErrorCode.PRECONDITION_REQUIRED, "Precondition Required"],
    [ErrorCode.VALIDATION_ERROR, "Validation Error"],
    [ErrorCode.PAYLOAD_TOO_LARGE, "Payload Too Large"],
    [ErrorCode.PROJECT_NOT_FOUND, "Not Found"],
  ])("of code %d has the error %s", async (code, error) => {
    expect(await failure({ code, violations: [] }).json()).toMatchObject({ error });
  });

  const violations = [
    { instancePath: "/document/groups/a/type", message: "is required" },
    { instancePath: "/documents", message: "is something else" },
    { instancePath: "/document", message: "is the body" },
    { instancePath: "/id", message: "is bad" },
  ];

  test("names violations relative to the body that was sent", async () => {
    const reply: Reply = {
      ok: false,
      code: ErrorCode.VALIDATION_ERROR,
      violations,
      retryAfterS: null,
    };
    expect(await answer(bindingOf("ReplacePermissions"), reply).json()).toEqual({
      statusCode: 422,
      error: "Validation Error",
      message: "Validation failed: /groups/a/type is required",
      code: "VALIDATION_ERROR",
      data: [
        { instancePath: "/groups/a/type", message: "is required" },
        { instancePath: "/documents", message: "is something else" },
        { instancePath: "", message: "is the body" },
        { instancePath: "/id", message: "is bad" },
      ],
    });
    const whole = await answer(bindingOf("SetDefault"), reply).json();
    expect(whole).toMatchObject({ data: violations });
  });
});
