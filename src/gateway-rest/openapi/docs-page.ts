// GET /docs: the OpenAPI document in swagger-ui, served from local files only.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { entityTag, isNotModified } from "./entity-tag.ts";

/** Path of the page. */
const docsPath = "/docs";

/** Only local files, and calls to the page's own host. The style sheet uses `data:` images. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const headers: Readonly<Record<string, string>> = {
  "Content-Security-Policy": contentSecurityPolicy,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  // Another version of the program may serve different files under the same names.
  "Cache-Control": "no-cache",
  Vary: "Accept-Encoding",
};

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Realmgate API</title>
<link rel="icon" type="image/png" href="${docsPath}/favicon.png">
<link rel="stylesheet" href="${docsPath}/swagger-ui.css">
<link rel="stylesheet" href="${docsPath}/page.css">
</head>
<body>
<div id="docs"></div>
<noscript>This page needs JavaScript; the document itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="${docsPath}/swagger-ui-bundle.js"></script>
<script src="${docsPath}/start.js"></script>
</body>
</html>
`;

/** Credentials stay in the page's memory; no external validator; the document URL cannot be changed by a query. */
const start = `"use strict";
SwaggerUIBundle({
  url: "${docsPath}/openapi.json",
  filter: true,
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  queryConfigEnabled: false,
  validatorUrl: null,
});
`;

/** On telephones: less margin, paths that break, tables that scroll. */
const style = `html { -webkit-text-size-adjust: 100%; }
@media (max-width: 640px) {
  .swagger-ui .wrapper, .swagger-ui .opblock-tag-section { padding: 0 10px; }
  .swagger-ui .info { margin: 16px 0; }
  .swagger-ui .info .title { font-size: 26px; }
  .swagger-ui .opblock-tag { flex-wrap: wrap; font-size: 18px; }
  .swagger-ui .opblock-tag small { padding: 4px 0; flex-basis: 100%; }
  .swagger-ui .opblock .opblock-summary { flex-wrap: wrap; }
  .swagger-ui .opblock .opblock-summary-path { max-width: 100%; word-break: break-word; }
  .swagger-ui .opblock .opblock-summary-description { flex-basis: 100%; padding: 4px 8px; }
  .swagger-ui table, .swagger-ui .highlight-code { display: block; max-width: 100%; overflow-x: auto; }
  .swagger-ui .scheme-container .schemes { flex-direction: column; align-items: stretch; }
  .swagger-ui select { max-width: 100%; }
}
`;

interface PageFile {
  readonly type: string;
  readonly read: () => Uint8Array;
}

/** The folder of swagger-ui: beside the bundle that this file is in, else among the installed packages. */
function viewerFolder(): string {
  const bundled = join(import.meta.dir, "swagger-ui");
  if (existsSync(bundled)) return bundled;
  return dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
}

function text(content: string, type: string): PageFile {
  return { type: `${type}; charset=utf-8`, read: () => new TextEncoder().encode(content) };
}

function ofViewer(name: string, type: string): PageFile {
  return { type, read: () => readFileSync(join(viewerFolder(), name)) };
}

const files: ReadonlyMap<string, PageFile> = new Map([
  [docsPath, text(page, "text/html")],
  [`${docsPath}/start.js`, text(start, "text/javascript")],
  [`${docsPath}/page.css`, text(style, "text/css")],
  [
    `${docsPath}/swagger-ui-bundle.js`,
    ofViewer("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
  ],
  [`${docsPath}/swagger-ui.css`, ofViewer("swagger-ui.css", "text/css; charset=utf-8")],
  [`${docsPath}/favicon.png`, ofViewer("favicon-32x32.png", "image/png")],
]);

/** The document that the page reads. */
const documentPath = `${docsPath}/openapi.json`;

export function isDocsPath(path: string): boolean {
  return files.has(path) || path === documentPath;
}

interface Published {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
}

/**
 * Serves GET and HEAD of these paths without authentication. `document`: what the page shows. Reads files on first use: 2 MB, and
 * 0.6 MB compressed.
 */
export function docsPages(
  document: () => JsonObject,
): (path: string, request: Request) => Response {
  const published = new Map<string, Published>();
  const own: PageFile = {
    type: "application/json",
    read: () => new TextEncoder().encode(JSON.stringify(document())),
  };
  return (path, request) => {
    const file = path === documentPath ? own : files.get(path);
    if (file === undefined) throw new Error(`${path} is not a page`);
    const { type, etag, bytes, gzip } = published.get(path) ?? publish(file);
    published.set(path, { type, etag, bytes, gzip });
    if (isNotModified(request, etag)) {
      return new Response(null, { status: 304, headers: { ...headers, ETag: etag } });
    }
    const packed = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(
      request.headers.get("accept-encoding") ?? "",
    );
    return new Response(packed ? gzip : bytes, {
      headers: {
        ...headers,
        "Content-Type": type,
        ETag: etag,
        ...(packed ? { "Content-Encoding": "gzip" } : {}),
      },
    });
  };
}

function publish({ type, read }: PageFile): Published {
  const bytes = Uint8Array.from(read());
  return { type, etag: entityTag(bytes), bytes, gzip: Bun.gzipSync(bytes) };
}
