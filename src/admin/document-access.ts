// Writing permission documents: compare and swap around a pure edit.
import { Refused } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import type { PermissionDocument } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import type { Context } from "./dispatch.ts";
import { expectedVersion } from "./if-match.ts";
import { acceptDocument, checkStorable, editableDocument } from "./permission-document.ts";
import type { DocumentKey, DocumentState, DocumentView, Scope } from "./store/records.ts";
import type { Store } from "./store/store.ts";

/** How often a write is made again because the project's document moved under a container's. */
const attemptsMax = 5;

/** What a write makes of a document. */
export interface Next {
  readonly enableProxy: boolean;
  readonly body: string | null;
  readonly hooks: string | null;
  /** Whether the result depends on the project's document as it was read. */
  readonly fromProject: boolean;
  readonly warnings?: readonly string[];
}

/** What a write made. */
export interface Written {
  readonly projectId: string;
  readonly state: DocumentState;
  readonly warnings: readonly string[];
  readonly revision: number;
}

/** Access to the documents of projects or of containers. Everything throws Refused with the kind's NOT_FOUND. */
export class DocumentAccess {
  readonly kind: DocumentKey["kind"];
  readonly #store: Store;

  constructor(kind: DocumentKey["kind"], store: Store) {
    this.kind = kind;
    this.#store = store;
  }

  async read(scope: Scope, id: string): Promise<DocumentView> {
    const view = await this.#store.document(scope, { kind: this.kind, id });
    if (view === null) throw this.#notFound();
    return view;
  }

  /** 404 comes before 428 (no If-Match), that before 412 (stale), and that before what the edit refuses. */
  async write(
    { scope, ifMatch }: Context,
    id: string,
    edit: (view: DocumentView) => Next,
  ): Promise<Written> {
    const key = { kind: this.kind, id };
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const view = await this.read(scope, id);
      const expected = expectedVersion(ifMatch);
      if (view.state.version !== expected) throw new Refused(ErrorCode.PRECONDITION_FAILED);
      const { enableProxy, body, hooks, fromProject, warnings = [] } = edit(view);
      const isSame = body === view.state.body && hooks === view.state.hooks;
      if (!isSame) checkStorable({ body, hooks });
      const projectVersion = fromProject ? (view.projectState?.version ?? null) : null;
      const write = { expected, projectVersion, enableProxy, body, hooks };
      const written = await this.#store.putDocument(scope, key, write);
      if (written === null) throw this.#notFound();
      if (written === "stale") break;
      if (written === "moved") continue;
      const { version, revision } = written;
      const state = { version, enableProxy, body, hooks };
      return { projectId: view.projectId, state, warnings, revision };
    }
    throw new Refused(ErrorCode.PRECONDITION_FAILED);
  }

  /** A write that changes a part of the document and keeps the rest. */
  edit(
    context: Context,
    id: string,
    change: (document: PermissionDocument, state: DocumentState) => void,
    enableProxy?: boolean,
  ): Promise<Written> {
    return this.write(context, id, (view) => {
      const document = editableDocument(view);
      change(document, view.state);
      return {
        ...acceptDocument(document),
        hooks: view.state.hooks,
        enableProxy: enableProxy ?? view.state.enableProxy,
        fromProject: this.kind === "container" && view.state.body === null,
      };
    });
  }

  #notFound(): Refused {
    return new Refused(
      this.kind === "project" ? ErrorCode.PROJECT_NOT_FOUND : ErrorCode.CONTAINER_NOT_FOUND,
    );
  }
}
