import { describe, expect, test } from "bun:test";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import {
  type ServiceHooksState,
  ServiceHooksStateSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { HookSchema } from "../../../proto/gen/realmgate/v1/hooks_pb.ts";
import { compileHook, compileHooks, type HookQuestion, matchHook } from "./hook-match.ts";

function matches(match: JsonObject, asked: Partial<HookQuestion> = {}, more: JsonObject = {}) {
  const json = { id: "h", match, script: { path: "/s.ts" }, timeout: 500, ...more };
  const ordinary = { method: "GET", path: "/", query: "", headers: new Headers(), groups: null };
  const question = { ...ordinary, ...asked };
  return matchHook([compileHook(fromJson(HookSchema, json), "terminal", 0)], question) !== null;
}

describe("a path", () => {
  test.each([
    ["*", "/", true],
    ["*", "/a/b", true],
    ["/", "/", true],
    ["/", "/a", false],
    ["/a", "/a", true],
    ["/a", "/a/", true],
    ["/a", "/a/b", false],
    ["/a/", "/a", true],
    ["/a", "/A", true],
    ["/A", "/a", true],
    ["/a", "/ab", false],
    ["/a/*", "/a/", true],
    ["/a/*", "/a/b/c", true],
    ["/a/*", "/a", false],
    ["/a/*", "/ab", false],
    ["/a*", "/a", true],
    ["/a*", "/ab/c", true],
    ["/a*", "/b", false],
    ["/*", "/", true],
    ["/*/b", "/a/b", true],
    ["/*/b", "/a/c/b", false],
    ["/*/b", "//b", false],
    ["/a/*/c", "/a/b/c", true],
    ["/a/*/c", "/a/b/b/c", false],
    ["/a/*/c*", "/a/b/c/d", true],
    ["/x*y", "/x*y", true],
    ["/x*y", "/xzy", false],
  ])("%j and %j: %p", (pattern, path, expected) => {
    expect(matches({ path: pattern }, { path })).toBe(expected);
  });

  test.each([
    ["/admin", "/%61dmin"],
    ["/admin/*", "/admin%2Fusers"],
    ["/admin", "//admin"],
    ["/admin", "/%2Fadmin"],
    ["/a/b", "/a//b"],
    ["/admin/*", "/%61dmin/%ff"],
    ["/admin/*", "/public/..%2fadmin/users"],
    ["/admin/*", "/public/%2e%2e%2fadmin/users"],
    ["/admin/*", "/public/../admin/users"],
    ["/admin/*", "/admin;x=1/users"],
    ["/admin/users", "/admin/./users"],
    ["/admin/users", "/admin%5cusers"],
    ["/admin*", "/;%2Fx/admin"],
    ["/admin*", "/;a%2f..%2fz/admin"],
    ["/admin*", "/;%5cq/admin"],
    ["/admin*", "/x;y/..;z/admin"],
    ["/admin*", "/%2561dmin"],
    ["/admin*", "/%252561dmin"],
    ["/admin*", "/ADMIN"],
    ["/admin", "/Admin/"],
    ["/admin", "/admin;x"],
    ["/admin", "/admin%00.css"],
    ["/admin", "/admin%2f"],
    ["/admin", "/admin/."],
    ["/admin", "/admin%3bx"],
    ["/admin", "/admin%20"],
    ["/admin", "/x/..%255cadmin"],
    ["/admin/*", "/public/%c0%ae%c0%ae/admin/users"],
    ["/admin/*", "/%EF%BD%81dmin/users"],
    ["/admin/*", "//anyhost/admin/users"],
    ["/admin", `/%${"25".repeat(9)}61dmin`],
  ])("%j is not gone around by %j", (pattern, path) => {
    expect(matches({ path: pattern }, { path })).toBe(true);
  });

  test("that is long costs no more than its length", () => {
    const pattern = `/${"*/".repeat(120)}end`;
    expect(matches({ path: pattern }, { path: `/${"a/".repeat(8000)}` })).toBe(false);
  });
});

describe("a method", () => {
  test.each([
    [undefined, "GET", true],
    [undefined, "DELETE", true],
    [undefined, "OPTIONS", false],
    ["*", "POST", true],
    ["*", "OPTIONS", true],
    ["*", "PROPFIND", true],
    ["DELETE", "delete", true],
    ["GET", "hEAD", true],
    [undefined, "options", true],
    [undefined, "PROPFIND", true],
    ["GET", "GET", true],
    ["GET", "HEAD", true],
    ["HEAD", "GET", false],
    ["get", "HEAD", true],
    ["POST", "GET", false],
    [["POST", "PUT"], "PUT", true],
    [["POST", "GET"], "HEAD", true],
    [["OPTIONS"], "OPTIONS", true],
    [["POST"], "OPTIONS", false],
  ])("%j and %s: %p", (method, asked, expected) => {
    expect(matches(method === undefined ? {} : { method }, { method: asked })).toBe(expected);
  });
});

describe("a method that a request names beside its own counts, too", () => {
  const naming = (name: string, value: string, method = "POST") => ({
    method,
    headers: new Headers({ [name]: value }),
  });

  test.each(["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])("in %s", (name) => {
    expect(matches({ method: "DELETE" }, naming(name, "delete"))).toBe(true);
    expect(matches({ method: "DELETE" }, naming(name, "put"))).toBe(false);
    // Of a list, frameworks take the first or the last; several lines arrive as one.
    expect(matches({ method: "DELETE" }, naming(name, "delete, get"))).toBe(true);
    expect(matches({ method: "DELETE" }, naming(name, "get ,DELETE"))).toBe(true);
    expect(matches({ method: "GET" }, naming(name, "HEAD,"))).toBe(true);
  });

  test.each([
    ["_method=DELETE", true],
    ["a=1&_method=delete", true],
    ["%5Fmethod=%44ELETE", true],
    ["_method=GET&_method=DELETE", true],
    ["a=1;_method=DELETE", true],
    // PHP makes `_` of the first character.
    [".method=DELETE", true],
    ["+[method=DELETE", true],
    ["_method=DELETE%zz", true],
    ["_method=PUT", false],
    [`${"_method=PUT&".repeat(20)}_method=DELETE`, true],
    ["_method=UNDELETE", false],
    ["_method=DELETED", false],
    ["method=DELETE", false],
    ["_methods=DELETE", false],
    ["_method%00=DELETE", true],
    ["_method%00x%5b=DELETE", true],
    ["_method%00", false],
    ["a=_method=DELETE", false],
    // Firebase, Gramex and ServiceStack read parameters that are called like the fields, Salesforce one of its own.
    ["x-http-method-override=DELETE", true],
    ["a=1&X_HTTP_Method=delete", true],
    ["%78-method-override=DELETE", true],
    ["_HttpMethod=DELETE", true],
    ["x-tunneled-method=DELETE", true],
    ["X-Tunneled%2DMethod=delete", true],
    [`${"_HttpMethod=PUT&".repeat(20)}x-http-method=DELETE`, true],
    ["x-http-method-override=PUT", false],
    ["x-http-methods=DELETE", false],
    ["httpmethod=DELETE", false],
  ])("in the query %s: %p", (query, expected) => {
    expect(matches({ method: "DELETE" }, { method: "POST", query })).toBe(expected);
  });

  test("when the hook is for every method but OPTIONS", () => {
    const override = "X-HTTP-Method-Override";
    expect(matches({}, naming(override, "DELETE", "OPTIONS"))).toBe(true);
    expect(matches({}, naming("X-Other", "DELETE", "OPTIONS"))).toBe(false);
    expect(matches({}, { method: "OPTIONS", query: "_method=PUT" })).toBe(true);
  });
});

test("a path is as good as any where it may be read in too many ways", () => {
  const path = `/%${"25".repeat(9)}41`;
  expect(matches({ path: "/admin" }, { path })).toBe(true);
  expect(matches({ path: "/admin", method: "POST" }, { path })).toBe(false);
});

test.each([
  ["/public/page;v=1/%20b"],
  ["/administrator"],
  ["/a/admin"],
  ["/adm%69"],
  ["/caf%C3%A9/admin"],
  ["/x/../b//c"],
])("%s has nothing to do with /admin", (path) => {
  expect(matches({ path: "/admin" }, { path })).toBe(false);
});

test("what is said of http holds for https, after what is said of https", () => {
  const list = (service: string, ids: string[]) => {
    const hooks = ids.map((id) =>
      fromJson(HookSchema, { id, match: {}, script: { path: "/s" }, timeout: 1 }),
    );
    return create(ServiceHooksStateSchema, { service, hooks });
  };
  const ids = (states: ServiceHooksState[], service: string) =>
    compileHooks(states)
      ?.get(service)
      ?.map(({ id, service, index }) => [id, service, index]);
  const both = [list("http", ["a", "b"]), list("https", ["c"])];
  expect(ids(both, "https")).toEqual([
    ["c", "https", 0],
    ["a", "http", 0],
    ["b", "http", 1],
  ]);
  expect(ids(both, "http")).toEqual([
    ["a", "http", 0],
    ["b", "http", 1],
  ]);
  expect(ids([list("http", ["a"])], "https")).toEqual([["a", "http", 0]]);
  expect(ids([list("https", ["c"])], "http")).toBeUndefined();
});

test("headers are compared exactly, all of them", () => {
  const match = { headers: { "x-a": "1", "x-b": "2" } };
  expect(matches(match, { headers: new Headers({ "X-A": "1", "X-B": "2" }) })).toBe(true);
  expect(matches(match, { headers: new Headers({ "X-A": "1" }) })).toBe(false);
  expect(matches(match, { headers: new Headers({ "X-A": "1", "X-B": "22" }) })).toBe(false);
});

test("who it is for is who was granted by one of its groups", () => {
  const only = { applies_to: { groups: ["staff", "ops"] } };
  expect(matches({}, { groups: ["ops"] }, only)).toBe(true);
  expect(matches({}, { groups: ["guests"] }, only)).toBe(false);
  expect(matches({}, { groups: null }, only)).toBe(false);
});

test("the first that matches counts", () => {
  const hook = (id: string, path: string) => {
    const json = { id, match: { path }, script: { path: "/s" }, timeout: 1 };
    return compileHook(fromJson(HookSchema, json), "terminal", 0);
  };
  const hooks = [hook("a", "/a"), hook("b", "/*"), hook("c", "/a")];
  const asked = { method: "GET", query: "", headers: new Headers(), groups: null };
  expect(matchHook(hooks, { ...asked, path: "/a" })?.id).toBe("a");
  expect(matchHook(hooks, { ...asked, path: "/x" })?.id).toBe("b");
  expect(matchHook([], { ...asked, path: "/x" })).toBeNull();
});
