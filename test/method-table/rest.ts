// A request message as REST carries it: path, query and body of a binding.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Binding } from "../../src/gateway-rest/http-rule.ts";

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
  if (binding.body === "message") return { method, path, body: rest };
  const body = binding.body === null ? undefined : (take(binding.body.name) ?? {});
  const query = new URLSearchParams(
    Object.entries(rest).map(([name, value]) => [name, String(value)]),
  );
  const at = query.size === 0 ? path : `${path}?${query}`;
  return body === undefined ? { method, path: at } : { method, path: at, body };
}
