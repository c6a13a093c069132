import { expect, test } from "bun:test";
import { create, type DescMethod, type MessageInitShape, setExtension } from "@bufbuild/protobuf";
import { MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import {
  CallerKind,
  ProjectLevel,
  RequiresSchema,
  ResourceKind,
  requires,
} from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { ProjectPermissionsService } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { ProjectService } from "../../../proto/gen/realmgate/v1/projects_pb.ts";
import { requirementsOf } from "./requirements.ts";

type Said = MessageInitShape<typeof RequiresSchema>;

/** GetProject with other requirements; null: without any. */
function method(said: Said | null): DescMethod {
  const { getProject } = ProjectService.method;
  const options = create(MethodOptionsSchema);
  if (said !== null) setExtension(options, requires, create(RequiresSchema, said));
  return { ...getProject, proto: { ...getProject.proto, options } };
}

const { ANY, PUBLIC, SESSION, TOKEN } = CallerKind;
const { PROJECT } = ResourceKind;
const resource = { kind: PROJECT, field: "id" };
const level = ProjectLevel.READ;

test.each<[why: string, said: Said]>([
  ["anybody", { caller: PUBLIC }],
  ["a session", { caller: SESSION }],
  ["a session on a project", { caller: SESSION, level, resource }],
  ["any token", { caller: TOKEN, anyToken: true }],
  ["a token with a permission", { caller: TOKEN, leaves: ["containers.actions.start"] }],
  ["both on a project", { caller: ANY, leaves: ["projects.read"], level, resource }],
])("consistent requirements are accepted: %s", (_why, said) => {
  expect(requirementsOf(method(said))).toEqual(create(RequiresSchema, said));
});

const together = "must state leaves or any_token if auth tokens may call it, and only then";

test.each<[why: string, said: Said | null, problem: string]>([
  ["nothing said", null, "does not state its requirements"],
  ["no caller", {}, "does not state its requirements"],
  [
    "permissions without a caller",
    { leaves: ["projects.read"] },
    "does not state its requirements",
  ],
  ["any caller, no permission", { caller: ANY }, together],
  ["a token, no permission", { caller: TOKEN }, together],
  ["a session with a permission", { caller: SESSION, leaves: ["projects.read"] }, together],
  ["a public method for any token", { caller: PUBLIC, anyToken: true }, together],
  [
    "an unknown permission",
    { caller: ANY, leaves: ["projects.raed"] },
    "unknown permission projects.raed",
  ],
  ["a branch", { caller: ANY, leaves: ["projects"] }, "unknown permission projects"],
  ["a level without a resource", { caller: SESSION, level }, "both a level and a resource"],
  ["a resource without a level", { caller: SESSION, resource }, "both a level and a resource"],
  [
    "a field that is not there",
    { caller: SESSION, level, resource: { kind: PROJECT, field: "project" } },
    "project, which is not a string field",
  ],
  [
    "a field that is not a string",
    { caller: SESSION, level, resource: { kind: PROJECT, field: "include_permissions" } },
    "include_permissions, which is not a string field",
  ],
  [
    "a resource without a kind",
    { caller: SESSION, level, resource: { field: "id" } },
    "the resource has no kind",
  ],
])("a server does not start with %s", (_why, said, problem) => {
  expect(() => requirementsOf(method(said))).toThrow(problem);
});

test("a server does not start when a dry run is declared on a method that writes no document", () => {
  const { deletePermissions } = ProjectPermissionsService.method;
  const { input } = deletePermissions;
  const said = { caller: SESSION, level, resource };
  const reads: DescMethod = { ...method(said), input };
  expect(() => requirementsOf(reads)).toThrow("has validate_only, but does not write a document");
  const writes: DescMethod = { ...method({ ...said, ifMatch: true }), input };
  expect(requirementsOf(writes).ifMatch).toBe(true);
});

test("the error names the method", () => {
  expect(() => requirementsOf(method(null))).toThrow("realmgate.v1.ProjectService.GetProject");
});
