// Reply → Response: the documented envelope, success and failure.
import { STATUS_CODES } from "node:http";
import type { JsonValue } from "@bufbuild/protobuf";
import { type Failure, messageOf, type Reply, type Success } from "../../proto/call.ts";
import { refusalOf } from "../../proto/errors.ts";
import type { Binding } from "./http-rule.ts";
import { present } from "./present.ts";

/** The answer to a call that reached dispatch. */
export function answer(binding: Binding, reply: Reply): Response {
  if (reply.ok) return success(binding, reply);
  return failure({ ...reply, violations: relativeToBody(binding, reply.violations) });
}

function success(binding: Binding, reply: Success): Response {
  const data = present(binding.method.output, reply.message);
  const headers = new Headers();
  if (reply.etag !== null) headers.set("ETag", `"${reply.etag}"`);
  if (reply.revision !== null) headers.set("X-Realmgate-Revision", reply.revision);
  return json(
    binding.status,
    { statusCode: binding.status, message: binding.message, data },
    headers,
  );
}

/** The answer to a call that was refused, by dispatch or before it. */
export function failure(refused: Pick<Failure, "code"> & Partial<Omit<Failure, "ok">>): Response {
  const { violations = [], retryAfterS = null } = refused;
  const { http, error, code } = refusalOf(refused.code);
  const body: Record<string, JsonValue> = {
    statusCode: http,
    error: error || (STATUS_CODES[http] ?? "Error"),
    message: messageOf({ code: refused.code, violations }),
    code,
  };
  if (violations.length > 0) {
    body.data = violations.map(({ instancePath, message }) => ({
      instancePath,
      message,
    }));
  }
  const headers = new Headers();
  if (retryAfterS !== null) headers.set("Retry-After", String(retryAfterS));
  return json(http, body, headers);
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
