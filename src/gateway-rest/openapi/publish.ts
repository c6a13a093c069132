// Hands out the OpenAPI document: to anybody, the same bytes until the program is another one.
import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";

/** Where the document is. */
export const documentPaths: ReadonlySet<string> = new Set([
  "/openapi.json",
  "/api/v1/openapi.json",
]);

/** For how long a client may go without asking whether it changed, in seconds. */
const freshS = 300;

/** The answer to GET and HEAD (RFC 9110 §13.1.2 for If-None-Match). The document is made when it is first asked for. */
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

/** Whether the client has it already; weak tags compare as strong ones here. */
function isHeld(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  const tags = ifNoneMatch.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}
