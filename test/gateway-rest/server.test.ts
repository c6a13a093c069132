// The REST listener with a dispatch that writes down what reaches it.
import { afterAll, describe, expect, test } from "bun:test";
import { hasOption } from "@bufbuild/protobuf";
import type { Call } from "../../proto/call.ts";
import { http } from "../../proto/gen/google/api/annotations_pb.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { startRest } from "../../src/gateway-rest/server.ts";
import { trustedProxies } from "../../src/proxy/gate/client-address.ts";
import { allServices } from "../harness/rest-services.ts";

const calls: Call[] = [];
const server = startRest({
  hostname: "127.0.0.1",
  port: 0,
  services: allServices,
  domain: "example.test",
  dispatch: async (call) => {
    calls.push(call);
    return { ok: false, code: ErrorCode.MISSING_TOKEN, violations: [], retryAfterS: null };
  },
  proxies: trustedProxies([]),
  log: { error: (fields) => console.error(fields) },
});
afterAll(() => server.stop());

const ask = (path: string, init?: RequestInit) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, init);

interface Document {
  readonly servers: readonly unknown[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, { operationId: string }>>>>;
}

const document = (await (await ask("/openapi.json")).json()) as Document;
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([verb, { operationId }]) => ({
    verb: verb.toUpperCase(),
    path,
    operationId,
  })),
);

test("what a gate of this machine passes on, as to a program of a container, is refused before anything is looked at", async () => {
  calls.length = 0;
  const headers = { "x-realmgate-program": "http", authorization: "Bearer x" };
  for (const path of ["/", "/docs", "/openapi.json", "/api/v1/projects", "/api/v1/users/auth/me"]) {
    const answer = await ask(path, { headers, redirect: "manual" });
    expect([answer.status, (await answer.json()).code]).toEqual([400, "INVALID_HOST"]);
  }
  expect(calls).toEqual([]);
});

test("a preflight is answered with the headers that it asks for", async () => {
  calls.length = 0;
  const asked = "authorization,traceparent,x-request-id";
  const headers = {
    origin: "https://app.example",
    "access-control-request-method": "PUT",
    "access-control-request-headers": asked,
  };
  const path = `/api/v1/containers/${"0".repeat(24)}/proxy/permissions`;
  const answer = await ask(path, { method: "OPTIONS", headers });
  expect(answer.status).toBe(204);
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  expect(answer.headers.get("access-control-allow-methods")).toContain("PUT");
  expect(answer.headers.get("access-control-allow-headers")?.split(/, */)).toEqual(
    expect.arrayContaining(asked.split(",")),
  );
  expect(answer.headers.get("access-control-allow-headers")).toContain("If-Match");
  expect(calls).toEqual([]);
});

test("every operation of the document leads to the method it is named after, with and without a slash", async () => {
  expect(operations.length).toBeGreaterThan(50);
  const reached = new Set<unknown>();
  for (const { verb, path, operationId } of operations) {
    for (const target of [path, `${path}/`]) {
      calls.length = 0;
      const answer = await ask(target.replaceAll(/\{[^}]*\}/g, "0".repeat(24)), { method: verb });
      expect({ verb, target, status: answer.status }).toEqual({ verb, target, status: 401 });
      const method = calls[0]?.method.name ?? "";
      const words = operationId.split("_");
      expect({ operationId, method, named: words.includes(method) }).toEqual({
        operationId,
        method,
        named: true,
      });
      reached.add(calls[0]?.method);
    }
  }
  // What has no binding is for processes of an installation alone, over gRPC.
  const methods = allServices
    .flatMap(({ methods }) => methods)
    .filter((method) => hasOption(method, http));
  expect(methods.filter((method) => !reached.has(method)).map(({ name }) => name)).toEqual([]);
});

describe("the realm filter", () => {
  const realm = "a".repeat(24);

  test.each([
    ["", null],
    [`?realm_id=${realm}`, realm],
    ["?realm_id=", ""],
    ["?realm_id=x", "x"],
    [`?realm_id=${realm}&realm_id=${realm}`, null],
    [`?REALM_ID=${realm}`, null],
  ])("of %j goes with the call as %p", async (query, filter) => {
    for (const path of ["/api/v1/projects", `/api/v1/containers/${"0".repeat(24)}`]) {
      calls.length = 0;
      await ask(`${path}${query}`);
      expect(calls.map(({ realmFilter }) => realmFilter)).toEqual([filter]);
    }
  });
});

describe("the document", () => {
  test.each(["/openapi.json", "/openapi.json/", "/api/v1/openapi.json"])(
    "is at %s, for anybody from anywhere",
    async (path) => {
      calls.length = 0;
      const host = `${"a".repeat(24)}.api.example.test`;
      const answer = await ask(path, { headers: { host } });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      expect(await answer.json()).toEqual(document);
      expect(calls).toEqual([]);
    },
  );

  test("is read only", async () => {
    const post = await ask("/openapi.json", { method: "POST", body: "{}" });
    expect(post.status).toBe(405);
    expect(post.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
    const options = await ask("/openapi.json", { method: "OPTIONS" });
    expect(options.status).toBe(204);
    const head = await ask("/openapi.json", { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe("");
  });

  test("names the installation's domain", () => {
    expect(JSON.stringify(document.servers)).toContain("api.example.test");
  });

  test.each(["/openapi", "/openapi.json/x", "/api/v2/openapi.json", "/api%2Fv1%2Fopenapi.json"])(
    "is not at %s",
    async (path) => {
      expect((await ask(path)).status).toBe(404);
    },
  );
});
