import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import type { Reply } from "../../proto/call.ts";
import { allRefusals } from "../../proto/errors.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  PermissionDocumentSchema,
  ProjectPermissionsService,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { ProjectSchema, ProjectService } from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { answer, failure } from "./answer.ts";
import { type Binding, bindingsOf } from "./http-rule.ts";

const bindings = bindingsOf([ProjectService, ProjectPermissionsService]);
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

  test("is JSON that nobody keeps", () => {
    const { headers } = answer(bindingOf("GetProject"), success({}));
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  test("of a read carries no revision; a document its tag in quotes", () => {
    const message = create(PermissionDocumentSchema);
    const read = answer(bindingOf("GetPermissions"), success({ message, etag: "file:v3" }));
    expect(read.headers.get("etag")).toBe('"file:v3"');
    expect(read.headers.has("x-realmgate-revision")).toBeFalse();
    const write = answer(bindingOf("CreateProject"), success({ revision: "token" }));
    expect(write.headers.get("x-realmgate-revision")).toBe("token");
    expect(write.headers.has("etag")).toBeFalse();
  });
});

describe("a failure", () => {
  test.each([...allRefusals()])("of code %d is spelled by the table", async (code, row) => {
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

  test("names what is wrong, from the body that the caller sent", async () => {
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
