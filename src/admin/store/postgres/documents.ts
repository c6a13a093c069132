// Permission documents: sealed, versioned, compared and swapped.
import { and, eq, exists, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type {
  DocumentKey,
  DocumentState,
  DocumentView,
  DocumentWrite,
  DocumentWritten,
  Scope,
} from "../records.ts";
import type { DocumentStore } from "../store.ts";
import { type Database, recordChange } from "./database.ts";
import { wouldExceedBytes } from "./quotas.ts";
import { isBeyond, scopedContainer } from "./realm-scoped.ts";
import { containers, documents, projects } from "./schema.ts";
import { containerInScope, projectInScope } from "./scope.ts";
import type { Reader } from "./transaction.ts";

export function documentStore(db: Database): DocumentStore {
  return {
    async document(scope: Scope, key: DocumentKey): Promise<DocumentView | null> {
      return await readDocument(db, db.reader, scope, key);
    },

    async putDocument(
      scope: Scope,
      key: DocumentKey,
      write: DocumentWrite,
    ): Promise<DocumentWritten | null> {
      // The last line: a method that forgets that it is only tried must not write.
      if (scope.dryRun) throw new Error("a dry run must not write");
      return db.write(async (tx) => {
        const view = await readDocument(db, tx, scope, key);
        if (view === null) return null;
        if (view.state.version !== write.expected) return "stale";
        if (write.projectVersion !== null && view.projectState?.version !== write.projectVersion) {
          return "moved";
        }
        // Since it was read: who reads it again sees that.
        if (view.reachesBeyond) return "moved";
        const growth = bytesOf(write) - bytesOf(view.state);
        if (growth > 0) await db.checkQuota((quotas) => wouldExceedBytes(tx, quotas, key, growth));
        const version = write.expected + 1;
        const body = db.seal("body", key, version, write.body);
        const hooks = db.seal("hooks", key, version, write.hooks);
        const row = { version, enableProxy: write.enableProxy, body, hooks };
        await tx
          .insert(documents)
          .values({ ...row, kind: key.kind, ownerId: key.id })
          .onConflictDoUpdate({ target: [documents.kind, documents.ownerId], set: row });
        return { version, revision: recordChange(tx, key) };
      });
    },
  };
}

function bytesOf({ body, hooks }: Pick<DocumentState, "body" | "hooks">): number {
  return Buffer.byteLength(body ?? "") + Buffer.byteLength(hooks ?? "");
}

const own = alias(documents, "own");
const ofProject = alias(documents, "of_project");
const isProjectsOwn = and(eq(ofProject.kind, "project"), eq(ofProject.ownerId, projects.id));

/** Null: the project or container does not exist in this scope. One statement. */
export async function readDocument(
  db: Database,
  reader: Reader,
  scope: Scope,
  key: DocumentKey,
): Promise<DocumentView | null> {
  if (key.kind === "project") {
    const [row] = await reader
      .select({ document: ofProject, reachesBeyond: holdsBeyond(reader, scope) })
      .from(projects)
      .leftJoin(ofProject, isProjectsOwn)
      .where(and(eq(projects.id, key.id), projectInScope(reader, scope)));
    if (row === undefined) return null;
    const state = documentState(db, row.document);
    return { projectId: key.id, state, projectState: state, reachesBeyond: row.reachesBeyond };
  }
  const [row] = await reader
    .select({
      projectId: projects.id,
      isVisible: sql<boolean>`${projectInScope(reader, scope)}`,
      own,
      ofProject,
    })
    .from(containers)
    .innerJoin(projects, eq(projects.id, containers.projectId))
    .leftJoin(own, and(eq(own.kind, "container"), eq(own.ownerId, containers.id)))
    .leftJoin(ofProject, isProjectsOwn)
    .where(and(eq(containers.id, key.id), containerInScope(reader, scope)));
  if (row === undefined) return null;
  return {
    projectId: row.projectId,
    state: documentState(db, row.own),
    projectState: row.isVisible ? documentState(db, row.ofProject) : null,
    reachesBeyond: false,
  };
}

/** Of the project of the row. */
function holdsBeyond(reader: Reader, { confinedTo }: Scope): SQL<boolean> {
  if (confinedTo === null) return sql<boolean>`false`;
  const held = reader
    .select({ id: containers.id })
    .from(containers)
    .where(
      and(eq(containers.projectId, projects.id), isBeyond(reader, scopedContainer, confinedTo)),
    );
  return sql<boolean>`${exists(held)}`;
}

function documentState(db: Database, row: typeof documents.$inferSelect | null): DocumentState {
  if (row === null) return { version: 0, enableProxy: true, body: null, hooks: null };
  const { version, enableProxy } = row;
  return { version, enableProxy, body: db.open("body", row), hooks: db.open("hooks", row) };
}
