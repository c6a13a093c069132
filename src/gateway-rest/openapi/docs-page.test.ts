import { expect, test } from "bun:test";
import { docsPages } from "./docs-page.ts";

const serve = docsPages(() => ({}));
const etag = serve("/docs", new Request("http://localhost/docs")).headers.get("etag") ?? "";

test.each([
  ["the tag", etag, 304],
  ["the tag, weakened by a proxy", `W/${etag}`, 304],
  ["a list with the tag", `"other", ${etag}`, 304],
  ["anything", "*", 304],
  ["another tag", '"other"', 200],
  ["the tag without quotes", etag.slice(1, -1), 200],
])("If-None-Match with %s: %s → %d", (_what, ifNoneMatch, status) => {
  const headers = { "if-none-match": ifNoneMatch };
  expect(serve("/docs", new Request("http://localhost/docs", { headers })).status).toBe(status);
});
