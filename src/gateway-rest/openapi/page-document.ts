// The OpenAPI document as the page shows it: called on the page's own host, and each operation once.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { sameHost } from "./document.ts";

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** PATCH and PUT of a path with the same summary are one operation with two names: the page shows PUT and mentions PATCH. */
export function pageDocument(document: JsonObject): JsonObject {
  const { servers, paths } = document;
  const all = Array.isArray(servers) ? servers.filter(isObject) : [];
  const own = all.filter(({ url }) => url === sameHost);
  return {
    ...document,
    servers: [...own, ...all.filter(({ url }) => url !== sameHost)],
    paths: Object.fromEntries(
      Object.entries(isObject(paths) ? paths : {}).map(([path, item]) => [path, once(item)]),
    ),
  };
}

function once(item: JsonValue): JsonValue {
  if (!isObject(item)) return item;
  const { put, patch, ...others } = item;
  if (!isObject(put) || !isObject(patch) || put.summary !== patch.summary) return item;
  const description = `${put.description}\n\n\`PATCH\` does the same.`;
  return { ...others, put: { ...put, description } };
}
