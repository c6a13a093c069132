// Users, their logins, and the project that each begins with.
import { and, desc, eq, ne, notInArray, or, type SQL, sql } from "drizzle-orm";
import { colorOf } from "../color.ts";
import { newId } from "../id.ts";
import type { ListPage, PageQuery, UserColumn } from "../paging.ts";
import type {
  AccountChange,
  AccountTaken,
  Committed,
  LoginRecord,
  NewAccount,
  Revised,
  User,
} from "../records.ts";
import type { UserStore } from "../store.ts";
import { countOf, type Database, type Reader, recordChange, type Transaction } from "./database.ts";
import { cutPage, pageOf } from "./page.ts";
import { deleteContainers, destroy } from "./project-deletion.ts";
import { containers, logins, projects, users } from "./schema.ts";

const sorted = {
  table: users,
  columns: {
    created_at: users.createdAt,
    id: users.id,
    username: users.username,
    email: users.email,
    updated_at: users.updatedAt,
  } satisfies Record<UserColumn, unknown>,
};

/** Logins kept of each user. */
const loginsMax = 10;

export function userStore(db: Database): UserStore {
  const reader = db.reader;

  return {
    async hasUsers(): Promise<boolean> {
      return hasUsers(reader);
    },

    async createFirstUser(user: { username: string; passwordHash: string }): Promise<boolean> {
      const made = await db.write((tx) =>
        hasUsers(tx) ? null : insertUser(db, tx, { ...user, email: null, isAdmin: true }),
      );
      return made !== null;
    },

    async createUser(user: {
      username: string;
      email: string;
      passwordHash: string;
    }): Promise<boolean> {
      const email = user.email.toLowerCase();
      return (
        (await db.write((tx) => insertUser(db, tx, { ...user, email, isAdmin: false }))) !== null
      );
    },

    async createAccount(account: NewAccount): Promise<User | AccountTaken> {
      const email = account.email.toLowerCase();
      const made = await db.write((tx) => {
        const taken = takenBy(tx, { ...account, email }, null);
        if (taken !== null) return taken;
        const inserted = insertUser(db, tx, { ...account, email });
        if (inserted === null) throw new Error("the user was not stored");
        return { ...inserted, user: userOf(tx, inserted.id) };
      });
      return typeof made === "string" ? made : made.user;
    },

    async users(
      query: PageQuery<UserColumn> & { readonly search: string | null },
    ): Promise<ListPage<User>> {
      const where = matches(query.search);
      const rows = pageOf(reader.select().from(users).$dynamic(), where, sorted, query).all();
      return { ...cutPage(reader, rows, sorted, query), total: countOf(reader, users, where) };
    },

    async updateAccount(
      id: string,
      change: AccountChange,
    ): Promise<User | AccountTaken | "last_operator" | null> {
      return db.transaction((tx) => {
        const before = tx.select().from(users).where(eq(users.id, id)).get();
        if (before === undefined) return null;
        const named =
          change.email === undefined ? change : { ...change, email: change.email.toLowerCase() };
        const taken = takenBy(tx, named, id);
        if (taken !== null) return taken;
        const after = { ...before, ...named };
        if (operates(before) && !operates(after) && isLastOperator(tx, id)) return "last_operator";
        const ends = change.passwordHash !== undefined || (after.isBanned && !before.isBanned);
        const sessionGeneration = before.sessionGeneration + (ends ? 1 : 0);
        const row = { ...named, sessionGeneration, updatedAt: db.timestamp() };
        return tx.update(users).set(row).where(eq(users.id, id)).returning().get();
      });
    },

    async deleteAccount(
      id: string,
      withContainers: boolean,
    ): Promise<Committed | "last_operator" | "has_containers" | null> {
      return db.write((tx) => {
        const user = tx.select().from(users).where(eq(users.id, id)).get();
        if (user === undefined) return null;
        if (operates(user) && isLastOperator(tx, id)) return "last_operator";
        const owned = tx.select({ id: projects.id }).from(projects).where(eq(projects.userId, id));
        const held = sql`${containers.projectId} in ${owned}`;
        if (!withContainers && countOf(tx, containers, held) > 0) return "has_containers";
        deleteContainers(tx, held);
        let revision = 0;
        for (const project of owned.all()) {
          destroy(tx, project.id);
          revision = recordChange(tx, { kind: "project", id: project.id });
        }
        tx.delete(users).where(eq(users.id, id)).run();
        return { revision };
      });
    },

    async userForLogin(name: { username: string } | { email: string }): Promise<User | null> {
      const condition =
        "username" in name
          ? eq(users.username, name.username)
          : eq(users.email, name.email.toLowerCase());
      return reader.select().from(users).where(condition).get() ?? null;
    },

    async userById(id: string): Promise<User | null> {
      return reader.select().from(users).where(eq(users.id, id)).get() ?? null;
    },

    async updateUser(
      id: string,
      generation: number,
      change: Partial<Pick<User, "alias" | "publicKey" | "metadata" | "passwordHash">>,
    ): Promise<User | null> {
      const ended = change.passwordHash === undefined ? {} : { sessionGeneration: generation + 1 };
      return db.transaction((tx) => {
        const row = tx
          .update(users)
          .set({ ...change, ...ended, updatedAt: db.timestamp() })
          .where(and(eq(users.id, id), eq(users.sessionGeneration, generation)))
          .returning()
          .get();
        return row ?? null;
      });
    },

    async endSessions(id: string): Promise<void> {
      const sessionGeneration = sql`${users.sessionGeneration} + 1`;
      await db.transaction((tx) => {
        tx.update(users).set({ sessionGeneration }).where(eq(users.id, id)).run();
        return true;
      });
    },

    async recordLogin(id: string, ip: string): Promise<void> {
      await db.transaction((tx) => {
        tx.insert(logins).values({ userId: id, ip, at: db.timestamp() }).run();
        const kept = latest(tx, id).as("kept");
        const others = notInArray(logins.id, tx.select({ id: kept.id }).from(kept));
        tx.delete(logins)
          .where(and(eq(logins.userId, id), others))
          .run();
      });
    },

    async recentLogins(id: string): Promise<readonly LoginRecord[]> {
      return latest(reader, id)
        .all()
        .map(({ ip, at }) => ({ ip, at }));
    },
  };
}

