import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ListContainersResponseSchema } from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import { PermissionDocumentSchema } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { ProjectSchema } from "../../../proto/gen/realmgate/v1/projects_pb.ts";
import { SessionSchema } from "../../../proto/gen/realmgate/v1/users_pb.ts";
import { present } from "./present.ts";

test("an empty message is null", () => {
  expect(present(EmptySchema, create(EmptySchema))).toBeNull();
});

test("names are snake case, empty lists are written, and null appears where the contract documents it", () => {
  expect(present(ProjectSchema, create(ProjectSchema, { id: "p", userId: "u" }))).toEqual({
    id: "p",
    user_id: "u",
    alias: "",
    color: "",
    max_containers: null,
    realm_ids: [],
    created_at: "",
    updated_at: "",
    is_default: false,
  });
});

test("a quota of 0 is 0, not null", () => {
  const project = create(ProjectSchema, { maxContainers: 0 });
  expect(present(ProjectSchema, project)).toMatchObject({ max_containers: 0 });
});

test("nulls are written in messages inside messages and lists, too", () => {
  const session = create(SessionSchema, { user: { id: "u" } });
  expect(present(SessionSchema, session)).toMatchObject({ user: { id: "u", alias: null } });
  const list = create(ListContainersResponseSchema, {
    containers: [
      { id: "a", comment: "c" },
      { id: "b", address: "10.0.0.1" },
    ],
    pagination: { total: 2, page: 1, limit: 50, totalPages: 1 },
  });
  expect(present(ListContainersResponseSchema, list)).toMatchObject({
    containers: [
      { id: "a", comment: "c", address: null, programs: {}, has_proxy_permissions: false },
      { id: "b", comment: null, address: "10.0.0.1" },
    ],
    pagination: { total: 2, page: 1, limit: 50, totalPages: 1 },
  });
});

test("lists that are left out while empty are left out, at the top and in maps", () => {
  const groups = {
    office: { type: "ip", range: "10.0.0.0/8" },
    ci: { type: "jwt", sources: ["header:X"], claims: { aud: "a", n: 0, ok: false } },
  };
  expect(
    present(PermissionDocumentSchema, create(PermissionDocumentSchema, { groups, warnings: [] })),
  ).toEqual({ groups, permissions: {} });
  const warned = create(PermissionDocumentSchema, { groups, warnings: ["weak."] });
  expect(present(PermissionDocumentSchema, warned)).toMatchObject({ warnings: ["weak."] });
});

test("access values are unchanged", () => {
  const permissions = { a: { http: true, files: false, display: 1, exec: [1, 2], ssh: "*" } };
  const document = create(PermissionDocumentSchema, { permissions });
  expect(present(PermissionDocumentSchema, document)).toEqual({ groups: {}, permissions });
});
