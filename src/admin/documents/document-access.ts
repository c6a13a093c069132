// Writing permission documents: compare and swap around a pure edit.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { PermissionDocument } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import type { DocumentPreview } from "../../../proto/gen/realmgate/v1/preview_pb.ts";
import type { RecentPolicies } from "../../policy/recent-policies.ts";
import { StoredDocument } from "../../policy/stored-document.ts";
import type { Context, WriteResult } from "../api/dispatch.ts";
import { expectedVersion } from "../api/if-match.ts";
import { mayDo } from "../auth/caller.ts";
import type { DocumentKey, DocumentState, DocumentView, Scope } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { previewSteps } from "./document-preview.ts";
import { hasHeaders, withoutHeaders } from "./hooks/hidden-headers.ts";
import type { Hooks } from "./hooks/hook-list.ts";
import { acceptSteps, checkStorable, editableDocument } from "./permission-document.ts";
import { projectDocument, requireProjectDocuments } from "./project-document.ts";

/** As ContainerPermissionsService.GetPermissions requires it; any one suffices. */
const readsContainerDocuments = ["containers.update", "resources.proxy_aliases"];

/** How often a write is made again because the project's document moved under a container's. */
const attemptsMax = 5;

/** What a write makes of a document. */
export interface Next {
  readonly enableProxy: boolean;
  /** `kept`: what is stored stays. */
  readonly document: StoredDocument | "kept" | null;
  readonly hooks: string | null;
  /** Whether the result depends on the project's document as it was read. */
  readonly fromProject: boolean;
  readonly warnings?: readonly string[];
}

/** What a write made, or would have made. */
export interface Written {
  readonly projectId: string;
  /** Of a dry run the version is the present one. */
  readonly state: DocumentState;
  /** That of the state. */
  readonly document: StoredDocument | null;
  readonly warnings: readonly string[];
  readonly made: WriteResult;
  /** Of a dry run: what would have changed. */
  readonly preview?: DocumentPreview;
}

/** Access to the documents of projects or of containers. Everything throws ApiError with the kind's NOT_FOUND. */
export class DocumentAccess {
  readonly kind: DocumentKey["kind"];
  readonly #store: Store;
  readonly #recentPolicies: RecentPolicies | null;

  /** `recentPolicies`: gets what was accepted, for the proxy of the same process. */
  constructor(
    kind: DocumentKey["kind"],
    store: Store,
    recentPolicies: RecentPolicies | null = null,
  ) {
    this.kind = kind;
    this.#store = store;
    this.#recentPolicies = recentPolicies;
  }

  async read(scope: Scope, id: string): Promise<DocumentView> {
    const view = await this.#store.document(scope, { kind: this.kind, id });
    if (view === null) throw this.#notFound();
    return view;
  }

  /** The hooks of a container as this caller may see them. */
  async shownHooks(
    { caller, scope }: Pick<Context, "caller" | "scope">,
    id: string,
    hooks: Hooks,
  ): Promise<Hooks> {
    if (!hooks.values().some((list) => list.some(hasHeaders))) return hooks;
    const key = { kind: this.kind, id };
    const mayRead = readsContainerDocuments.some((leaf) => mayDo(caller, leaf));
    const editable = mayRead
      ? await this.#store.document({ ...scope, level: ProjectLevel.EDIT }, key)
      : null;
    if (editable !== null) return hooks;
    return new Map(hooks.entries().map(([service, list]) => [service, list.map(withoutHeaders)]));
  }

