// The change feed as the proxy reads it: store facts → Changes messages.
import { create } from "@bufbuild/protobuf";
import {
  type AliasState,
  AliasStateSchema,
  type Changes,
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  type DocumentContent,
  DocumentContentSchema,
  type ProjectState,
  ProjectStateSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { currentText } from "../../policy/document.ts";
import { StoredDocument } from "../../policy/stored-document.ts";
import { storedHooks } from "../documents/hooks/hook-list.ts";
import type { AliasRecord, ContainerRecord, ProjectRecord } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import type { FeedCursor } from "./feed-cursor.ts";

/** It carries every tenant's secrets: the proxy of the same process reads it, and the feed's server, which knows its readers. */
export interface StoreChangeSource {
  /**
   * The present state of everything that changed after a revision; of everything after 0, and when the revision has another
   * lineage than the reader knows it by. `servers`: only what their proxies have to know; unset: everything. `resumesOnly`:
   * where that is everything there is, the answer says so, and holds nothing of it.
   */
  changesAfter(
    revision: bigint,
    lineage: string,
    servers?: readonly string[],
    resumesOnly?: boolean,
  ): Promise<Changes>;
  /** Where the database is now. */
  head(): Promise<FeedCursor>;
  /** Calls back after each commit, with its revision. Answers how to stop it. */
  onCommit(listener: (revision: bigint) => void): () => void;
}

export function changeSource(
  store: Pick<Store, "changesAfter" | "head" | "onCommit">,
): StoreChangeSource {
  return {
    async changesAfter(after, lineage, servers, resumesOnly) {
      const cursor = { revision: Number(after), lineage };
      const { revision, lineages, isAll, projects, containers } = await store.changesAfter(
        cursor,
        servers,
        resumesOnly,
      );
      const documents = new FeedDocuments();
      const stated = {
        projects: await inTurns(projects, (project) => projectState(project, documents)),
        containers: await inTurns(containers, (container) => containerState(container, documents)),
      };
      return create(ChangesSchema, {
        revision: BigInt(revision),
        ...stated,
        documents: documents.all(),
        lineages: lineages.map(({ fromRevision, tag }) => ({
          fromRevision: BigInt(fromRevision),
          tag,
        })),
        all: isAll,
      });
    },
    async head() {
      const { revision, lineage } = await store.head();
      return { revision: BigInt(revision), lineage };
    },
    onCommit: (listener) => store.onCommit((revision) => listener(BigInt(revision))),
  };
}

/** Records whose states are made before others have their turn of the event loop. */
const TURN = 100;

async function inTurns<From, To>(
  records: readonly From[],
  state: (record: From) => To,
): Promise<To[]> {
  const states: To[] = [];
  for (const record of records) {
    states.push(state(record));
    if (states.length % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return states;
}

/** The documents of one batch, each once, by digest. */
export class FeedDocuments {
  readonly #contents = new Map<string, DocumentContent>();

  /** Adds a stored document. Answers what its owner's state says of it. */
  add(body: string | null): { documentDigest?: string } {
    if (body === null) return {};
    const { digest, text } = StoredDocument.read(currentText(body));
    if (!this.#contents.has(digest)) {
      this.#contents.set(digest, create(DocumentContentSchema, { digest, json: text }));
    }
    return { documentDigest: digest };
  }

  all(): DocumentContent[] {
    return [...this.#contents.values()];
  }
}

/** A project as its proxies know it. */
export function projectState({ id, state }: ProjectRecord, documents: FeedDocuments): ProjectState {
  if (state === null) return create(ProjectStateSchema, { id, deleted: true });
  return create(ProjectStateSchema, {
    id,
    disabled: !state.enableProxy,
    unreadable: state.unreadable ?? false,
    account: state.userId ?? "",
    ...documents.add(state.body),
  });
}

/** A container as its proxies know it. */
export function containerState(
  { id, state }: ContainerRecord,
  documents: FeedDocuments,
): ContainerState {
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
    ...documents.add(body),
    aliases: state.aliases.map(aliasState),
    hooks: hooks.map(([service, list]) => ({ service, hooks: [...list] })).toArray(),
  });
}

function aliasState({ targetPath, expiresAt, ...rest }: AliasRecord): AliasState {
  return create(AliasStateSchema, {
    ...rest,
    ...(targetPath === null ? {} : { targetPath }),
    ...(expiresAt === null ? {} : { expiresAtMs: Date.parse(expiresAt) }),
  });
}
