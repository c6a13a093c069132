// Reply → Response in the documented envelope.
import { STATUS_CODES } from "node:http";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type Failure, messageOf, type Reply, type Success } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import type { Binding } from "../routing/http-rule.ts";
import { present } from "./present.ts";

/** The response to a call that reached dispatch. `asked`: names of query parameters whose value is `true`. */
export function answer(
  binding: Binding,
  reply: Reply,
  asked: ReadonlySet<string> = new Set(),
): Response {
  if (reply.ok) return success(binding, reply, asked);
  const violations = relativeToBody(binding, reply.violations);
  return failure({ ...reply, violations }, binding.errors);
}

function success(binding: Binding, reply: Success, asked: ReadonlySet<string>): Response {
  const { status } = binding;
  const message = reply.dryRun ? dryRunMessage : binding.message;
  const headers = new Headers();
  if (reply.etag !== null) headers.set("ETag", `"${reply.etag}"`);
  if (reply.revision !== null) headers.set("X-Realmgate-Revision", reply.revision);
  return json(status, { statusCode: status, message, ...payload(binding, reply, asked) }, headers);
}

/** Replaces the message of the write ("… updated"), which would be wrong for a dry run. */
const dryRunMessage = "Valid; nothing was stored";

/** `data` and the fields beside it. */
function payload(
  { method, data }: Binding,
  reply: Success,
  asked: ReadonlySet<string>,
): JsonObject {
  if (data === null) return {};
  const shown = present(method.output, reply.message, asked);
  if (data === "message") return { data: shown };
  const { [data.name]: field = null, ...siblings } = shown as JsonObject;
  return { data: field, ...siblings };
}

type FailureFields = Pick<Failure, "code"> & Partial<Omit<Failure, "ok">>;

/** The response to a call refused by dispatch or before it. `errors`: see Binding. */
export function failure(refused: FailureFields, errors?: Binding["errors"]): Response {
  const { retryAfterS = null } = refused;
  const headers = new Headers();
  if (retryAfterS !== null) headers.set("Retry-After", String(retryAfterS));
  const body = failureEnvelope(refused, errors);
  return json(refusalOf(refused.code).http, body, headers);
}

/** The envelope of a failure. */
export function failureEnvelope(
  { code, violations = [], metadata = {} }: FailureFields,
  errors?: Binding["errors"],
): JsonObject {
  const row = refusalOf(code);
  const reason = row.error || (STATUS_CODES[row.http] ?? "Error");
  const named = { ...metadata };
  const listed = violations.map(({ instancePath, message }) => ({ instancePath, message }));
  const data = Object.keys(named).length > 0 ? named : listed;
  return {
    statusCode: row.http,
    error: errors?.get(row.http) ?? reason,
    message: messageOf({ code, violations, metadata }),
    code: row.code,
    ...(Object.keys(data).length > 0 ? { data } : {}),
  };
}

function json(status: number, body: JsonValue, headers: Headers): Response {
  headers.set("Content-Type", "application/json; charset=utf-8");
  headers.set("Cache-Control", "no-store");
  return new Response(JSON.stringify(body), { status, headers });
}

/** Where the body is a single field of the message, pointers must not contain the name of that field. */
function relativeToBody(
  binding: Binding,
  violations: Failure["violations"],
): Failure["violations"] {
  if (binding.body === null || binding.body === "message") return violations;
  const prefix = `/${binding.body.name}`;
  return violations.map(({ instancePath, message }) => ({
    instancePath:
      instancePath === prefix || instancePath.startsWith(`${prefix}/`)
        ? instancePath.slice(prefix.length)
        : instancePath,
    message,
  }));
}
