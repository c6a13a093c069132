// What proxies need to know: the present state of all that changed, every tenant's.
import { and, desc, eq, gt } from "drizzle-orm";
import { type Lineage, NO_LINEAGE } from "../../../policy/lineage.ts";
import { readFrom } from "../change-cursor.ts";
import type { AliasRecord, ContainerRecord, ProjectRecord } from "../records.ts";
import type { ChangeRecordStore } from "../store.ts";
import type { Database } from "./database.ts";
import {
  aliases,
  changes,
  containers,
  documents,
  lineages,
  projects,
  revisions,
  servers,
} from "./schema.ts";
import type { Reader } from "./transaction.ts";

export function changeRecordStore(db: Database): ChangeRecordStore {
  return {
    async changesAfter(cursor) {
      return db.look(async (tx) => {
        const present = { revision: await lastRevision(tx), lineages: await lineagesOf(tx) };
        const after = readFrom(cursor, present);
        return {
          ...present,
          isAll: after === 0,
          projects: await projectRecords(db, tx, after),
          containers: await containerRecords(db, tx, after),
        };
      });
    },

    async revision() {
      return await lastRevision(db.reader);
    },

    async head() {
      const { tag } = lineages;
      const of = gt(revisions.value, lineages.fromRevision);
      const [row] = await db.reader
        .select({ revision: revisions.value, tag })
        .from(revisions)
        .leftJoin(lineages, of)
        .orderBy(desc(lineages.fromRevision))
        .limit(1);
      if (row === undefined) throw new Error("the database has no revision");
      return { revision: row.revision, lineage: row.tag ?? NO_LINEAGE };
    },

    onCommit: (listener) => db.onCommit(listener),
  };
}

async function lastRevision(reader: Reader): Promise<number> {
  const [row] = await reader.select().from(revisions);
  if (row === undefined) throw new Error("the database has no revision");
  return row.value;
}

async function lineagesOf(reader: Reader): Promise<Lineage[]> {
  const { fromRevision, tag } = lineages;
  return await reader.select({ fromRevision, tag }).from(lineages).orderBy(fromRevision);
}

async function projectRecords(
  db: Database,
  reader: Reader,
  revision: number,
): Promise<ProjectRecord[]> {
  return (
    await reader
      .select({ id: changes.entityId, project: projects.id, document: documents })
      .from(changes)
      .leftJoin(projects, eq(projects.id, changes.entityId))
      .leftJoin(documents, and(eq(documents.kind, "project"), eq(documents.ownerId, projects.id)))
      .where(and(eq(changes.kind, "project"), gt(changes.revision, revision)))
      .orderBy(changes.revision)
  ).map(({ id, project, document }) => {
    if (project === null) return { id, state: null };
    const { hooks: _containersOnly, ...state } = documentRecord(db, document);
    return { id, state };
  });
}

async function containerRecords(
  db: Database,
  reader: Reader,
  revision: number,
): Promise<ContainerRecord[]> {
  const aliasesOf = Map.groupBy(
    await aliasRecords(db, reader, revision),
    ({ containerId }) => containerId,
  );
  return (
    await reader
      .select({
        id: changes.entityId,
        container: containers,
        serverName: servers.name,
        document: documents,
      })
      .from(changes)
      .leftJoin(containers, eq(containers.id, changes.entityId))
      .leftJoin(servers, eq(servers.id, containers.serverId))
      .leftJoin(
        documents,
        and(eq(documents.kind, "container"), eq(documents.ownerId, containers.id)),
      )
      .where(and(eq(changes.kind, "container"), gt(changes.revision, revision)))
      .orderBy(changes.revision)
  ).map(({ id, container, serverName, document }) => {
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
export async function aliasRecordsOf(
  db: Database,
  reader: Reader,
  containerId: string,
): Promise<AliasRecord[]> {
  return (
    await reader.select(aliasColumns).from(aliases).where(eq(aliases.containerId, containerId))
  ).map((row) => aliasRecord(db, row));
}

/** All aliases of the containers that changed. */
async function aliasRecords(db: Database, reader: Reader, revision: number) {
  const changed = and(
    eq(changes.kind, "container"),
    eq(changes.entityId, aliases.containerId),
    gt(changes.revision, revision),
  );
  const rows = await reader.select(aliasColumns).from(changes).innerJoin(aliases, changed);
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
