import { expect, test } from "bun:test";
import { PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import type { UpgradedConnection } from "../upgraded-connection.ts";
import { BunServeRequest, targetOf } from "./bun-serve-request.ts";

test.each([
  ["http://h/a/b?c=d", "/a/b?c=d"],
  ["http://h/a#frag", "/a"],
  ["http://h//a", "//a"],
  ["/a", "/a"],
  ["http://h", null],
])("the target of %s is %j", (url, target) => {
  expect(targetOf(url)).toBe(target);
});

function requestWith(method: string, headers: Record<string, string>): BunServeRequest {
  const request = { method, headers: new Headers(headers), url: "http://h/" };
  return new BunServeRequest(
    request as Request,
    "192.0.2.1",
    {} as Bun.Server<UpgradedConnection>,
    PLAIN_SCOPE,
    30,
  );
}

test.each<[string, Record<string, string>, boolean, boolean]>([
  ["GET", {}, true, false],
  ["GET", { "content-length": "0" }, true, false],
  ["GET", { "content-length": "1" }, false, true],
  ["HEAD", { "transfer-encoding": "chunked" }, false, true],
  ["POST", { "content-length": "1" }, true, true],
  ["POST", { "transfer-encoding": "chunked" }, true, true],
  ["POST", { "content-length": "1, 1" }, false, true],
])("%s with %j is well-formed: %p, and has a body: %p", (method, headers, wellFormed, hasBody) => {
  const head = requestWith(method, headers);
  expect([head.isWellFormed, head.hasBody]).toEqual([wellFormed, hasBody]);
});
