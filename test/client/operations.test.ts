// The client has every operation that the server serves, and each of its methods sends what the server reads.
import { describe, expect, test } from "bun:test";
import { services } from "../../proto/services.ts";
import { createApi } from "../../src/client/create-api.ts";
import { HttpClient } from "../../src/client/http.ts";
import { operationName } from "../../src/client/operation-names.ts";
import { type DescribedOperation, readOperations } from "../../src/client/read-operations.ts";
import { bindingsOf } from "../../src/gateway-rest/routing/http-rule.ts";
import { RouteTrie } from "../../src/gateway-rest/routing/route-trie.ts";
import { ControlPlane } from "../harness/control-plane.ts";

const described = readOperations();

test("it knows the services that the server serves", async () => {
  await using plane = new ControlPlane();
  const names = (of: readonly { typeName: string }[]) => of.map(({ typeName }) => typeName).sort();
  expect(names(services)).toEqual(names(plane.services));
});

test("every route is an operation, or another spelling of one with the same variables", () => {
  const missing = bindingsOf(services).filter(({ method, segments }) => {
    const variables = segments.flatMap((each) => (each.kind === "variable" ? [each.field] : []));
    return !described.some(
      (each) =>
        each.rpc === method && each.variables.map(({ name }) => name).join() === variables.join(),
    );
  });
  expect(missing).toEqual([]);
});

/** What a call sends first. */
async function sentBy(operation: DescribedOperation): Promise<{ url: URL; init: RequestInit }> {
  const sent: { url: URL; init: RequestInit }[] = [];
  const http = new HttpClient({
    baseUrl: "https://api.example.com",
    fetch: async (url, init) => {
      sent.push({ url: new URL(url), init });
      return Response.json({ statusCode: 200, message: "", data: {} });
    },
  });
  const api = createApi(http) as unknown as Record<
    string,
    Record<string, (...given: unknown[]) => Promise<unknown>>
  >;
  const given: unknown[] = operation.variables.map(({ name }) => `a/${name}?`);
  if (operation.verb === "GET") given.push({ realm_id: "r" });
  if (operation.takesBody) given.push({ some: "thing" });
  given.push({
    ifMatch: "file:v7",
    ...(operation.verb === "GET" ? {} : { query: { realm_id: "r" } }),
  });
  await api[operation.group]?.[operation.method]?.(...given);
  if (sent[0] === undefined) throw new Error("nothing was sent");
  return sent[0];
}

describe("a call reaches its rpc", () => {
  const routes = new RouteTrie(bindingsOf(services));

  test.each(described.map((each) => [`${each.group}.${each.method}`, each] as const))(
    "%s",
    async (_name, operation) => {
      const { url, init } = await sentBy(operation);
      const segments = url.pathname.slice(1).split("/").map(decodeURIComponent);
      const match = routes.match(init.method ?? "", segments);
      if (match.kind !== "found") throw new Error(`${init.method} ${url.pathname}: ${match.kind}`);
      expect(match.binding.method.parent.typeName).toBe(operation.rpc.parent.typeName);
      expect(match.binding.method.name).toBe(operation.rpc.name);
      expect(match.variables).toEqual(operation.variables.map(({ name }) => `a/${name}?`));
      expect(url.search).toBe("?realm_id=r");
      expect(init.body).toBe(operation.takesBody ? '{"some":"thing"}' : null);
      expect(operation.takesBody && match.binding.body === null).toBe(false);
      const ifMatch = new Headers(init.headers).get("if-match");
      expect(ifMatch).toBe(operation.versioned ? "file:v7" : null);
    },
  );

  test.each([undefined, null, "", ".", "..", 7])(
    "but not with %p where something is named",
    async (id) => {
      const http = new HttpClient({
        baseUrl: "https://api.example.com",
        fetch: () => Promise.reject(new Error("sent")),
      });
      await expect(createApi(http).projects.delete(id as string)).rejects.toThrow(
        "must be a non-empty text",
      );
    },
  );
});

describe("names", () => {
  test.each([
    ["UnheardService", "GetThing", 0, { group: "unheard", method: "getThing" }],
    ["ProjectService", "ListProjects", 0, { group: "projects", method: "list" }],
    ["ProjectService", "toString", 0, { group: "projects", method: "toString" }],
    ["ContainerService", "ListContainers", 1, { group: "containers", method: "listByProject" }],
    ["ContainerService", "ListContainers", 2, null],
  ])("of %s.%s, path %i: %o", (service, rpc, path, name) => {
    expect(operationName(service, rpc, path)).toEqual(name);
  });
});
