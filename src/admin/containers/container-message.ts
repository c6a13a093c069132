// Container records → API messages.

import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import {
  type Container as ContainerMessage,
  ContainerSchema,
} from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { aliasMessage, withoutTarget } from "../aliases/alias-message.ts";
import type { Context } from "../api/dispatch.ts";
import { lackingPermission } from "../api/lacking.ts";
import { shownRealms } from "../api/realm-ids.ts";
import { isOperator, mayDo } from "../auth/caller.ts";
import { documentAnswer } from "../documents/permission-document.ts";
import type { DocumentState, StoredContainer } from "../store/records.ts";
import type { Store } from "../store/store.ts";

export interface ContainerMessageParts {
  readonly store: Store;
  /** The installation's domain; see REALMGATE_DOMAIN. */
  readonly domain: string;
}

type Viewer = Pick<Context, "caller" | "scope">;

/** Maximum size of all documents in one answer, in stored bytes. The documents of one container always fit. */
const documentsBytesMax = 8 * 1024 * 1024;

/** Optional parts of the answer. */
interface Extras {
  readonly includeProxyDomains?: boolean | undefined;
  readonly includeProxyPermissions?: boolean | undefined;
}

export function containerMessage(container: StoredContainer, viewer: Viewer): ContainerMessage {
  const { hasOwnDocument, hasProjectDocument, aliasCount, realmIds, ...rest } = container;
  const { comment, address, programs, projectAlias, ...shown } = rest;
  const message = create(ContainerSchema, {
    ...shown,
    realmIds: shownRealms(viewer.scope, realmIds),
    hasProxyDomains: aliasCount > 0,
    proxyDomainsCount: aliasCount,
    hasProxyPermissions: hasOwnDocument || hasProjectDocument,
    proxyPermissionsScope: storedDocuments(hasOwnDocument, hasProjectDocument),
  });
  if (projectAlias !== null) message.projectAlias = projectAlias;
  if (comment !== null) message.comment = comment;
  if (isOperator(viewer.caller)) {
    if (address !== null) message.address = address;
    Object.assign(message.programs, create(ContainerSchema, { programs }).programs);
  }
  return message;
}

function storedDocuments(own: boolean, project: boolean): string {
  if (own) return project ? "both" : "container";
  return project ? "project" : "none";
}

/**
 * Containers with the requested extras, which cost up to two more reads per container. Throws ApiError
 * INSUFFICIENT_PERMISSIONS when a token requests documents without the permission for them, even if none exist;
 * INVALID_PARAMETER_VALUE when the documents of a page are too large for one answer.
 */
export async function containerMessages(
  parts: ContainerMessageParts,
  containers: readonly StoredContainer[],
  extras: Extras,
  viewer: Viewer,
): Promise<ContainerMessage[]> {
  const { includeProxyDomains = false, includeProxyPermissions = false } = extras;
  if (includeProxyPermissions && !mayDo(viewer.caller, "resources.proxy_aliases")) {
    throw lackingPermission(["resources.proxy_aliases"]);
  }
  const messages: ContainerMessage[] = [];
  let documentsBytes = 0;
  for (const container of containers) {
    const message = containerMessage(container, viewer);
    if (includeProxyDomains) await addDomains(parts, message, viewer);
    if (includeProxyPermissions) documentsBytes += await addDocuments(parts, message, viewer);
    if (documentsBytes > documentsBytesMax) throw tooMuch();
    messages.push(message);
  }
  return messages;
}

async function addDomains(
  { store, domain }: ContainerMessageParts,
  message: ContainerMessage,
  { scope, caller }: Viewer,
): Promise<void> {
  if (!message.hasProxyDomains) return;
  const every = { projectId: null, enabled: null, expired: null };
  const { items } = await store.aliases(scope, { ...every, containerId: message.id });
  const shown = mayDo(caller, "resources.proxy_aliases") ? items : items.map(withoutTarget);
  message.proxyDomains = shown.map((alias) => aliasMessage(alias, domain));
}

/** Adds documents for callers who may change them, as documents contain credentials. Returns their size in bytes. */
async function addDocuments(
  { store }: ContainerMessageParts,
  message: ContainerMessage,
  { scope }: Viewer,
): Promise<number> {
  const key = { kind: "container", id: message.id } as const;
  const view = await store.document({ ...scope, level: ProjectLevel.EDIT }, key);
  if (view === null) return 0;
  const { projectId, state, projectState } = view;
  message.proxyPermissions = documentAnswer(key, projectId, state);
  if (projectState === null) return bytesOf(state);
  const ofProject = { kind: "project", id: projectId } as const;
  message.projectProxyPermissions = documentAnswer(ofProject, projectId, projectState);
  return bytesOf(state) + bytesOf(projectState);
}

function bytesOf({ body, hooks }: DocumentState): number {
  return Buffer.byteLength(body ?? "") + Buffer.byteLength(hooks ?? "");
}

function tooMuch(): ApiError {
  const message = "must be smaller: the permission documents of this page have more than 8 MiB";
  return new ApiError(ErrorCode.INVALID_PARAMETER_VALUE, [{ instancePath: "/limit", message }]);
}
