import { describe, expect, test } from "bun:test";
import { ApiError, messageOf } from "./call.ts";
import { allRefusals, refusalOf } from "./errors.ts";
import { Code } from "./gen/google/rpc/code_pb.ts";
import { ErrorCode, ErrorCodeSchema } from "./gen/realmgate/v1/errors_pb.ts";

const rows = [...allRefusals()];

test("every code but UNSPECIFIED is in the table, once", () => {
  expect(rows.length).toBe(ErrorCodeSchema.values.length - 1);
  expect(new Set(rows.map(([code]) => code)).size).toBe(rows.length);
});

test("codes that share a machine code are few and known", () => {
  const shared = Map.groupBy(rows, ([, row]) => row.code);
  const statuses = [...shared]
    .filter(([, same]) => same.length > 1)
    .map(([code, same]) => [code, same.map(([, row]) => row.http)] as const);
  expect(Object.fromEntries(statuses)).toEqual({
    DUPLICATE_ALIAS: [409, 400],
    INVALID_ALIAS_FORMAT: [400, 400],
    VALIDATION_ERROR: [422, 400, 422],
  });
});

/** Valid gRPC statuses for each HTTP status. */
const grpcOf: Readonly<Record<number, readonly Code[]>> = {
  400: [Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.ALREADY_EXISTS],
  401: [Code.UNAUTHENTICATED],
  403: [Code.PERMISSION_DENIED],
  404: [Code.NOT_FOUND, Code.UNIMPLEMENTED],
  405: [Code.UNIMPLEMENTED],
  408: [Code.DEADLINE_EXCEEDED],
  409: [Code.ALREADY_EXISTS, Code.ABORTED, Code.FAILED_PRECONDITION, Code.RESOURCE_EXHAUSTED],
  412: [Code.ABORTED],
  413: [Code.RESOURCE_EXHAUSTED],
  415: [Code.INVALID_ARGUMENT],
  422: [Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED],
  428: [Code.FAILED_PRECONDITION],
  429: [Code.RESOURCE_EXHAUSTED],
  500: [Code.INTERNAL],
  503: [Code.UNAVAILABLE],
};

describe("every code has a status on each wire and a text", () => {
  test.each(rows.map(([, row]) => [row.code, row] as const))("%s", (code, row) => {
    expect(code).toMatch(/^[A-Z][A-Z_]+[A-Z]$/);
    expect(grpcOf[row.http] ?? []).toContain(row.grpc);
    expect(row.message.trim()).not.toBe("");
  });
});

/** Clients match on these texts. */
test.each([
  [ErrorCode.MISSING_TOKEN, 401, "MISSING_TOKEN", "Authentication token required"],
  [ErrorCode.INVALID_TOKEN, 401, "INVALID_TOKEN", "Invalid authentication token"],
  [ErrorCode.TOKEN_EXPIRED, 401, "TOKEN_EXPIRED", "Token has expired"],
  [ErrorCode.INVALID_CREDENTIALS, 401, "INVALID_CREDENTIALS", "Invalid email or password"],
  [ErrorCode.INSUFFICIENT_PERMISSIONS, 403, "INSUFFICIENT_PERMISSIONS", "Insufficient permissions"],
  [ErrorCode.INVALID_ID_FORMAT, 400, "INVALID_ID_FORMAT", "Invalid ID format"],
  [ErrorCode.MISSING_REQUIRED_FIELD, 400, "MISSING_REQUIRED_FIELD", "Missing required field"],
  [ErrorCode.INVALID_PARAMETER_VALUE, 400, "INVALID_PARAMETER_VALUE", "Invalid parameter value"],
  [ErrorCode.INVALID_IP_RANGE, 400, "INVALID_IP_RANGE", "Invalid IP CIDR range"],
  [
    ErrorCode.DUPLICATE_TOKEN_ALIAS,
    400,
    "DUPLICATE_ALIAS",
    "An auth token with this alias already exists",
  ],
  [ErrorCode.DUPLICATE_ALIAS, 409, "DUPLICATE_ALIAS", "A project with this alias already exists"],
  [ErrorCode.INVALID_TOKEN_REQUEST, 400, "VALIDATION_ERROR", "Validation failed"],
  [ErrorCode.INVALID_HOOK, 422, "VALIDATION_ERROR", "Invalid hook"],
  [ErrorCode.INVALID_JWT_CONFIG, 400, "INVALID_JWT_CONFIG", "Invalid JWT configuration"],
  [ErrorCode.PROJECT_NOT_FOUND, 404, "PROJECT_NOT_FOUND", "Project not found"],
  [ErrorCode.CONTAINER_NOT_FOUND, 404, "CONTAINER_NOT_FOUND", "Container not found"],
  [ErrorCode.GROUP_NOT_FOUND, 404, "GROUP_NOT_FOUND", "Group not found"],
  [ErrorCode.PRECONDITION_FAILED, 412, "PRECONDITION_FAILED", "etag_mismatch"],
  [ErrorCode.VALIDATION_ERROR, 422, "VALIDATION_ERROR", "Validation failed"],
  [
    ErrorCode.PRECONDITION_REQUIRED,
    428,
    "PRECONDITION_REQUIRED",
    "If-Match header required for this operation",
  ],
] as const)("code %d is %d %s: %s", (code, http, name, message) => {
  expect(refusalOf(code)).toMatchObject({ http, code: name, message });
});

test.each([ErrorCode.UNSPECIFIED, 9999 as ErrorCode])(
  "%d is no code, and looks like a fault of ours",
  (code) => {
    expect(refusalOf(code)).toBe(refusalOf(ErrorCode.INTERNAL_ERROR));
  },
);

describe("the message of a failure", () => {
  const fields = [
    { instancePath: "/a/b", message: "is required" },
    { instancePath: "/c", message: "is wrong" },
  ];
  const body = [{ instancePath: "", message: "must be object" }];

  test.each([
    ["names the first field", ErrorCode.VALIDATION_ERROR, fields, ": /a/b is required"],
    ["stands alone without one", ErrorCode.VALIDATION_ERROR, [], ""],
    ["says / for the whole body", ErrorCode.VALIDATION_ERROR, body, ": / must be object"],
    [
      "names the first field of a 400 that is a validation error to clients",
      ErrorCode.INVALID_TOKEN_REQUEST,
      fields,
      ": /a/b is required",
    ],
    ["likewise of a hook", ErrorCode.INVALID_HOOK, fields, ": /a/b is required"],
    ["is the documented one of any other code", ErrorCode.INVALID_IP_RANGE, fields, ""],
  ] as const)("%s", (_why, code, violations, rest) => {
    const text = `${refusalOf(code).message}${rest}`;
    expect(messageOf({ code, violations })).toBe(text);
    expect(new ApiError(code, violations).message).toBe(text);
  });
});
