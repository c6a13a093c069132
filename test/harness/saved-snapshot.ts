// What a snapshot file says, as one message: each entity once, and the documents that a state names.
import { create } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  type ContainerState,
  type DocumentContent,
  type ProjectState,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import type { SnapshotFile } from "../../src/proxy/snapshot/snapshot-file.ts";

export interface Saved {
  readonly changes: Changes;
  /** Unix milliseconds. */
  readonly heardAtMs: number;
}

/** Null: there is nothing, or nothing that can be believed. */
export function loaded(file: SnapshotFile): Promise<Saved | null> {
  return file.load(async (saved) => {
    const projects = new Map<string, ProjectState>();
    const containers = new Map<string, ContainerState>();
    const documents = new Map<string, DocumentContent>();
    for (const part of saved.parts) {
      for (const each of part.documents) documents.set(each.digest, each);
      for (const each of part.projects) projects.set(each.id, each);
      for (const each of part.containers) containers.set(each.id, each);
    }
    const isThere = ({ deleted }: { deleted: boolean }) => !deleted;
    const states = {
      projects: [...projects.values()].filter(isThere),
      containers: [...containers.values()].filter(isThere),
    };
    const named = new Set(
      [...states.projects, ...states.containers].map(({ documentDigest }) => documentDigest),
    );
    const { revision, lineages, heardAtMs } = saved.commit;
    const changes = create(ChangesSchema, {
      ...{ revision, lineages: [...lineages], ...states },
      documents: [...documents.values()].filter(({ digest }) => named.has(digest)),
    });
    return { changes, heardAtMs };
  });
}
