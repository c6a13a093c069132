// ProjectPermissionsService and ContainerPermissionsService: the same methods on two kinds of document.
import {
  create,
  type DescService,
  type JsonObject,
  type JsonValue,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { ApiError, type FieldViolation } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type ClearPermissionsRequest,
  ContainerPermissionsService,
  type DeleteGroupRequest,
  type DeletePermissionRequest,
  type DeletePermissionsRequest,
  type GetPermissionsRequest,
  type Group,
  GroupSchema,
  type PermissionDocument,
  ProjectPermissionsService,
  type ReplacePermissionsRequest,
  type SetDefaultRequest,
  type SetIpGroupRequest,
  type SetJwtGroupRequest,
  type SetPasswordGroupRequest,
  type SetPermissionRequest,
  type SetStateRequest,
  type SetTokenGroupRequest,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { canonicalProgram } from "../../policy/program.ts";
import type { RecentPolicies } from "../../policy/recent-policies.ts";
import type { CallOutcome, Context, Implementation } from "../api/dispatch.ts";
import { etagOf } from "../api/if-match.ts";
import { renameEvent } from "../store/call-event.ts";
import type { DocumentKey, DocumentState, DocumentView } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { DocumentAccess, type Next, type Written } from "./document-access.ts";
import { readHooks } from "./hooks/hook-document.ts";
import { checkGroupIsFree } from "./hooks/hook-groups.ts";
import { newHookId } from "./hooks/hook-id.ts";
import { hooksText, storedHooks } from "./hooks/hook-list.ts";
import { acceptSteps, documentAnswer, groupNames } from "./permission-document.ts";

/** `now`: the clock, in milliseconds. `recentPolicies`: see DocumentAccess. */
export function permissionServices(
  store: Store,
  now: () => number,
  recentPolicies: RecentPolicies | null = null,
): Implementation[] {
  const project = new DocumentAccess("project", store, recentPolicies);
  const container = new DocumentAccess("container", store, recentPolicies);
  return [
    implementation(ProjectPermissionsService, project, now),
    implementation(ContainerPermissionsService, container, now),
  ];
}

function implementation(
  service: DescService,
  documents: DocumentAccess,
  now: () => number,
): Implementation {
  const { kind } = documents;

  /** The answer to a write: the document as it is now, or would be. */
  async function answer(id: string, writing: Promise<Written>): Promise<CallOutcome> {
    const { projectId, state, document, warnings, made, preview } = await writing;
    const stored = document?.message ?? null;
    const message = documentAnswer({ kind, id }, projectId, state, warnings, stored);
    if (preview !== undefined) message.preview = preview;
    return { message, ...made, etag: etagOf(state.version) };
  }

  function edit(
    context: Context,
    id: string,
    change: (document: PermissionDocument, state: DocumentState) => void,
  ): Promise<CallOutcome> {
    return answer(id, documents.edit(context, id, change));
  }

  function write(
    context: Context,
    id: string,
    next: (view: DocumentView) => Next | Promise<Next>,
  ): Promise<CallOutcome> {
    return answer(id, documents.write(context, id, next));
  }

  function setGroup(
    context: Context,
    id: string,
    name: string,
    group: Group,
  ): Promise<CallOutcome> {
    return edit(context, id, (document) => {
      if (!Object.hasOwn(document.groups, name)) renameEvent("proxy.permissions.group_added");
      setOwn(document.groups, name, group);
    });
  }

  return {
    service,
    methods: {
      async getPermissions({ id }: GetPermissionsRequest, { scope }) {
        const { projectId, state } = await documents.read(scope, id);
        const message = documentAnswer({ kind, id }, projectId, state);
        return { message, etag: etagOf(state.version) };
      },

      replacePermissions({ id, document }: ReplacePermissionsRequest, context) {
        if (document === undefined) throw new Error("the rules let an absent document pass");
        checkNoProjectHooks(kind, document);
        return write(context, id, async (view) => {
          checkOwner(kind, id, view.projectId, document);
          const { hooks, violations } = readHooks(document.hooks, {
            id,
            stored: storedHooks(view.state),
            groups: groupNames(document),
            newId: () => newHookId(now()),
          });
          return {
            ...(await context.work.run(acceptSteps(document, violations))),
            hooks: hooksText(hooks),
            enableProxy: document.enableProxy ?? true,
            fromProject: false,
          };
        });
      },

      deletePermissions({ id }: DeletePermissionsRequest, context) {
        return write(context, id, () => ({
          enableProxy: true,
          document: null,
          hooks: null,
          fromProject: false,
        }));
      },

      setDefault(request: SetDefaultRequest, context) {
        return edit(context, request.id, (document) => {
          document.default = request.default;
        });
      },

      setState({ id, enableProxy = true }: SetStateRequest, context) {
        return write(context, id, ({ state: { hooks } }) => ({
          enableProxy,
          document: "kept",
          hooks,
          fromProject: false,
        }));
      },

      setIpGroup({ id, name, group }: SetIpGroupRequest, context) {
        return setGroup(context, id, name, typedGroup("ip", group));
      },

      setJwtGroup({ id, name, group }: SetJwtGroupRequest, context) {
        return setGroup(context, id, name, typedGroup("jwt", group));
      },

      setPasswordGroup({ id, name, group }: SetPasswordGroupRequest, context) {
        return setGroup(context, id, name, typedGroup("password", group));
      },

      setTokenGroup({ id, name, group }: SetTokenGroupRequest, context) {
        return setGroup(context, id, name, typedGroup("token", group));
      },

      deleteGroup({ id, name }: DeleteGroupRequest, context) {
        return edit(context, id, (document, state) => {
          requireGroup(document, name);
          checkGroupIsFree(storedHooks(state), name);
          delete document.groups[name];
          delete document.permissions[name];
        });
      },

      setPermission({ id, name, program, access }: SetPermissionRequest, context) {
        return edit(context, id, (document) => {
          const permissions = permissionsOf(document, name);
          if (access === undefined) throw new Error("the rules let an absent access pass");
          setOwn(permissions, canonicalProgram(program) ?? program, accessJson(access));
          setOwn(document.permissions, name, permissions);
        });
      },

      clearPermissions({ id, name }: ClearPermissionsRequest, context) {
        return edit(context, id, (document) => {
          requireGroup(document, name);
          delete document.permissions[name];
        });
      },

      deletePermission({ id, name, program }: DeletePermissionRequest, context) {
        return edit(context, id, (document) => {
          const permissions = permissionsOf(document, name);
          const key = canonicalProgram(program) ?? program;
          if (!Object.hasOwn(permissions, key)) throw new ApiError(ErrorCode.PERMISSION_NOT_FOUND);
          delete permissions[key];
        });
      },
    },
  };
}

/** Hooks run in a container. Throws ApiError VALIDATION_ERROR. */
function checkNoProjectHooks(kind: DocumentKey["kind"], { hooks }: PermissionDocument): void {
  if (kind === "container" || Object.keys(hooks).length === 0) return;
  const message = "is for documents of containers only";
  throw new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: "/hooks", message }]);
}

