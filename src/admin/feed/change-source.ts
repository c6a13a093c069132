// The change feed as the proxy reads it: store facts → Changes messages.
import { create, fromJsonString } from "@bufbuild/protobuf";
import {
  type AliasState,
  AliasStateSchema,
  type Changes,
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  type ProjectState,
  ProjectStateSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import {
  type PermissionDocument,
  PermissionDocumentSchema,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { storedHooks } from "../documents/hooks/hook-list.ts";
import type { AliasFact, ContainerFact, ProjectFact } from "../store/records.ts";
import type { Store } from "../store/store.ts";

/** It carries every tenant's secrets: it is handed to the proxy of the same process and is not on the network. */
export interface ChangeSource {
  /** The present state of everything that changed after a revision; after 0, of everything. */
  changesAfter(revision: bigint): Promise<Changes>;
  /** Calls back after each commit, with its revision. Answers how to stop it. */
  onCommit(listener: (revision: bigint) => void): () => void;
}

export function changeSource(store: Store): ChangeSource {
  return {
    async changesAfter(after) {
      const { revision, projects, containers } = await store.factsAfter(Number(after));
      return create(ChangesSchema, {
        revision: BigInt(revision),
        projects: projects.map(projectState),
        containers: containers.map(containerState),
      });
    },
    onCommit: (listener) => store.onCommit((revision) => listener(BigInt(revision))),
  };
}

/** A project as its proxy is told of it. */
export function projectState({ id, state }: ProjectFact): ProjectState {
  if (state === null) return create(ProjectStateSchema, { id, deleted: true });
  return create(ProjectStateSchema, {
    id,
    disabled: !state.enableProxy,
    unreadable: state.unreadable ?? false,
    ...documentOf(state.body),
  });
}

/** A container as its proxy is told of it. */
export function containerState({ id, state }: ContainerFact): ContainerState {
  if (state === null) return create(ContainerStateSchema, { id, deleted: true });
  const { projectId, serverName, status, address, programs, enableProxy, body, unreadable } = state;
  const hooks = storedHooks(state).entries();
  return create(ContainerStateSchema, {
    id,
    projectId,
    serverName,
    running: status === "running",
    ...(address === null ? {} : { address }),
    programs,
    disabled: !enableProxy,
    unreadable: unreadable ?? false,
    ...documentOf(body),
    aliases: state.aliases.map(aliasState),
    hooks: hooks.map(([service, list]) => ({ service, hooks: [...list] })).toArray(),
  });
}

function aliasState({ targetPath, expiresAt, ...rest }: AliasFact): AliasState {
  return create(AliasStateSchema, {
    ...rest,
    ...(targetPath === null ? {} : { targetPath }),
    ...(expiresAt === null ? {} : { expiresAtMs: Date.parse(expiresAt) }),
  });
}

function documentOf(body: string | null): { document?: PermissionDocument } {
  return body === null ? {} : { document: fromJsonString(PermissionDocumentSchema, body) };
}
