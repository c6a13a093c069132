// What proxies need to know: the present state of all that changed, every tenant's.
import { and, eq, gt } from "drizzle-orm";
import { type Lineage, lineageOf } from "../../../policy/lineage.ts";
import { nothingOf, readFrom } from "../change-cursor.ts";
import type { AliasRecord, ContainerRecord, ProjectRecord } from "../records.ts";
import type { ChangeRecordStore } from "../store.ts";
import { type Database, lastRevision, type Reader } from "./database.ts";
import { aliases, changes, containers, documents, lineages, projects, servers } from "./schema.ts";

export function changeRecordStore(db: Database): ChangeRecordStore {
  return {
    async changesAfter(cursor, servers, resumesOnly = false) {
      return db.reader.transaction((tx) => {
        const present = { revision: lastRevision(tx), lineages: lineagesOf(tx) };
        const after = readFrom(cursor, present);
        if (resumesOnly && after === 0) return nothingOf(present);
        return {
          ...present,
          isAll: after === 0,
          projects: projectRecords(db, tx, after),
          containers: containerRecords(db, tx, after).filter(isOn(servers)),
        };
      });
    },

    async revision() {
      return lastRevision(db.reader);
    },

    async head() {
      return db.reader.transaction((tx) => {
        const [revision, known] = [lastRevision(tx), lineagesOf(tx)];
        return { revision, lineage: lineageOf(known, revision), lineages: known };
      });
    },

    clock: async () => Date.now(),

    onCommit: (listener) => db.onCommit(listener),
  };
}

/** Those that are gone are told to all: one file is one machine's. */
function isOn(servers: readonly string[] | undefined): (container: ContainerRecord) => boolean {
  return ({ state }) =>
    servers === undefined || state === null || servers.includes(state.serverName);
}

function lineagesOf(reader: Reader): Lineage[] {
  return reader.select().from(lineages).orderBy(lineages.fromRevision).all();
}

function projectRecords(db: Database, reader: Reader, revision: number): ProjectRecord[] {
  return reader
    .select({ id: changes.entityId, userId: projects.userId, document: documents })
    .from(changes)
    .leftJoin(projects, eq(projects.id, changes.entityId))
    .leftJoin(documents, and(eq(documents.kind, "project"), eq(documents.ownerId, projects.id)))
    .where(and(eq(changes.kind, "project"), gt(changes.revision, revision)))
    .all()
    .map(({ id, userId, document }) => {
      if (userId === null) return { id, state: null };
      const { hooks: _containersOnly, ...state } = documentRecord(db, document);
      return { id, state: { ...state, userId } };
    });
}

function containerRecords(db: Database, reader: Reader, revision: number): ContainerRecord[] {
  const aliasesOf = Map.groupBy(
    aliasRecords(db, reader, revision),
    ({ containerId }) => containerId,
  );
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
      const state = {
        ...placed,
        ...documentRecord(db, document),
        aliases: aliasesOf.get(id) ?? [],
      };
      return { id, state };
    });
}

const aliasColumns = {
  id: aliases.id,
  containerId: aliases.containerId,
  alias: aliases.alias,
  program: aliases.program,
  instance: aliases.instance,
  target: aliases.target,
  allowPathOverride: aliases.allowPathOverride,
  expiresAt: aliases.expiresAt,
  enabled: aliases.enabled,
};

/** All aliases of one container. */
export function aliasRecordsOf(db: Database, reader: Reader, containerId: string): AliasRecord[] {
  return reader
    .select(aliasColumns)
    .from(aliases)
    .where(eq(aliases.containerId, containerId))
    .all()
    .map((row) => aliasRecord(db, row));
}

/** All aliases of the containers that changed. */
function aliasRecords(db: Database, reader: Reader, revision: number) {
  const changed = and(
    eq(changes.kind, "container"),
    eq(changes.entityId, aliases.containerId),
    gt(changes.revision, revision),
  );
  const rows = reader.select(aliasColumns).from(changes).innerJoin(aliases, changed).all();
  return rows.map((row) => aliasRecord(db, row));
}

type AliasRow = Pick<typeof aliases.$inferSelect, keyof typeof aliasColumns>;

/** One damaged row must not keep the news of all others: its alias leads nowhere. */
function aliasRecord(db: Database, { id, target, ...record }: AliasRow) {
  try {
    return { ...record, targetPath: db.openTarget({ id, target }) };
  } catch {
    return { ...record, targetPath: null, enabled: false };
  }
}

/** One damaged row must not keep the news of all others: what it guards is closed. */
function documentRecord(db: Database, row: typeof documents.$inferSelect | null) {
  if (row === null) return { enableProxy: true, body: null, hooks: null };
  const { enableProxy } = row;
  try {
    return { enableProxy, body: db.open("body", row), hooks: db.open("hooks", row) };
  } catch {
    return { enableProxy, body: null, hooks: null, unreadable: true as const };
  }
}
