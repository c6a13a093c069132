// What proxies need to know: the present state of all that changed, every tenant's.
import {
  and,
  eq,
  exists,
  gt,
  inArray,
  isNotNull,
  isNull,
  lte,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { type Lineage, lineageOf } from "../../../policy/lineage.ts";
import { nothingOf, readFrom } from "../change-cursor.ts";
import type { AliasRecord, ContainerRecord, ProjectRecord } from "../records.ts";
import type { ChangeRecordStore } from "../store.ts";
import type { Database, Reads } from "./database.ts";
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

export function changeRecordStore(db: Database, reads: Reads = db): ChangeRecordStore {
  return {
    async changesAfter(cursor, names, resumesOnly = false) {
      // Whole states take long: they would keep others of the feed from its few connections.
      return (resumesOnly ? reads : db).look(async (tx) => {
        const present = { revision: await lastRevision(tx), lineages: await lineagesOf(tx) };
        const after = readFrom(cursor, present);
        if (resumesOnly && after === 0) return nothingOf(present);
        const on = names === undefined ? null : await serverIds(tx, names);
        return {
          ...present,
          isAll: after === 0,
          projects: await projectRecords(db, tx, after, on),
          containers: await containerRecords(db, tx, after, on),
        };
      });
    },

    async revision() {
      return await lastRevision(reads.reader);
    },

    async head() {
      return reads.look(async (tx) => {
        const [revision, known] = [await lastRevision(tx), await lineagesOf(tx)];
        return { revision, lineage: lineageOf(known, revision), lineages: known };
      });
    },

    async clock() {
      const { rows } = await reads.reader.execute(
        sql`select extract(epoch from clock_timestamp()) * 1000 as ms`,
      );
      return Number(rows[0]?.ms);
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

async function serverIds(reader: Reader, names: readonly string[]): Promise<readonly string[]> {
  const rows = await reader
    .select({ id: servers.id })
    .from(servers)
    .where(inArray(servers.name, [...names]));
  return rows.map(({ id }) => id);
}

/** Null: any server. */
type On = readonly string[] | null;

/** Rows of one statement: each has to be done before the deadline of a statement, however much there is. */
const PAGE = 1_000;

interface Range {
  readonly after: number;
  readonly last: number;
}

/**
 * Ranges of revisions with a page of rows of `changes` each, in their order. Ranges and not limits: without statistics, as after
 * many writes at once, the server reads and sorts everything for each page with a limit.
 */
async function rangesAfter(
  reader: Reader,
  kind: "project" | "container",
  revision: number,
): Promise<Range[]> {
  const { rows } = await reader.execute(sql`
    select revision from (
      select revision, row_number() over (order by revision) as n from ${changes}
      where revision > ${revision} and kind = ${kind}) as numbered
    where n % ${PAGE} = 0 order by revision`);
  const bounds = [revision, ...rows.map((row) => Number(row.revision)), Number.MAX_SAFE_INTEGER];
  return bounds.slice(1).map((last, n) => ({ after: bounds[n] ?? revision, last }));
}

function isWithin({ after, last }: Range): SQL | undefined {
  return and(gt(changes.revision, after), lte(changes.revision, last));
}

/** Of a row of `changes` of a container: whether the proxies of these servers have to know. Of one that is gone its server is kept. */
function isOn(on: On): SQL | undefined {
  if (on === null) return undefined;
  const servers = [...on];
  // From before servers were kept there: as the container says, and when that is gone, it is an id and nothing else.
  const unknown = and(
    isNull(changes.serverId),
    or(inArray(containers.serverId, servers), isNull(containers.serverId)),
  );
  return or(inArray(changes.serverId, servers), unknown);
}

/** A project is what its containers need: the proxies of a server know it while it has one there. */
async function projectRecords(
  db: Database,
  reader: Reader,
  revision: number,
  on: On,
): Promise<ProjectRecord[]> {
  const isHere = on === null ? undefined : hasContainer(reader, on);
  const records: ProjectRecord[] = [];
  const page = (within: SQL | undefined) =>
    reader
      .select({
        revision: changes.revision,
        id: changes.entityId,
        userId: projects.userId,
        document: documents,
        isHere: isHere ?? sql<boolean>`true`,
      })
      .from(changes)
      .leftJoin(projects, eq(projects.id, changes.entityId))
      .leftJoin(documents, and(eq(documents.kind, "project"), eq(documents.ownerId, projects.id)))
      .where(and(eq(changes.kind, "project"), within))
      .orderBy(changes.revision);
  for (const within of await projectPages(reader, revision, on)) {
    for (const { id, userId, document, isHere: isKnown } of await page(within)) {
      if (revision === 0 && !isKnown) continue;
      if (userId === null || !isKnown) records.push({ id, state: null });
      else {
        const { hooks: _containersOnly, ...state } = documentRecord(db, document);
        records.push({ id, state: { ...state, userId } });
      }
    }
  }
  return records;
}

/** The rows of `changes` that are looked at, a page each. */
async function projectPages(
  reader: Reader,
  revision: number,
  on: On,
): Promise<readonly (SQL | undefined)[]> {
  const changed = changedFor(reader, revision, on);
  if (on === null || revision === 0) {
    const ranges = await rangesAfter(reader, "project", revision);
    return ranges.map((range) => and(isWithin(range), changed));
  }
  // A project comes with its containers, whenever it changed itself: pages of all projects would be read for each commit.
  const rows = await reader
    .select({ id: changes.entityId })
    .from(changes)
    .where(and(eq(changes.kind, "project"), changed))
    .orderBy(changes.revision);
  const ids = rows.map(({ id }) => id);
  return Array.from({ length: Math.ceil(ids.length / PAGE) }, (_, n) =>
    inArray(changes.entityId, ids.slice(n * PAGE, (n + 1) * PAGE)),
  );
}

/** Whether the project of a row has a container on one of the servers. */
function hasContainer(reader: Reader, on: readonly string[]): SQL<boolean> {
  const there = and(eq(containers.projectId, projects.id), inArray(containers.serverId, [...on]));
  return sql<boolean>`${exists(reader.select({ id: containers.id }).from(containers).where(there))}`;
}

/**
 * Projects that changed, of those that ever had a container on one of the servers, and those whose containers there changed: with
 * the first one the project comes, with the last one it goes.
 */
function changedFor(reader: Reader, revision: number, on: On): SQL | undefined {
  const isNewer = gt(changes.revision, revision);
  if (on === null) return isNewer;
  const isHeld = inArray(heldChanges.serverId, [...on]);
  const had = exists(
    reader
      .select({ revision: heldChanges.revision })
      .from(heldChanges)
      .where(and(eq(heldChanges.projectId, changes.entityId), isHeld)),
  );
  if (revision === 0) return had;
  // As ids, so that what is looked at is what changed, and not every project there is.
  const changed = reader
    .select({ id: heldChanges.entityId })
    .from(heldChanges)
    .where(and(eq(heldChanges.kind, "project"), gt(heldChanges.revision, revision)));
  const withContainer = reader
    .select({ id: sql<string>`${heldChanges.projectId}` })
    .from(heldChanges)
    .where(and(isHeld, isNotNull(heldChanges.projectId), gt(heldChanges.revision, revision)));
  return and(had, inArray(changes.entityId, changed.union(withContainer)));
}

/** Changes of the containers of a project, also of those that are gone. */
const heldChanges = alias(changes, "held_changes");

async function containerRecords(
  db: Database,
  reader: Reader,
  revision: number,
  on: On,
): Promise<ContainerRecord[]> {
  const records: ContainerRecord[] = [];
  const page = (range: Range) =>
    reader
      .select({
        revision: changes.revision,
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
      .where(and(eq(changes.kind, "container"), isWithin(range), isOn(on)))
      .orderBy(changes.revision);
  for (const range of await rangesAfter(reader, "container", revision)) {
    const rows = await page(range);
    const aliased = await aliasRecords(db, reader, range, on);
    const aliasesOf = Map.groupBy(aliased, ({ containerId }) => containerId);
    for (const { id, container, serverName, document } of rows) {
      if (container === null || serverName === null) {
        records.push({ id, state: null });
        continue;
      }
      const { projectId, status, address } = container;
      const programs = JSON.parse(container.programs);
      const placed = { projectId, serverName, status, address, programs };
      const aliases = aliasesOf.get(id) ?? [];
      records.push({ id, state: { ...placed, ...documentRecord(db, document), aliases } });
    }
  }
  return records;
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

/** All aliases of the containers that changed after one revision, up to another. */
async function aliasRecords(db: Database, reader: Reader, range: Range, on: On) {
  const changed = and(
    eq(changes.kind, "container"),
    eq(changes.entityId, aliases.containerId),
    isWithin(range),
  );
  const rows = await reader
    .select(aliasColumns)
    .from(changes)
    .innerJoin(aliases, changed)
    .innerJoin(containers, eq(containers.id, aliases.containerId))
    .where(isOn(on));
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
