import { describe, expect, test } from "bun:test";
import comments from "../../../proto/comments.json" with { type: "json" };
import { refusalOf } from "../../../proto/errors.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { refusalsOf } from "../../../src/gateway-rest/openapi/refusals.ts";
import { type Binding, bindingsOf } from "../../../src/gateway-rest/routing/http-rule.ts";
import { allServices } from "../../harness/rest-services.ts";

const bindings = bindingsOf(allServices);

function bindingOf(service: string, method: string): Binding {
  const found = bindings.find(
    (each) => each.method.name === method && each.method.parent.name === `${service}Service`,
  );
  if (found === undefined) throw new Error(`no ${service}.${method}`);
  return found;
}

const statusesOf = (service: string, method: string) => [
  ...new Set(refusalsOf(bindingOf(service, method)).map((code) => refusalOf(code).http)),
];

describe("a method may be refused for", () => {
  test.each([
    ["Project", "DeleteProject", ErrorCode.DEFAULT_PROJECT, "what its comment says"],
    ["Token", "UpdateToken", ErrorCode.DELEGATION_EXCEEDED, "what another method's comment says"],
    ["ProjectMember", "ListMembers", ErrorCode.PROJECT_NOT_FOUND, "its resource"],
    ["Alias", "GetAlias", ErrorCode.ALIAS_NOT_FOUND, "a resource of its own kind"],
    ["Container", "CreateContainer", ErrorCode.PROJECT_NOT_IN_REALM, "a resource not in the realm"],
    ["ContainerHooks", "ListHooks", ErrorCode.HOOK_NOT_FOUND, "what its service says of all"],
    ["ContainerHooks", "CreateHook", ErrorCode.INVALID_HOOK, "what its service says of writes"],
    ["Project", "CreateProject", ErrorCode.INVALID_COLOR_FORMAT, "a rule of a field"],
    ["Container", "CreateContainer", ErrorCode.INVALID_UPSTREAM, "a rule further in"],
    ["Project", "UpdateProject", ErrorCode.SHARED_ACROSS_REALMS, "what is shared"],
    ["Project", "ListProjects", ErrorCode.INSUFFICIENT_PERMISSIONS, "its leaves"],
    ["ProjectPermissions", "SetState", ErrorCode.PRECONDITION_REQUIRED, "its If-Match"],
    ["Project", "GetProject", ErrorCode.INVALID_ID_FORMAT, "a rule of its path"],
    ["Container", "ListContainers", ErrorCode.INVALID_ID_FORMAT, "a rule of its query"],
    ["User", "Logout", ErrorCode.SESSION_REQUIRED, "who calls"],
    ["Token", "GetCurrentToken", ErrorCode.TOKEN_REQUIRED, "who calls, likewise"],
    ["User", "Login", ErrorCode.INVALID_JSON, "the form of its body"],
    ["Realm", "ListRealms", ErrorCode.INVALID_PARAMETER_VALUE, "its query"],
    ["Server", "ListServers", ErrorCode.INVALID_REALM_ID_FORMAT, "the realm filter"],
  ])("%s.%s: %d (%s)", (service, method, code) => {
    expect(refusalsOf(bindingOf(service, method))).toContain(code);
  });

  test.each([
    ["ContainerHooks", "ListHooks", ErrorCode.INVALID_HOOK, "what only writes are refused for"],
    ["Project", "GetProject", ErrorCode.SHARED_ACROSS_REALMS, "what is shared, where it may be"],
    ["Project", "GetProject", ErrorCode.INVALID_JSON, "the form of a body it does not have"],
    ["User", "Login", ErrorCode.MISSING_TOKEN, "a credential it does not look at"],
    ["Token", "GetCurrentToken", ErrorCode.REALM_SCOPE_REQUIRED, "a host that is as good as any"],
    ["Token", "ListTemplates", ErrorCode.INSUFFICIENT_PERMISSIONS, "leaves it does not need"],
    ["Project", "ListProjects", ErrorCode.PRECONDITION_FAILED, "a version it does not ask for"],
  ])("not %s.%s: %d (%s)", (service, method, code) => {
    expect(refusalsOf(bindingOf(service, method))).not.toContain(code);
  });

  test("a fault of ours, and of the database, always; and nothing twice", () => {
    for (const binding of bindings) {
      const codes = refusalsOf(binding);
      expect(codes).toContain(ErrorCode.INTERNAL_ERROR);
      expect(codes).toContain(ErrorCode.STORE_UNAVAILABLE);
      expect(codes.includes(ErrorCode.WRITE_OUTCOME_UNKNOWN)).toBe(binding.verb !== "GET");
      expect(new Set(codes).size).toBe(codes.length);
      expect(codes).not.toContain(ErrorCode.UNSPECIFIED);
    }
  });

  test("each status that the documentation of permission documents names", () => {
    expect(statusesOf("ProjectPermissions", "SetIpGroup").toSorted()).toEqual([
      400, 401, 403, 404, 412, 413, 415, 422, 428, 429, 500, 503,
    ]);
  });
});

test("what comments list as errors is in the table", () => {
  const listed = Object.entries(comments).flatMap(([name, comment]) => {
    const text = /(?:Errors:|may answer|every write)(.*)$/s.exec(comment)?.[1] ?? "";
    return (text.match(/\b[A-Z]+(_[A-Z]+)+\b/g) ?? []).map((code) => ({ name, code }));
  });
  expect(listed.length).toBeGreaterThan(50);
  expect(listed.filter(({ code }) => !Object.hasOwn(ErrorCode, code))).toEqual([]);
});
