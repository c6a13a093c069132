import { expect, test } from "bun:test";
import { create, toJson } from "@bufbuild/protobuf";
import { TokenPermissionsSchema } from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import { allPermissions, permissionsIn, permissionTree } from "./permissions.ts";

test("permissions are the leaves of the tree, named by their path", () => {
  expect(allPermissions.size).toBe(47);
  expect(allPermissions.has("containers.read")).toBeTrue();
  expect(allPermissions.has("financial.server_rental.view_marketplace")).toBeTrue();
  expect(allPermissions.has("containers")).toBeFalse();
  expect(allPermissions.has("containers.actions")).toBeFalse();
});

test("permissionsIn returns what is true in a tree", () => {
  const tree = create(TokenPermissionsSchema, {
    containers: { read: true, create: false, actions: { start: true } },
    projects: {},
  });
  expect(permissionsIn(tree)).toEqual(new Set(["containers.read", "containers.actions.start"]));
});

test("permissions become a complete tree and come back unchanged", () => {
  const some = new Set(["projects.members.invite", "admin.users"]);
  const tree = permissionTree(some);
  expect(permissionsIn(tree)).toEqual(some);
  expect(permissionsIn(permissionTree(allPermissions))).toEqual(new Set(allPermissions));
  const json = toJson(TokenPermissionsSchema, tree, { alwaysEmitImplicit: true });
  expect(json).toMatchObject({
    containers: { read: false, actions: { start: false } },
    projects: { members: { invite: true, remove: false } },
    admin: { users: true, servers: false },
  });
});
