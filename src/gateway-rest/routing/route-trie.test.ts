import { describe, expect, test } from "bun:test";
import { UserService } from "../../../proto/gen/realmgate/v1/users_pb.ts";
import type { Binding, Verb } from "./http-rule.ts";
import { parsePathTemplate } from "./path-template.ts";
import { RouteTrie } from "./route-trie.ts";

const bind = (verb: Verb, template: string): Binding => ({
  verb,
  segments: parsePathTemplate(template),
  method: UserService.method.getMe,
  body: null,
  query: new Map(),
  updateMask: null,
  status: 200,
  message: `${verb} ${template}`,
  data: "message",
  errors: new Map(),
});

const routes = new RouteTrie([
  bind("GET", "/users/me"),
  bind("GET", "/users/{id}"),
  bind("PUT", "/users/{id}"),
  bind("GET", "/users/{id}/keys/{key}"),
  bind("POST", "/users/me/logout"),
  bind("GET", "/{any}/list"),
]);

function found(verb: string, path: string): unknown {
  const match = routes.match(verb, path.split("/").slice(1));
  switch (match.kind) {
    case "found":
      return [match.binding.message, ...match.variables];
    case "wrong_method":
      return match.allowed;
    case "unknown":
      return "unknown";
  }
}

describe("a path", () => {
  test.each([
    ["GET", "/users/me", ["GET /users/me"], "a literal beats a variable"],
    ["GET", "/users/7", ["GET /users/{id}", "7"], "a variable"],
    ["HEAD", "/users/7", ["GET /users/{id}", "7"], "HEAD is found where GET is"],
    ["GET", "/users/7/keys/a", ["GET /users/{id}/keys/{key}", "7", "a"], "two, in order"],
    [
      "GET",
      "/users/me/keys/a",
      ["GET /users/{id}/keys/{key}", "me", "a"],
      "back from a literal that leads nowhere",
    ],
    ["GET", "/users/list", ["GET /users/{id}", "list"], "the earlier literal decides"],
    ["GET", "/other/list", ["GET /{any}/list", "other"], "a variable in front"],
    ["GET", "/users/a%2Fb", ["GET /users/{id}", "a%2Fb"], "segments are taken as they are"],
  ])("%s %s leads to %p: %s", (verb, path, expected) => {
    expect(found(verb, path)).toEqual(expected);
  });

  test.each([
    ["GET", "/"],
    ["GET", "/users"],
    ["GET", "/users/7/keys"],
    ["GET", "/users/7/keys/a/b"],
    ["GET", "/Users/7"],
    ["GET", "/users//keys/a/"],
    ["GET", "/constructor"],
    ["GET", "/__proto__/me"],
  ])("%s %s leads nowhere", (verb, path) => {
    expect(found(verb, path)).toBe("unknown");
  });

  test.each([
    ["DELETE", "/users/7", ["GET", "PUT"]],
    ["OPTIONS", "/users/7", ["GET", "PUT"]],
    ["HEAD", "/users/me/logout", ["POST"]],
    ["get", "/users/7", ["GET", "PUT"]],
    ["constructor", "/users/7", ["GET", "PUT"]],
  ])("%s %s is another method than %p", (verb, path, allowed) => {
    expect(found(verb, path)).toEqual(allowed);
  });
});

test("an unused prefix of a longer path leaves no variables behind", () => {
  const trie = new RouteTrie([bind("GET", "/{a}/x/{b}/y"), bind("GET", "/{a}/{c}/z/w")]);
  const match = trie.match("GET", ["1", "x", "z", "w"]);
  expect(match.kind === "found" ? match.variables : match.kind).toEqual(["1", "x"]);
});

test("two bindings with the same verb and path are refused, whatever their variables are called", () => {
  expect(() => new RouteTrie([bind("GET", "/a/{b}"), bind("GET", "/a/{c}")])).toThrow("same route");
  expect(() => new RouteTrie([bind("GET", "/a/{b}"), bind("PUT", "/a/{c}")])).not.toThrow();
});
