// Reply → Response: the documented envelope, success and failure.
import { STATUS_CODES } from "node:http";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type Failure, messageOf, type Reply, type Success } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import type { Binding } from "../routing/http-rule.ts";
import { present } from "./present.ts";

/** The answer to a call that reached dispatch. `asked`: the flags of its query that are true. */
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
  const message = reply.dryRun ? triedMessage : binding.message;
  const headers = new Headers();
  if (reply.etag !== null) headers.set("ETag", `"${reply.etag}"`);
  if (reply.revision !== null) headers.set("X-Realmgate-Revision", reply.revision);
  return json(status, { statusCode: status, message, ...payload(binding, reply, asked) }, headers);
}

/** What the message of a write would say is not true of one that was only tried. */
const triedMessage = "Valid; nothing was stored";

/** `data`, and what stands beside it. */
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

type Refusal = Pick<Failure, "code"> & Partial<Omit<Failure, "ok">>;

/** The answer to a call that was refused, by dispatch or before it. `errors`: see Binding. */
export function failure(refused: Refusal, errors?: Binding["errors"]): Response {
  const { retryAfterS = null } = refused;
  const headers = new Headers();
  if (retryAfterS !== null) headers.set("Retry-After", String(retryAfterS));
  const body = failureEnvelope(refused, errors);
  return json(refusalOf(refused.code).http, body, headers);
}

/** The body of that answer. */
export function failureEnvelope(
  { code, violations = [], metadata = {} }: Refusal,
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

/** A caller that sent one field of the message as the body knows nothing of the field's name. */
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
