// Aliases: names that are taken once on a server and once in an account.
import {
  and,
  count,
  eq,
  getTableColumns,
  gt,
  isNull,
  lte,
  ne,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import { ProjectLevel } from "../../../../proto/gen/realmgate/v1/options_pb.ts";
import { newId } from "../id.ts";
import { aliasesListedMax, aliasesMax } from "../limits.ts";
import type { ListPage } from "../paging.ts";
import type {
  AliasChange,
  AliasQuery,
  Committed,
  NewAlias,
  Revised,
  Scope,
  StoredAlias,
} from "../records.ts";
import type { AliasStore } from "../store.ts";
import { countOf, type Database, type Reader, recordChange, type Transaction } from "./database.ts";
import { cutPage, newestFirst, pageOf } from "./page.ts";
import { carriesAll, scopedProject } from "./realm-scoped.ts";
import { aliases, containers, projects, servers } from "./schema.ts";
import { containerInScope, containersInScope, userMay } from "./scope.ts";

export function aliasStore(db: Database): AliasStore {
  return {
    async createAlias(
      scope: Scope,
      alias: NewAlias,
    ): Promise<({ alias: StoredAlias } & Committed) | "server" | "account" | "limit" | null> {
      const { containerId } = alias;
      return db.write((tx) => {
        const place = tx
          .select({ serverId: containers.serverId, userId: projects.userId })
          .from(containers)
          .innerJoin(projects, eq(projects.id, containers.projectId))
          .where(and(eq(containers.id, containerId), containerInScope(tx, scope)))
          .get();
        if (place === undefined) return null;
        const present = countOf(tx, aliases, eq(aliases.containerId, containerId));
        if (present >= aliasesMax) return "limit";
        const holder = holderOf(tx, { ...place, alias: alias.alias });
        if (holder !== null) return holder;
        const now = db.timestamp();
        const id = newId();
        const { targetPath, ...plain } = alias;
        const target = db.sealTarget(id, targetPath);
        const row = { ...plain, ...place, id, target, createdAt: now, updatedAt: now };
        tx.insert(aliases).values(row).run();
        return written(db, tx, scope, id);
      });
    },

    async alias(scope: Scope, id: string): Promise<StoredAlias | null> {
      return readAlias(db, db.reader, scope, id);
    },

    async aliases(scope: Scope, query: AliasQuery): Promise<ListPage<StoredAlias>> {
      const where = and(containersInScope(db.reader, scope), ...asked(query, db.timestamp()));
      const page = readAliasPage(db, scope, where, query);
      const total = db.reader
        .select({ n: count() })
        .from(aliases)
        .innerJoin(containers, eq(containers.id, aliases.containerId))
        .innerJoin(projects, eq(projects.id, containers.projectId))
        .where(where)
        .get();
      return { ...page, total: total?.n ?? 0 };
    },

    async updateAlias(
      scope: Scope,
      id: string,
      change: AliasChange,
    ): Promise<({ alias: StoredAlias } & Committed) | "server" | "account" | null> {
      return db.write((tx) => {
        const before = readAlias(db, tx, scope, id);
        if (before === null) return null;
        const holder = holderOf(tx, { ...before, ...change });
        if (holder !== null) return holder;
        const { targetPath, ...plain } = change;
        const target = targetPath === undefined ? {} : { target: db.sealTarget(id, targetPath) };
        tx.update(aliases)
          .set({ ...plain, ...target, updatedAt: db.timestamp() })
          .where(eq(aliases.id, id))
          .run();
        return written(db, tx, scope, id);
      });
    },

    async deleteAlias(scope: Scope, id: string): Promise<Committed | null> {
      return db.write((tx) => {
        const alias = readAlias(db, tx, scope, id);
        if (alias === null) return null;
        tx.delete(aliases).where(eq(aliases.id, id)).run();
        return { revision: recordChange(tx, { kind: "container", id: alias.containerId }) };
      });
    },
  };
}

/** Where another alias has the name already; the server comes first. */
function holderOf(
  tx: Transaction,
  {
    id,
    alias,
    serverId,
    userId,
  }: Pick<StoredAlias, "alias" | "serverId" | "userId"> & { id?: string },
): "server" | "account" | null {
  const isTaken = (where: SQL) => {
    const another = and(
      eq(aliases.alias, alias),
      where,
      id === undefined ? undefined : ne(aliases.id, id),
    );
    return tx.select({ id: aliases.id }).from(aliases).where(another).get() !== undefined;
  };
  if (isTaken(eq(aliases.serverId, serverId))) return "server";
  return isTaken(eq(aliases.userId, userId)) ? "account" : null;
}

/** An alias that was just written, with the change of its container. */
function written(
  db: Database,
  tx: Transaction,
  scope: Scope,
  id: string,
): { alias: StoredAlias } & Revised {
  const alias = readAlias(db, tx, scope, id);
  if (alias === null) throw new Error(`alias ${id} was not stored`);
  return { alias, revision: recordChange(tx, { kind: "container", id: alias.containerId }) };
}

function asked(
  { projectId, containerId, enabled, expired }: AliasQuery,
  now: string,
): (SQL | undefined)[] {
  const over = lte(aliases.expiresAt, now);
  const goesOn = or(isNull(aliases.expiresAt), gt(aliases.expiresAt, now));
  return [
    projectId === null ? undefined : eq(containers.projectId, projectId),
    containerId === null ? undefined : eq(aliases.containerId, containerId),
    enabled === null ? undefined : eq(aliases.enabled, enabled),
    expired === null ? undefined : expired ? over : goesOn,
  ];
}

function readAlias(db: Database, reader: Reader, scope: Scope, id: string): StoredAlias | null {
  const where = and(eq(aliases.id, id), containerInScope(reader, scope));
  const row = selectAliases(reader, scope).where(where).get();
  return row === undefined ? null : shownAlias(db, row);
}

const sorted = { table: aliases, columns: { created_at: aliases.createdAt } };

function readAliasPage(
  db: Database,
  scope: Scope,
  where: SQL | undefined,
  { limit = aliasesListedMax, after }: AliasQuery,
) {
  const query = { ...newestFirst, limit: Math.min(limit, aliasesListedMax), after };
  const select = selectAliases(db.reader, scope).$dynamic();
  const rows = pageOf(select, where, sorted, query).all();
  const { items, ...page } = cutPage(db.reader, rows, sorted, query);
  return { ...page, items: items.map((row) => shownAlias(db, row)) };
}

type AliasRow = NonNullable<ReturnType<ReturnType<typeof selectAliases>["get"]>>;

/** Opens the target for who may see it. */
function shownAlias(db: Database, { target, mayEdit, ...shown }: AliasRow): StoredAlias {
  if (target !== null && mayEdit === 0) return { ...shown, targetPath: null, targetHidden: true };
  return { ...shown, targetPath: db.openTarget({ id: shown.id, target }) };
}

/** `scope` says what is told of the projects, and who may edit them. */
function selectAliases(reader: Reader, scope: Scope) {
  const projectVisible = carriesAll(reader, scopedProject, scope.realms) ?? sql`1`;
  const { plainTarget: _, ...columns } = getTableColumns(aliases);
  return reader
    .select({
      ...columns,
      projectId: containers.projectId,
      // What the scope does not hold of the project is not told through the alias.
      projectAlias: sql<string | null>`case when ${projectVisible} then ${projects.alias} end`,
      containerName: containers.name,
      serverName: servers.name,
      mayEdit: sql<number>`${userMay(reader, { ...scope, level: ProjectLevel.EDIT })}`,
    })
    .from(aliases)
    .innerJoin(containers, eq(containers.id, aliases.containerId))
    .innerJoin(projects, eq(projects.id, containers.projectId))
    .innerJoin(servers, eq(servers.id, aliases.serverId));
}
