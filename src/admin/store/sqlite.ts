// The Store on bun:sqlite. Transactions are synchronous inside: an async body would commit at its first await.
import { Database } from "bun:sqlite";
import { join } from "node:path";
import {
  and,
  asc,
  count,
  desc,
  eq,
  exists,
  getTableColumns,
  gt,
  inArray,
  max,
  type SQL,
  sql,
} from "drizzle-orm";
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import { migrate } from "drizzle-orm/bun-sqlite/migrator";
import { alias } from "drizzle-orm/sqlite-core";
import { newId } from "../id.ts";
import type { SecretBox } from "../secret-box.ts";
import {
  changes,
  containerRealms,
  containers,
  documents,
  projectRealms,
  projects,
  servers,
  users,
} from "./schema.ts";
import type {
  Container,
  ContainerColumn,
  ContainerFact,
  DocumentKey,
  DocumentState,
  DocumentView,
  DocumentWrite,
  DocumentWritten,
  Facts,
  NewContainer,
  NewProject,
  Page,
  PageQuery,
  Project,
  ProjectColumn,
  ProjectFact,
  Scope,
  Server,
  Store,
  User,
} from "./store.ts";

/** Ids in one IN list; SQLite takes 32,766 parameters a statement. */
const idsPerQuery = 10_000;

type Transaction = Parameters<Parameters<BunSQLiteDatabase["transaction"]>[0]>[0];
type Reader = BunSQLiteDatabase | Transaction;

export interface SqliteOptions {
  /** File path, or ":memory:". */
  readonly path: string;
  /** Seals the documents. */
  readonly box: SecretBox;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Opens the database, making or migrating it. Throws when the file is none, or belongs to a newer version. */
export function openSqliteStore(options: SqliteOptions): Store {
  return new SqliteStore(options);
}

class SqliteStore implements Store {
  readonly #file: Database;
  readonly #db: BunSQLiteDatabase;
  readonly #box: SecretBox;
  readonly #now: () => number;
  readonly #listeners = new Set<(revision: number) => void>();

  constructor(options: SqliteOptions) {
    this.#file = new Database(options.path, { create: true, strict: true });
    // WAL with synchronous=FULL: what is acknowledged survives kill -9 and power loss.
    this.#file.run("PRAGMA journal_mode = WAL");
    this.#file.run("PRAGMA synchronous = FULL");
    this.#file.run("PRAGMA foreign_keys = ON");
    this.#file.run("PRAGMA busy_timeout = 5000");
    this.#db = drizzle({ client: this.#file });
    migrate(this.#db, { migrationsFolder: join(import.meta.dir, "migrations") });
    this.#box = options.box;
    this.#now = options.now;
  }

  async hasUsers(): Promise<boolean> {
    return hasUsers(this.#db);
  }

  async createFirstUser(user: { username: string; passwordHash: string }): Promise<boolean> {
    return this.#transaction((tx) => {
      if (hasUsers(tx)) return false;
      const now = this.#timestamp();
      const row = { id: newId(), email: null, isAdmin: true, sessionGeneration: 0 };
      tx.insert(users)
        .values({ ...row, ...user, createdAt: now, updatedAt: now })
        .run();
      return true;
    });
  }

  async userForLogin(name: { username: string } | { email: string }): Promise<User | null> {
    const condition =
      "username" in name
        ? eq(users.username, name.username)
        : eq(users.email, name.email.toLowerCase());
    return this.#db.select().from(users).where(condition).get() ?? null;
  }

  async userById(id: string): Promise<User | null> {
    return this.#db.select().from(users).where(eq(users.id, id)).get() ?? null;
  }

  async registerServer(name: string): Promise<Server> {
    return this.#transaction((tx) => {
      tx.insert(servers)
        .values({ id: newId(), name, createdAt: this.#timestamp() })
        .onConflictDoNothing()
        .run();
      const server = tx.select().from(servers).where(eq(servers.name, name)).get();
      if (server === undefined) throw new Error(`server ${name} was not stored`);
      return server;
    });
  }

