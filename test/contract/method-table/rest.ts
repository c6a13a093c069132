// A request message as REST carries it: path, query and body of a binding.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Binding } from "../../../src/gateway-rest/routing/http-rule.ts";

export interface RestRequest {
  readonly method: string;
  /** Below `/api/v1`, with the query. */
  readonly path: string;
  readonly body?: JsonValue;
}

/** Spreads the message over the binding. Fields that have no place in it go to the query. */
export function restRequest(binding: Binding, message: JsonObject): RestRequest {
  const rest: Record<string, JsonValue> = { ...message };
  const take = (name: string): JsonValue | undefined => {
    const value = rest[name];
    delete rest[name];
    return value;
  };
  const steps = binding.segments.map((segment) =>
    segment.kind === "literal" ? segment.text : encodeURIComponent(String(take(segment.field))),
  );
  const path = `/${steps.join("/")}`.replace("/api/v1", "");
  const method = binding.verb;
  const isWhole = binding.body === "message";
  const inQuery = Object.keys(rest).filter((name) => !isWhole || binding.query.has(name));
  const field = binding.body === null || binding.body === "message" ? null : binding.body.name;
  const part = field === null ? undefined : (take(field) ?? {});
  const query = new URLSearchParams(
    inQuery.filter((name) => name !== field).map((name) => [name, String(take(name))]),
  );
  const body = isWhole ? rest : part;
  const at = query.size === 0 ? path : `${path}?${query}`;
  return body === undefined ? { method, path: at } : { method, path: at, body };
}