function hasUsers(reader: Reader): boolean {
  return reader.select({ id: users.id }).from(users).limit(1).get() !== undefined;
}

/** With the default project. Null: the name or the address is taken. */
function insertUser(
  db: Database,
  tx: Transaction,
  user: Pick<User, "username" | "email" | "passwordHash" | "isAdmin">,
): ({ readonly id: string } & Revised) | null {
  const now = db.timestamp();
  const times = { createdAt: now, updatedAt: now };
  const userId = newId();
  const inserted = tx
    .insert(users)
    .values({ ...user, ...times, id: userId, sessionGeneration: 0 })
    .onConflictDoNothing()
    .returning({ id: users.id })
    .get();
  if (inserted === undefined) return null;
  const id = newId();
  tx.insert(projects)
    .values({ ...times, id, userId, alias: "default", color: colorOf(undefined), isDefault: true })
    .run();
  return { id: userId, revision: recordChange(tx, { kind: "project", id }) };
}

function userOf(reader: Reader, id: string): User {
  const row = reader.select().from(users).where(eq(users.id, id)).get();
  if (row === undefined) throw new Error(`there is no user ${id}`);
  return row;
}

/** Which of the name and the address another user than `id` has. */
function takenBy(
  reader: Reader,
  { username, email }: Pick<AccountChange, "username" | "email">,
  id: string | null,
): AccountTaken | null {
  const isTaken = (which: SQL) => countOf(reader, users, and(which, ne(users.id, id ?? ""))) > 0;
  if (username !== undefined && isTaken(eq(users.username, username))) return "username";
  if (email !== undefined && isTaken(eq(users.email, email))) return "email";
  return null;
}

function operates({ isAdmin, isBanned }: Pick<User, "isAdmin" | "isBanned">): boolean {
  return isAdmin && !isBanned;
}

function isLastOperator(reader: Reader, id: string): boolean {
  const others = and(eq(users.isAdmin, true), eq(users.isBanned, false), ne(users.id, id));
  return countOf(reader, users, others) === 0;
}

/** Null: all. */
function matches(search: string | null): SQL | undefined {
  if (search === null || search === "") return undefined;
  const has = (column: typeof users.username | typeof users.email | typeof users.alias) =>
    sql`instr(lower(${column}), lower(${search})) > 0`;
  return or(has(users.username), has(users.email), has(users.alias), eq(users.id, search));
}

function latest(reader: Reader, userId: string) {
  return reader
    .select()
    .from(logins)
    .where(eq(logins.userId, userId))
    .orderBy(desc(logins.id))
    .limit(loginsMax);
}
