// What proxies need to know: the present state of all that changed, every tenant's.
import { and, eq, gt, max } from "drizzle-orm";
import type { AliasFact, ContainerFact, ProjectFact } from "../records.ts";
import type { FactStore } from "../store.ts";
import type { Database, Reader } from "./database.ts";
import { aliases, changes, containers, documents, projects, servers } from "./schema.ts";

export function factStore(db: Database): FactStore {
  return {
    async factsAfter(revision) {
      return db.reader.transaction((tx) => ({
        revision: lastRevision(tx),
        projects: projectFacts(db, tx, revision),
        containers: containerFacts(db, tx, revision),
      }));
    },

    async revision() {
      return lastRevision(db.reader);
    },

    onCommit: (listener) => db.onCommit(listener),
  };
}

function lastRevision(reader: Reader): number {
  const newest = { value: max(changes.revision) };
  return reader.select(newest).from(changes).get()?.value ?? 0;
}

function projectFacts(db: Database, reader: Reader, revision: number): ProjectFact[] {
  return reader
    .select({ id: changes.entityId, project: projects.id, document: documents })
    .from(changes)
    .leftJoin(projects, eq(projects.id, changes.entityId))
    .leftJoin(documents, and(eq(documents.kind, "project"), eq(documents.ownerId, projects.id)))
    .where(and(eq(changes.kind, "project"), gt(changes.revision, revision)))
    .all()
    .map(({ id, project, document }) => {
      if (project === null) return { id, state: null };
      const { hooks: _containersOnly, ...state } = documentFact(db, document);
      return { id, state };
    });
}

function containerFacts(db: Database, reader: Reader, revision: number): ContainerFact[] {
  const aliasesOf = Map.groupBy(aliasFacts(reader, revision), ({ containerId }) => containerId);
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
      const state = { ...placed, ...documentFact(db, document), aliases: aliasesOf.get(id) ?? [] };
      return { id, state };
    });
}

const aliasColumns = {
  containerId: aliases.containerId,
  alias: aliases.alias,
  program: aliases.program,
  instance: aliases.instance,
  targetPath: aliases.targetPath,
  allowPathOverride: aliases.allowPathOverride,
  expiresAt: aliases.expiresAt,
  enabled: aliases.enabled,
};

/** All aliases of one container. */
export function aliasFactsOf(reader: Reader, containerId: string): AliasFact[] {
  return reader
    .select(aliasColumns)
    .from(aliases)
    .where(eq(aliases.containerId, containerId))
    .all();
}

/** All aliases of the containers that changed. */
function aliasFacts(reader: Reader, revision: number) {
  const changed = and(
    eq(changes.kind, "container"),
    eq(changes.entityId, aliases.containerId),
    gt(changes.revision, revision),
  );
  return reader.select(aliasColumns).from(changes).innerJoin(aliases, changed).all();
}

/** One damaged row must not keep the news of all others: what it guards is closed. */
function documentFact(db: Database, row: typeof documents.$inferSelect | null) {
  if (row === null) return { enableProxy: true, body: null, hooks: null };
  const { enableProxy } = row;
  try {
    return { enableProxy, body: db.open("body", row), hooks: db.open("hooks", row) };
  } catch {
    return { enableProxy, body: null, hooks: null, unreadable: true as const };
  }
}
