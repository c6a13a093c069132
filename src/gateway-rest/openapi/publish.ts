// Serves the OpenAPI document, without authentication; the bytes are the same for the life of the process.
import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";

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
    if (isHeld(request.headers.get("if-none-match"), etag)) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(bytes, { headers: { "Content-Type": "application/json", ...headers } });
  };
}

function encoded(document: JsonObject) {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const digest = createHash("sha256").update(bytes).digest("base64url");
  return { bytes, etag: `"${digest.slice(0, 22)}"` };
}

/** Whether the client has this version. Compares weakly (RFC 9110 §13.1.2). */
function isHeld(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  const tags = ifNoneMatch.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}
