// What proxies need to know: the present state of all that changed, every tenant's.
import { and, eq, gt, max } from "drizzle-orm";
import { changes, containers, documents, projects, servers } from "../schema.ts";
import type { ContainerFact, FactStore, ProjectFact } from "../store.ts";
import type { Database, Reader } from "./database.ts";

export function factStore(db: Database): FactStore {
  return {
    async factsAfter(revision) {
      return db.reader.transaction((tx) => ({
        revision:
          tx
            .select({ value: max(changes.revision) })
            .from(changes)
            .get()?.value ?? 0,
        projects: projectFacts(db, tx, revision),
        containers: containerFacts(db, tx, revision),
      }));
    },

    onCommit: (listener) => db.onCommit(listener),
  };
}

function projectFacts(db: Database, reader: Reader, revision: number): ProjectFact[] {
  return reader
    .select({ id: changes.entityId, project: projects.id, document: documents })
    .from(changes)
    .leftJoin(projects, eq(projects.id, changes.entityId))
    .leftJoin(documents, and(eq(documents.kind, "project"), eq(documents.ownerId, projects.id)))
    .where(and(eq(changes.kind, "project"), gt(changes.revision, revision)))
    .all()
    .map(({ id, project, document }) => ({
      id,
      state: project === null ? null : documentFact(db, document),
    }));
}

function containerFacts(db: Database, reader: Reader, revision: number): ContainerFact[] {
  return reader
    .select({
      id: changes.entityId,
      container: containers,
      serverName: servers.name,
      document: documents,
    })
    .from(changes)
    .leftJoin(containers, eq(containers.id, changes.entityId))
    .leftJoin(servers, eq(servers.id, containers.serverId))
    .leftJoin(documents, and(eq(documents.kind, "container"), eq(documents.ownerId, containers.id)))
    .where(and(eq(changes.kind, "container"), gt(changes.revision, revision)))
    .all()
    .map(({ id, container, serverName, document }) => {
      if (container === null || serverName === null) return { id, state: null };
      const { projectId, status, address } = container;
      const programs = JSON.parse(container.programs);
      const placed = { projectId, serverName, status, address, programs };
      return { id, state: { ...placed, ...documentFact(db, document) } };
    });
}

function documentFact(db: Database, row: typeof documents.$inferSelect | null) {
  if (row === null) return { enableProxy: true, body: null };
  return { enableProxy: row.enableProxy, body: db.open(row) };
}
