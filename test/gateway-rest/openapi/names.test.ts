import { describe, expect, test } from "bun:test";
import { operationIds, pathOf } from "../../../src/gateway-rest/openapi/names.ts";
import { bindingsOf } from "../../../src/gateway-rest/routing/http-rule.ts";
import { allServices } from "../../harness/rest-services.ts";

const bindings = bindingsOf(allServices);
const ids = operationIds(bindings);

const idOf = (verb: string, path: string) => {
  const found = bindings.find((each) => each.verb === verb && pathOf(each) === `/api/v1${path}`);
  return found === undefined ? undefined : ids.get(found);
};

describe("an operationId", () => {
  test.each([
    ["GET", "/projects", "ListProjects", "the method's name"],
    ["PUT", "/projects/{id}", "UpdateProject", "the first route's"],
    ["PATCH", "/projects/{id}", "UpdateProject_patch", "a further verb's"],
    ["GET", "/users/me", "GetMe_2", "a further path's with the same verb"],
    [
      "GET",
      "/projects/{id}/proxy/permissions",
      "ProjectPermissions_GetPermissions",
      "two services'",
    ],
    [
      "GET",
      "/containers/{id}/proxy/permissions",
      "ContainerPermissions_GetPermissions",
      "likewise",
    ],
    ["PUT", "/projects/{id}/proxy/permissions/state", "ProjectPermissions_SetState_put", "both"],
  ])("of %s %s is %s: %s", (verb, path, id) => {
    expect(idOf(verb, path)).toBe(id);
  });

  test("is every route's own", () => {
    expect(ids.size).toBe(bindings.length);
    expect(new Set(ids.values()).size).toBe(bindings.length);
  });
});