/** A body may leave its project and container out; when it names them they must be the ones of the path. */
function checkOwner(
  kind: DocumentKey["kind"],
  id: string,
  projectId: string,
  document: PermissionDocument,
): void {
  const violations: FieldViolation[] = [];
  if (document.project !== undefined && document.project !== projectId) {
    violations.push({ instancePath: "/project", message: "must be the project of the document" });
  }
  if (document.container !== undefined && (kind !== "container" || document.container !== id)) {
    violations.push({ instancePath: "/container", message: "must be the container of the path" });
  }
  if (violations.length > 0) throw new ApiError(ErrorCode.INVALID_PERMISSIONS_DOCUMENT, violations);
}

type TypedGroupRequest =
  | SetIpGroupRequest
  | SetJwtGroupRequest
  | SetPasswordGroupRequest
  | SetTokenGroupRequest;

/** The path says the type; the body says the rest. */
function typedGroup(type: string, group: TypedGroupRequest["group"]): Group {
  return create(GroupSchema, { ...group, type } as MessageInitShape<typeof GroupSchema>);
}

function requireGroup(document: PermissionDocument, name: string): void {
  if (!Object.hasOwn(document.groups, name)) throw new ApiError(ErrorCode.GROUP_NOT_FOUND);
}

function permissionsOf(document: PermissionDocument, name: string): JsonObject {
  requireGroup(document, name);
  return Object.hasOwn(document.permissions, name) ? (document.permissions[name] ?? {}) : {};
}

/** Throws ApiError INVALID_PERMISSION_VALUE for what binary protobuf can carry and JSON cannot: no value, NaN, infinities. */
function accessJson(access: Value): JsonValue {
  try {
    return toJson(ValueSchema, access);
  } catch {
    throw new ApiError(ErrorCode.INVALID_PERMISSION_VALUE, [
      { instancePath: "/access", message: "must be JSON" },
    ]);
  }
}

/** `map[key] = value` for any key: an assignment to `__proto__` would be no entry. */
function setOwn<Value>(map: Record<string, Value>, key: string, value: Value): void {
  Object.defineProperty(map, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}