  async servers(): Promise<readonly Server[]> {
    return this.#db.select().from(servers).orderBy(servers.name).all();
  }

  async createProject(
    scope: Scope,
    project: NewProject,
  ): Promise<{ project: Project; revision: number } | "duplicate"> {
    const made = this.#transaction((tx) => {
      const realmIds = withRealm(project.realmIds, scope.realmId);
      if (this.#aliasTaken(tx, scope.userId, project.alias, realmIds)) return "duplicate";
      const now = this.#timestamp();
      const row = { ...project, id: newId(), userId: scope.userId, createdAt: now, updatedAt: now };
      tx.insert(projects).values(row).run();
      if (realmIds.length > 0) {
        const rows = realmIds.map((realmId) => ({ projectId: row.id, realmId }));
        tx.insert(projectRealms).values(rows).run();
      }
      return {
        project: { ...row, realmIds },
        revision: recordChange(tx, { kind: "project", id: row.id }),
      };
    });
    if (made !== "duplicate") this.#announce(made.revision);
    return made;
  }

  async project(scope: Scope, id: string): Promise<Project | null> {
    const where = and(eq(projects.id, id), this.#projectInScope(scope));
    const row = this.#db.select().from(projects).where(where).get();
    return row === undefined ? null : (this.#withRealms([row])[0] ?? null);
  }

  async projects(scope: Scope, query: PageQuery<ProjectColumn>): Promise<Page<Project>> {
    const where = and(
      this.#projectInScope(scope),
      query.realmId === null ? undefined : this.#projectInRealm(query.realmId),
    );
    const columns = {
      created_at: projects.createdAt,
      id: projects.id,
      alias: projects.alias,
      updated_at: projects.updatedAt,
    } satisfies Record<ProjectColumn, unknown>;
    const order = query.sortOrder === "asc" ? asc : desc;
    const rows = this.#db
      .select()
      .from(projects)
      .where(where)
      .orderBy(order(columns[query.sortBy]), order(projects.id))
      .limit(query.limit)
      .offset((query.page - 1) * query.limit)
      .all();
    const total = this.#db.select({ n: count() }).from(projects).where(where).get()?.n ?? 0;
    return { items: this.#withRealms(rows), total };
  }

  async createContainer(
    scope: Scope,
    container: NewContainer,
  ): Promise<{ container: Container; revision: number } | "no_project" | "quota" | "duplicate"> {
    const { projectId, name } = container;
    const made = this.#transaction((tx) => {
      const project = tx
        .select()
        .from(projects)
        .where(and(eq(projects.id, projectId), this.#projectInScope(scope)))
        .get();
      if (project === undefined) return "no_project";
      const present =
        tx.select({ n: count() }).from(containers).where(eq(containers.projectId, projectId)).get()
          ?.n ?? 0;
      if (project.maxContainers !== null && present >= project.maxContainers) return "quota";
      const sameName = and(eq(containers.projectId, projectId), eq(containers.name, name));
      if (tx.select({ id: containers.id }).from(containers).where(sameName).get() !== undefined) {
        return "duplicate";
      }
      const now = this.#timestamp();
      const row = {
        ...container,
        id: newId(),
        status: "running",
        programs: JSON.stringify(container.programs),
        createdAt: now,
        updatedAt: now,
      };
      tx.insert(containers).values(row).run();
      const realmIds = withRealm(container.realmIds, scope.realmId);
      if (realmIds.length > 0) {
        const rows = realmIds.map((realmId) => ({ containerId: row.id, realmId }));
        tx.insert(containerRealms).values(rows).run();
      }
      return { id: row.id, revision: recordChange(tx, { kind: "container", id: row.id }) };
    });
    if (typeof made === "string") return made;
    this.#announce(made.revision);
    const stored = await this.container(scope, made.id);
    if (stored === null) throw new Error(`container ${made.id} was not stored`);
    return { container: stored, revision: made.revision };
  }

  async container(scope: Scope, id: string): Promise<Container | null> {
    return this.#containers(and(eq(containers.id, id), this.#containerInScope(scope)))[0] ?? null;
  }

  async containers(
    scope: Scope,
    query: PageQuery<ContainerColumn> & { readonly projectId: string | null },
  ): Promise<Page<Container>> {
    const where = and(
      this.#containerInScope(scope),
      query.projectId === null ? undefined : eq(containers.projectId, query.projectId),
      query.realmId === null ? undefined : this.#containerInRealm(query.realmId),
    );
    const columns = {
      created_at: containers.createdAt,
      id: containers.id,
      name: containers.name,
      status: containers.status,
      updated_at: containers.updatedAt,
    } satisfies Record<ContainerColumn, unknown>;
    const order = query.sortOrder === "asc" ? asc : desc;
    const items = this.#containers(where, {
      orderBy: [order(columns[query.sortBy]), order(containers.id)],
      limit: query.limit,
      offset: (query.page - 1) * query.limit,
    });
    const total =
      this.#db
        .select({ n: count() })
        .from(containers)
        .innerJoin(projects, eq(projects.id, containers.projectId))
        .where(where)
        .get()?.n ?? 0;
    return { items, total };
  }

  async document(scope: Scope, key: DocumentKey): Promise<DocumentView | null> {
    return this.#document(this.#db, scope, key);
  }

  async putDocument(
    scope: Scope,
    key: DocumentKey,
    write: DocumentWrite,
  ): Promise<DocumentWritten | null> {
    const written = this.#transaction((tx): DocumentWritten | null => {
      const view = this.#document(tx, scope, key);
      if (view === null) return null;
      if (view.state.version !== write.expected) return { kind: "stale" };
      if (write.projectVersion !== null && view.projectState.version !== write.projectVersion) {
        return { kind: "moved" };
      }
      const version = write.expected + 1;
      const body = write.body === null ? null : this.#seal(key, version, write.body);
      const row = { version, enableProxy: write.enableProxy, body };
      tx.insert(documents)
        .values({ ...row, kind: key.kind, ownerId: key.id })
        .onConflictDoUpdate({ target: [documents.kind, documents.ownerId], set: row })
        .run();
      return { kind: "written", version, revision: recordChange(tx, key) };
    });
    if (written?.kind === "written") this.#announce(written.revision);
    return written;
  }

  async factsAfter(revision: number): Promise<Facts> {
    return this.#transaction((tx) => {
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
        projects: inBatches(changed("project"), (ids) => this.#projectFacts(tx, ids)),
        containers: inBatches(changed("container"), (ids) => this.#containerFacts(tx, ids)),
      };
    });
  }

  onCommit(listener: (revision: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#file.close();
  }

  #transaction<Result>(body: (tx: Transaction) => Result): Result {
    return this.#db.transaction(body, { behavior: "immediate" });
  }

  #announce(revision: number): void {
    for (const listener of this.#listeners) listener(revision);
  }

  #timestamp(): string {
    return new Date(this.#now()).toISOString();
  }

  #projectInScope(scope: Scope): SQL | undefined {
    return and(
      eq(projects.userId, scope.userId),
      scope.realmId === null ? undefined : this.#projectInRealm(scope.realmId),
    );
  }

  #projectInRealm(realmId: string): SQL {
    const inRealm = and(
      eq(projectRealms.projectId, projects.id),
      eq(projectRealms.realmId, realmId),
    );
    return exists(this.#db.select({ one: sql`1` }).from(projectRealms).where(inRealm));
  }

  /** Goes into a query that joins `projects`. */
  #containerInScope(scope: Scope): SQL | undefined {
    return and(
      eq(projects.userId, scope.userId),
      scope.realmId === null ? undefined : this.#containerInRealm(scope.realmId),
    );
  }

  #containerInRealm(realmId: string): SQL {
    const inRealm = and(
      eq(containerRealms.containerId, containers.id),
      eq(containerRealms.realmId, realmId),
    );
    return exists(this.#db.select({ one: sql`1` }).from(containerRealms).where(inRealm));
  }

  /** Two projects of one owner share an alias only while no realm, nor the unscoped space, holds both. */
  #aliasTaken(tx: Transaction, userId: string, name: string, realmIds: readonly string[]): boolean {
    const realmsOfProject = tx
      .select({ realmId: projectRealms.realmId })
      .from(projectRealms)
      .where(eq(projectRealms.projectId, projects.id));
    const shared =
      realmIds.length === 0
        ? sql`not exists ${realmsOfProject}`
        : exists(
            tx
              .select({ one: sql`1` })
              .from(projectRealms)
              .where(
                and(
                  eq(projectRealms.projectId, projects.id),
                  inArray(projectRealms.realmId, [...realmIds]),
                ),
              ),
          );
    const where = and(eq(projects.userId, userId), eq(projects.alias, name), shared);
    return tx.select({ id: projects.id }).from(projects).where(where).get() !== undefined;
  }

  #withRealms(rows: readonly Omit<Project, "realmIds">[]): Project[] {
    const ids = rows.map(({ id }) => id);
    const realms = this.#db
      .select({ owner: projectRealms.projectId, realmId: projectRealms.realmId })
      .from(projectRealms)
      .where(inArray(projectRealms.projectId, ids))
      .orderBy(projectRealms.realmId)
      .all();
    const byOwner = Map.groupBy(realms, ({ owner }) => owner);
    return rows.map((row) => ({
      ...row,
      realmIds: (byOwner.get(row.id) ?? []).map(({ realmId }) => realmId),
    }));
  }

  #containers(
    where: SQL | undefined,
    page?: { orderBy: SQL[]; limit: number; offset: number },
  ): Container[] {
    const own = alias(documents, "own");
    const ofProject = alias(documents, "of_project");
    let query = this.#db
      .select({
        ...getTableColumns(containers),
        projectAlias: projects.alias,
        serverName: servers.name,
        hasOwnDocument: sql<number>`${own.body} is not null`,
        hasProjectDocument: sql<number>`${ofProject.body} is not null`,
      })
      .from(containers)
      .innerJoin(projects, eq(projects.id, containers.projectId))
      .innerJoin(servers, eq(servers.id, containers.serverId))
      .leftJoin(own, and(eq(own.kind, "container"), eq(own.ownerId, containers.id)))
      .leftJoin(ofProject, and(eq(ofProject.kind, "project"), eq(ofProject.ownerId, projects.id)))
      .where(where)
      .$dynamic();
    if (page !== undefined) {
      query = query
        .orderBy(...page.orderBy)
        .limit(page.limit)
        .offset(page.offset);
    }
    const rows = query.all();
    const realms = this.#db
      .select({ owner: containerRealms.containerId, realmId: containerRealms.realmId })
      .from(containerRealms)
      .where(
        inArray(
          containerRealms.containerId,
          rows.map(({ id }) => id),
        ),
      )
      .orderBy(containerRealms.realmId)
      .all();
    const byOwner = Map.groupBy(realms, ({ owner }) => owner);
    return rows.map((row) => ({
      ...row,
      programs: JSON.parse(row.programs),
      hasOwnDocument: Boolean(row.hasOwnDocument),
      hasProjectDocument: Boolean(row.hasProjectDocument),
      realmIds: (byOwner.get(row.id) ?? []).map(({ realmId }) => realmId),
    }));
  }

  #document(reader: Reader, scope: Scope, key: DocumentKey): DocumentView | null {
    const projectId =
      key.kind === "project"
        ? reader
            .select({ id: projects.id })
            .from(projects)
            .where(and(eq(projects.id, key.id), this.#projectInScope(scope)))
            .get()?.id
        : reader
            .select({ id: projects.id })
            .from(containers)
            .innerJoin(projects, eq(projects.id, containers.projectId))
            .where(and(eq(containers.id, key.id), this.#containerInScope(scope)))
            .get()?.id;
    if (projectId === undefined) return null;
    return {
      projectId,
      state: this.#documentState(reader, key),
      projectState: this.#documentState(reader, { kind: "project", id: projectId }),
    };
  }

  #documentState(reader: Reader, key: DocumentKey): DocumentState {
    const where = and(eq(documents.kind, key.kind), eq(documents.ownerId, key.id));
    const row = reader.select().from(documents).where(where).get();
    if (row === undefined) return { version: 0, enableProxy: true, body: null };
    return { version: row.version, enableProxy: row.enableProxy, body: this.#open(row) };
  }

  #projectFacts(tx: Transaction, ids: readonly string[]): ProjectFact[] {
    const rows = tx
      .select({ id: projects.id, document: documents })
      .from(projects)
      .leftJoin(documents, and(eq(documents.kind, "project"), eq(documents.ownerId, projects.id)))
      .where(inArray(projects.id, [...ids]))
      .all();
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => {
      const row = byId.get(id);
      return { id, state: row === undefined ? null : this.#documentFact(row.document) };
    });
  }

  #containerFacts(tx: Transaction, ids: readonly string[]): ContainerFact[] {
    const rows = tx
      .select({ container: containers, serverName: servers.name, document: documents })
      .from(containers)
      .innerJoin(servers, eq(servers.id, containers.serverId))
      .leftJoin(
        documents,
        and(eq(documents.kind, "container"), eq(documents.ownerId, containers.id)),
      )
      .where(inArray(containers.id, [...ids]))
      .all();
    const byId = new Map(rows.map((row) => [row.container.id, row]));
    return ids.map((id) => {
      const row = byId.get(id);
      if (row === undefined) return { id, state: null };
      const { projectId, status, address, programs } = row.container;
      const container = { projectId, status, address, programs: JSON.parse(programs) };
      const state = { ...container, serverName: row.serverName };
      return { id, state: { ...state, ...this.#documentFact(row.document) } };
    });
  }

  #documentFact(row: typeof documents.$inferSelect | null): {
    enableProxy: boolean;
    body: string | null;
  } {
    if (row === null) return { enableProxy: true, body: null };
    return { enableProxy: row.enableProxy, body: this.#open(row) };
  }

  #seal(key: DocumentKey, version: number, body: string): Buffer {
    return this.#box.seal(Buffer.from(body), `document/${key.kind}/${key.id}/${version}`);
  }

  /** Throws when the document was sealed with another key: the data directory and the key do not belong together. */
  #open(row: typeof documents.$inferSelect): string | null {
    if (row.body === null) return null;
    const context = `document/${row.kind}/${row.ownerId}/${row.version}`;
    const body = this.#box.open(Buffer.from(row.body), context);
    if (body === null) throw new Error(`${context} does not open with this secret key`);
    return body.toString();
  }
}

function hasUsers(reader: Reader): boolean {
  return reader.select({ id: users.id }).from(users).limit(1).get() !== undefined;
}

function recordChange(tx: Transaction, { kind, id }: DocumentKey): number {
  tx.delete(changes)
    .where(and(eq(changes.kind, kind), eq(changes.entityId, id)))
    .run();
  return tx
    .insert(changes)
    .values({ kind, entityId: id })
    .returning({ revision: changes.revision })
    .get().revision;
}

function withRealm(realmIds: readonly string[], realmId: string | null): string[] {
  return [...new Set(realmId === null ? realmIds : [...realmIds, realmId])].sort();
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
