// What proxies need to know: the present state of all that changed, every tenant's.
import { and, eq, gt, inArray, max } from "drizzle-orm";
import { changes, containers, documents, projects, servers } from "../schema.ts";
import type { ContainerFact, DocumentKey, FactStore, Facts, ProjectFact } from "../store.ts";
import type { Database, Transaction } from "./database.ts";

/** Ids in one IN list; SQLite takes 32,766 parameters a statement. */
const idsPerQuery = 10_000;

export function factStore(db: Database): FactStore {
  return {
    async factsAfter(revision: number): Promise<Facts> {
      return db.transaction((tx) => {
        const latest =
          tx
            .select({ value: max(changes.revision) })
            .from(changes)
            .get()?.value ?? 0;
        const changed = (kind: DocumentKey["kind"]): string[] =>
          tx
            .select({ id: changes.entityId })
            .from(changes)
            .where(and(gt(changes.revision, revision), eq(changes.kind, kind)))
            .all()
            .map(({ id }) => id);
        return {
          revision: latest,
          projects: inBatches(changed("project"), (ids) => projectFacts(db, tx, ids)),
          containers: inBatches(changed("container"), (ids) => containerFacts(db, tx, ids)),
        };
      });
    },

    onCommit: (listener) => db.onCommit(listener),
  };
}

function projectFacts(db: Database, tx: Transaction, ids: readonly string[]): ProjectFact[] {
  const rows = tx
    .select({ id: projects.id, document: documents })
    .from(projects)
    .leftJoin(documents, and(eq(documents.kind, "project"), eq(documents.ownerId, projects.id)))
    .where(inArray(projects.id, [...ids]))
    .all();
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => {
    const row = byId.get(id);
    return { id, state: row === undefined ? null : documentFact(db, row.document) };
  });
}

function containerFacts(db: Database, tx: Transaction, ids: readonly string[]): ContainerFact[] {
  const rows = tx
    .select({ container: containers, serverName: servers.name, document: documents })
    .from(containers)
    .innerJoin(servers, eq(servers.id, containers.serverId))
    .leftJoin(documents, and(eq(documents.kind, "container"), eq(documents.ownerId, containers.id)))
    .where(inArray(containers.id, [...ids]))
    .all();
  const byId = new Map(rows.map((row) => [row.container.id, row]));
  return ids.map((id) => {
    const row = byId.get(id);
    if (row === undefined) return { id, state: null };
    const { projectId, status, address, programs } = row.container;
    const container = { projectId, status, address, programs: JSON.parse(programs) };
    const state = { ...container, serverName: row.serverName };
    return { id, state: { ...state, ...documentFact(db, row.document) } };
  });
}

function documentFact(
  db: Database,
  row: typeof documents.$inferSelect | null,
): {
  enableProxy: boolean;
  body: string | null;
} {
  if (row === null) return { enableProxy: true, body: null };
  return { enableProxy: row.enableProxy, body: db.open(row) };
}

function inBatches<Fact>(
  ids: readonly string[],
  read: (batch: readonly string[]) => Fact[],
): Fact[] {
  const facts: Fact[] = [];
  for (let start = 0; start < ids.length; start += idsPerQuery) {
    for (const fact of read(ids.slice(start, start + idsPerQuery))) facts.push(fact);
  }
  return facts;
}
