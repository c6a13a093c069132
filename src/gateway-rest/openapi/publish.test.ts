import { describe, expect, test } from "bun:test";
import { publish } from "./publish.ts";

const document = { openapi: "3.1.0", info: { title: "é" } };
const answer = publish(() => document);
const ask = (ifNoneMatch?: string) =>
  answer(
    new Request("http://api.localhost/openapi.json", {
      headers: ifNoneMatch === undefined ? {} : { "if-none-match": ifNoneMatch },
    }),
  );
const etag = ask().headers.get("etag") ?? "";

test("the document is JSON and publicly cacheable", async () => {
  const response = ask();
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("cache-control")).toBe("public, max-age=300");
  expect(etag).toMatch(/^"[\w-]{22}"$/);
  expect(await response.json()).toEqual(document);
});

test("its entity tag depends on its content", () => {
  const other = publish(() => ({ ...document, openapi: "3.1.1" }))(new Request("http://x.test/"));
  expect(other.headers.get("etag")).not.toBe(etag);
  expect(publish(() => document)(new Request("http://x.test/")).headers.get("etag")).toBe(etag);
});

describe("a client that sends If-None-Match", () => {
  test.each([
    [etag, 304],
    [`W/${etag}`, 304],
    [`"other", ${etag}`, 304],
    ["*", 304],
    ['"other"', 200],
    [etag.slice(1, -1), 200],
    ["", 200],
  ])("%s: %d", async (ifNoneMatch, status) => {
    const response = ask(ifNoneMatch);
    expect(response.status).toBe(status);
    expect(response.headers.get("etag")).toBe(etag);
    if (status === 304) expect(await response.text()).toBe("");
  });
});
