// ContainerHooksService: the hooks in a container's document, one by one.
import { create } from "@bufbuild/protobuf";
import { ApiError, type FieldViolation } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  ClearedHooksSchema,
  type ClearHooksRequest,
  ContainerHooksService,
  type CreateHookRequest,
  type DeleteHookRequest,
  type GetHookRequest,
  type Hook,
  HookAnswerSchema,
  HookVersionSchema,
  type ListHooksRequest,
  ListHooksResponseSchema,
  type ListServiceHooksRequest,
  type MoveHookRequest,
  type ReplaceHookRequest,
  ServiceHooksSchema,
} from "../../../proto/gen/realmgate/v1/hooks_pb.ts";
import type { CallOutcome, Context, Implementation, WriteResult } from "../api/dispatch.ts";
import type { DocumentState, DocumentView } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { DocumentAccess, type Written } from "./document-access.ts";
import { newHookId } from "./hooks/hook-id.ts";
import {
  found,
  hookCount,
  hookServiceOf,
  hooksListed,
  hooksPerContainerMax,
  hooksPerServiceMax,
  hooksText,
  inserted,
  moved,
  storedHooks,
  withList,
} from "./hooks/hook-list.ts";
import { type HookFields, normalHook } from "./hooks/hook-rules.ts";
import { groupsInForce, versionOf } from "./permission-document.ts";
import { requireProjectDocuments } from "./project-document.ts";

/** `now`: the clock, in milliseconds. */
export function hookService(store: Store, now: () => number): Implementation {
  const documents = new DocumentAccess("container", store);

  /** Changes the list of one program. */
  function write(
    context: Context,
    id: string,
    service: string,
    change: (list: readonly Hook[], view: DocumentView) => readonly Hook[],
  ): Promise<Written> {
    return documents.write(context, id, (view) => {
      const { enableProxy, body } = view.state;
      const hooks = storedHooks(view.state);
      const before = hooks.get(service) ?? [];
      const list = change(before, view);
      const added = list.filter((hook) => !before.includes(hook));
      return {
        enableProxy,
        document: "kept",
        hooks: hooksText(withList(hooks, service, list)),
        // Without a document of its own, the project's says which groups a hook may name.
        fromProject: body === null && added.some(({ appliesTo }) => appliesTo !== undefined),
      };
    });
  }

  return {
    service: ContainerHooksService,
    methods: {
      async listHooks({ id }: ListHooksRequest, context) {
        const { state } = await documents.read(context.scope, id);
        const hooks = hooksListed(await documents.shownHooks(context, id, storedHooks(state)));
        const message = create(ListHooksResponseSchema, { hooks, ...versionOf(state) });
        return { message, etag: message.etag };
      },

      async listServiceHooks(request: ListServiceHooksRequest, context) {
        const service = hookedService(request.service);
        const { state } = await documents.read(context.scope, request.id);
        const shown = await documents.shownHooks(context, request.id, storedHooks(state));
        const hooks = [...(shown.get(service) ?? [])];
        const message = create(ServiceHooksSchema, { service, hooks, ...versionOf(state) });
        return { message, etag: message.etag };
      },

      async createHook(request: CreateHookRequest, context) {
        const service = hookedService(request.service);
        const hookId = newHookId(now());
        const written = await write(context, request.id, service, (list, view) => {
          const hook = accepted(request, context, view, capFaults(list, view.state));
          return inserted(list, { ...hook, id: hookId }, request.position);
        });
        return hookAnswer(written.state, listIn(written.state, service), hookId, written.made);
      },

      async clearHooks(request: ClearHooksRequest, context) {
        const service = hookedService(request.service);
        let removed = 0;
        const { state, made } = await write(context, request.id, service, (list) => {
          removed = list.length;
          return [];
        });
        const message = create(ClearedHooksSchema, { removed, ...versionOf(state) });
        return { message, ...made, etag: message.etag };
      },

      async getHook(request: GetHookRequest, context) {
        const service = hookedService(request.service);
        const { state } = await documents.read(context.scope, request.id);
        const shown = await documents.shownHooks(context, request.id, storedHooks(state));
        return hookAnswer(state, shown.get(service), request.hookId);
      },

      async replaceHook(request: ReplaceHookRequest, context) {
        const service = hookedService(request.service);
        const { hookId } = request;
        const { state, made } = await write(context, request.id, service, (list, view) => {
          const { place } = found(list, hookId);
          return list.with(place, { ...accepted(request, context, view), id: hookId });
        });
        return hookAnswer(state, listIn(state, service), hookId, made);
      },

      async deleteHook(request: DeleteHookRequest, context) {
        const service = hookedService(request.service);
        const { state, made } = await write(context, request.id, service, (list) =>
          list.toSpliced(found(list, request.hookId).place, 1),
        );
        const message = create(HookVersionSchema, versionOf(state));
        return { message, ...made, etag: message.etag };
      },

      async moveHook(request: MoveHookRequest, context) {
        const service = hookedService(request.service);
        const { hookId, position } = request;
        const { state, made } = await write(context, request.id, service, (list) =>
          moved(list, hookId, position),
        );
        return hookAnswer(state, listIn(state, service), hookId, made);
      },
    },
  };
}

/** The canonical program. Throws ApiError HOOK_NOT_FOUND for one that takes no hooks. */
function hookedService(name: string): string {
  const named = hookServiceOf(name);
  if (named === null || !named.takesHooks) throw new ApiError(ErrorCode.HOOK_NOT_FOUND);
  return named.service;
}

function listIn(state: DocumentState, service: string): Hook[] {
  return [...(storedHooks(state).get(service) ?? [])];
}

/**
 * The hook in its normal form. Throws ApiError INVALID_HOOK with everything wrong with it, and what was found before;
 * INSUFFICIENT_PERMISSIONS where it would tell which groups a document has that the caller may not read.
 */
function accepted(
  fields: HookFields,
  { caller }: Pick<Context, "caller">,
  view: DocumentView,
  faults: readonly FieldViolation[] = [],
): Hook {
  const violations = [...faults];
  const isOfProject = view.state.body === null && (view.projectState?.body ?? null) !== null;
  if (isOfProject && fields.appliesTo !== undefined) requireProjectDocuments(caller);
  const hook = normalHook(fields, groupsInForce(view), "", (instancePath, message) => {
    violations.push({ instancePath, message });
  });
  if (violations.length > 0) throw new ApiError(ErrorCode.INVALID_HOOK, violations);
  return hook;
}

/** Why one more hook is too many. */
function capFaults(list: readonly Hook[], state: DocumentState): FieldViolation[] {
  const fault = (message: string): FieldViolation[] => [{ instancePath: "/service", message }];
  if (list.length >= hooksPerServiceMax) {
    return fault(`has ${hooksPerServiceMax} hooks, which is as many as it may`);
  }
  return hookCount(storedHooks(state)) < hooksPerContainerMax
    ? []
    : fault(`is of a container that has ${hooksPerContainerMax} hooks, which is as many as it may`);
}

function hookAnswer(
  state: DocumentState,
  list: readonly Hook[] | undefined,
  hookId: string,
  made?: WriteResult,
): CallOutcome {
  const { hook } = found(list ?? [], hookId);
  const message = create(HookAnswerSchema, { hook, ...versionOf(state) });
  const { etag } = message;
  return { message, etag, ...made };
}
