import { expect, test } from "bun:test";
import { create, toJson } from "@bufbuild/protobuf";
import { TokenPermissionsSchema } from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import { allLeaves, leavesOf, treeOf } from "./permissions.ts";

test("leaves are the ends of the tree, with the way to them", () => {
  expect(allLeaves.size).toBe(47);
  expect(allLeaves.has("containers.read")).toBeTrue();
  expect(allLeaves.has("financial.server_rental.view_marketplace")).toBeTrue();
  expect(allLeaves.has("containers")).toBeFalse();
  expect(allLeaves.has("containers.actions")).toBeFalse();
});

test("a tree's leaves are those that are true", () => {
  const tree = create(TokenPermissionsSchema, {
    containers: { read: true, create: false, actions: { start: true } },
    projects: {},
  });
  expect(leavesOf(tree)).toEqual(new Set(["containers.read", "containers.actions.start"]));
});

test("leaves grow into a whole tree, and back", () => {
  const some = new Set(["projects.members.invite", "admin.users"]);
  const tree = treeOf(some);
  expect(leavesOf(tree)).toEqual(some);
  expect(leavesOf(treeOf(allLeaves))).toEqual(new Set(allLeaves));
  const json = toJson(TokenPermissionsSchema, tree, { alwaysEmitImplicit: true });
  expect(json).toMatchObject({
    containers: { read: false, actions: { start: false } },
    projects: { members: { invite: true, remove: false } },
    admin: { users: true, servers: false },
  });
});
