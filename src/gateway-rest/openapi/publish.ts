// Serves the OpenAPI document, without authentication; the bytes are the same for the life of the process.
import type { JsonObject } from "@bufbuild/protobuf";
import { entityTag, isNotModified } from "./entity-tag.ts";

/** Paths of the document. */
export const documentPaths: ReadonlySet<string> = new Set([
  "/openapi.json",
  "/api/v1/openapi.json",
]);

/** `Cache-Control: max-age` of the document, in seconds. */
const freshS = 300;

/** The response to GET and HEAD, with If-None-Match (RFC 9110 §13.1.2). Generates the document on first use. */
export function publish(make: () => JsonObject): (request: Request) => Response {
  let published: ReturnType<typeof encoded> | null = null;
  return (request) => {
    published ??= encoded(make());
    const { bytes, etag } = published;
    const headers = { ETag: etag, "Cache-Control": `public, max-age=${freshS}` };
    if (isNotModified(request, etag)) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(bytes, { headers: { "Content-Type": "application/json", ...headers } });
  };
}

function encoded(document: JsonObject) {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return { bytes, etag: entityTag(bytes) };
}
