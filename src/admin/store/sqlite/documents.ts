// Permission documents: sealed, versioned, compared and swapped.
import { and, eq } from "drizzle-orm";
import type {
  DocumentKey,
  DocumentState,
  DocumentView,
  DocumentWrite,
  DocumentWritten,
  Scope,
} from "../records.ts";
import type { DocumentStore } from "../store.ts";
import { type Database, type Reader, recordChange } from "./database.ts";
import { wouldExceedBytes } from "./quotas.ts";
import { isBeyond, scopedContainer } from "./realm-scoped.ts";
import { containers, documents, projects } from "./schema.ts";
import { containerInScope, projectInScope } from "./scope.ts";

export function documentStore(db: Database): DocumentStore {
  return {
    async document(scope: Scope, key: DocumentKey): Promise<DocumentView | null> {
      return readDocument(db, db.reader, scope, key);
    },

    async putDocument(
      scope: Scope,
      key: DocumentKey,
      write: DocumentWrite,
    ): Promise<DocumentWritten | null> {
      // The last line: a method that forgets that it is only tried must not write.
      if (scope.dryRun) throw new Error("a dry run must not write");
      return db.write((tx) => {
        const view = readDocument(db, tx, scope, key);
        if (view === null) return null;
        if (view.state.version !== write.expected) return "stale";
        if (write.projectVersion !== null && view.projectState?.version !== write.projectVersion) {
          return "moved";
        }
        // Since it was read: who reads it again sees that.
        if (view.reachesBeyond) return "moved";
        const growth = bytesOf(write) - bytesOf(view.state);
        if (growth > 0) db.checkQuota((quotas) => wouldExceedBytes(tx, quotas, key, growth));
        const version = write.expected + 1;
        const body = db.seal("body", key, version, write.body);
        const hooks = db.seal("hooks", key, version, write.hooks);
        const row = { version, enableProxy: write.enableProxy, body, hooks };
        tx.insert(documents)
          .values({ ...row, kind: key.kind, ownerId: key.id })
          .onConflictDoUpdate({ target: [documents.kind, documents.ownerId], set: row })
          .run();
        return { version, revision: recordChange(tx, key) };
      });
    },
  };
}

function bytesOf({ body, hooks }: Pick<DocumentState, "body" | "hooks">): number {
  return Buffer.byteLength(body ?? "") + Buffer.byteLength(hooks ?? "");
}

/** Null: the project or container does not exist in this scope. */
export function readDocument(
  db: Database,
  reader: Reader,
  scope: Scope,
  key: DocumentKey,
): DocumentView | null {
  if (key.kind === "project") {
    if (!isVisible(reader, scope, key.id)) return null;
    const state = documentState(db, reader, key);
    const reachesBeyond = holdsBeyond(reader, scope, key.id);
    return { projectId: key.id, state, projectState: state, reachesBeyond };
  }
  const owner = reader
    .select({ projectId: projects.id })
    .from(containers)
    .innerJoin(projects, eq(projects.id, containers.projectId))
    .where(and(eq(containers.id, key.id), containerInScope(reader, scope)))
    .get();
  if (owner === undefined) return null;
  const { projectId } = owner;
  return {
    projectId,
    state: documentState(db, reader, key),
    projectState: isVisible(reader, scope, projectId)
      ? documentState(db, reader, { kind: "project", id: projectId })
      : null,
    reachesBeyond: false,
  };
}

function holdsBeyond(reader: Reader, { confinedTo }: Scope, projectId: string): boolean {
  if (confinedTo === null) return false;
  const where = and(
    eq(containers.projectId, projectId),
    isBeyond(reader, scopedContainer, confinedTo),
  );
  return reader.select({ id: containers.id }).from(containers).where(where).get() !== undefined;
}

function isVisible(reader: Reader, scope: Scope, projectId: string): boolean {
  const where = and(eq(projects.id, projectId), projectInScope(reader, scope));
  return reader.select({ id: projects.id }).from(projects).where(where).get() !== undefined;
}

function documentState(db: Database, reader: Reader, key: DocumentKey): DocumentState {
  const where = and(eq(documents.kind, key.kind), eq(documents.ownerId, key.id));
  const row = reader.select().from(documents).where(where).get();
  if (row === undefined) return { version: 0, enableProxy: true, body: null, hooks: null };
  const { version, enableProxy } = row;
  return { version, enableProxy, body: db.open("body", row), hooks: db.open("hooks", row) };
}