  /**
   * SHARED_ACROSS_REALMS for a confined caller whose project holds containers that are not the caller's alone: its document opens,
   * shuts or switches off those, too. 404 comes before that, that before 428 (no If-Match), that before 412 (stale), and that before what the edit refuses. A dry run goes the same
   * way up to the write.
   */
  async write(
    context: Context,
    id: string,
    edit: (view: DocumentView) => Next | Promise<Next>,
  ): Promise<Written> {
    const { scope, ifMatch } = context;
    const key = { kind: this.kind, id };
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const view = await this.read(scope, id);
      if (view.reachesBeyond) throw new ApiError(ErrorCode.SHARED_ACROSS_REALMS);
      const expected = expectedVersion(ifMatch);
      if (view.state.version !== expected) throw new ApiError(ErrorCode.PRECONDITION_FAILED);
      const next = await edit(view);
      const { enableProxy, hooks, fromProject, warnings = [] } = next;
      const document = next.document === "kept" ? keptDocument(view.state) : next.document;
      const body = document?.text ?? null;
      const isSame = body === view.state.body && hooks === view.state.hooks;
      if (!isSame) checkStorable(document, hooks);
      const { projectId } = view;
      if (scope.dryRun) {
        const { version } = view.state;
        const state = { version, enableProxy, body, hooks };
        const preview = await this.#preview(context, view, state);
        return { projectId, state, document, warnings, made: { dryRun: true }, preview };
      }
      const projectVersion = fromProject ? (view.projectState?.version ?? null) : null;
      const write = { expected, projectVersion, enableProxy, body, hooks };
      // Before the write: the proxy may read it before the promise resolves.
      if (document !== null && next.document !== "kept") this.#recentPolicies?.put(document);
      const written = await this.#store.putDocument(scope, key, write);
      if (written === null) throw this.#notFound();
      if (written === "stale") break;
      if (written === "moved") continue;
      const { version } = written;
      const state = { version, enableProxy, body, hooks };
      return { projectId, state, document, warnings, made: { committed: written } };
    }
    throw new ApiError(ErrorCode.PRECONDITION_FAILED);
  }

  /**
   * A write that changes a part of the document and keeps the rest. INSUFFICIENT_PERMISSIONS where a container would take over the
   * default of a project's document that the caller may not read.
   */
  edit(
    context: Context,
    id: string,
    change: (document: PermissionDocument, state: DocumentState) => void,
    enableProxy?: boolean,
  ): Promise<Written> {
    return this.write(context, id, async (view) => {
      const document = editableDocument(view);
      const { state, projectState } = view;
      const ofProject =
        this.kind === "container" && state.body === null && (projectState?.body ?? null) !== null
          ? document.default
          : undefined;
      if (ofProject !== undefined) delete document.default;
      change(document, state);
      if (ofProject !== undefined && document.default === undefined) {
        // The answer tells it.
        requireProjectDocuments(context.caller);
        document.default = ofProject;
      }
      const accepted = await context.work.run(acceptSteps(document));
      return {
        ...accepted,
        warnings: [...accepted.warnings, ...firstWriteWarnings(view.state, document)],
        hooks: view.state.hooks,
        enableProxy: enableProxy ?? view.state.enableProxy,
        fromProject: this.kind === "container" && view.state.body === null,
      };
    });
  }

  /** Throws ApiError where it would tell of a project's document that the caller may not read. */
  async #preview(
    { caller, scope, work }: Context,
    { projectId, state: before, projectState }: DocumentView,
    after: DocumentState,
  ): Promise<DocumentPreview> {
    const { kind } = this;
    if (kind === "project") {
      const followers = await this.#store.followers(scope, projectId);
      return work.run(previewSteps({ kind, before, after, project: after, followers }));
    }
    const standsAlone = before.body !== null && after.body !== null;
    const project = standsAlone
      ? after
      : projectDocument(caller, { own: { ...after, body: null }, project: projectState });
    const followers = { containers: 1, following: 1 };
    return work.run(previewSteps({ kind, before, after, project, followers }));
  }

  #notFound(): ApiError {
    return new ApiError(
      this.kind === "project" ? ErrorCode.PROJECT_NOT_FOUND : ErrorCode.CONTAINER_NOT_FOUND,
    );
  }
}

/** Somebody who adds a first group means to close something: of a document that nobody wrote, the default is `allow`. */
function firstWriteWarnings(
  before: Pick<DocumentState, "body">,
  after: PermissionDocument,
): readonly string[] {
  const isOpen = after.default === "allow" && Object.keys(after.groups).length > 0;
  return before.body === null && isOpen ? [defaultAllowWarning] : [];
}

const defaultAllowWarning =
  'The default is still "allow": requests that match no group get in everywhere. Set it to "deny" to let in only the groups.';

function keptDocument({ body }: DocumentState): StoredDocument | null {
  return body === null ? null : StoredDocument.read(body);
}
