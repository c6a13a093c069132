// Users, their logins, and the project that each begins with.
import { and, desc, eq, getTableColumns, ne, or, type SQL, sql } from "drizzle-orm";
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
import { countOf, type Database, recordChange } from "./database.ts";
import { cutPage, pageOf } from "./page.ts";
import { deleteContainers, destroy } from "./project-deletion.ts";
import { containers, logins, projects, users } from "./schema.ts";
import type { Reader, Transaction } from "./transaction.ts";

const { sequence: _, ...userColumns } = getTableColumns(users);

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
      return await hasUsers(reader);
    },

    async createFirstUser(user: { username: string; passwordHash: string }): Promise<boolean> {
      const made = await db.write(async (tx) =>
        (await hasUsers(tx))
          ? null
          : await insertUser(db, tx, { ...user, email: null, isAdmin: true }),
      );
      return made !== null;
    },

    async createUser(user: {
      username: string;
      email: string;
      passwordHash: string;
    }): Promise<boolean> {
      const email = user.email.toLowerCase();
      const made = await db.write((tx) => insertUser(db, tx, { ...user, email, isAdmin: false }));
      return made !== null;
    },

    async createAccount(account: NewAccount): Promise<User | AccountTaken> {
      const email = account.email.toLowerCase();
      const made = await db.write(async (tx) => {
        const taken = await takenBy(tx, { ...account, email }, null);
        if (taken !== null) return taken;
        const inserted = await insertUser(db, tx, { ...account, email });
        if (inserted === null) throw new Error("the user was not stored");
        const user = await userById(tx, inserted.id);
        if (user === null) throw new Error("the user was not stored");
        return { ...inserted, user };
      });
      return typeof made === "string" ? made : made.user;
    },

    async users(
      query: PageQuery<UserColumn> & { readonly search: string | null },
    ): Promise<ListPage<User>> {
      const where = matches(query.search);
      const select = reader.select(userColumns).from(users).$dynamic();
      const page = await cutPage(reader, await pageOf(select, where, sorted, query), sorted, query);
      return { ...page, total: await countOf(reader, users, where) };
    },

    async updateAccount(
      id: string,
      change: AccountChange,
    ): Promise<User | AccountTaken | "last_operator" | null> {
      return db.transaction(async (tx) => {
        const before = await userById(tx, id);
        if (before === null) return null;
        const named =
          change.email === undefined ? change : { ...change, email: change.email.toLowerCase() };
        const taken = await takenBy(tx, named, id);
        if (taken !== null) return taken;
        const after = { ...before, ...named };
        const resigns = operates(before) && !operates(after);
        if (resigns && (await isLastOperator(tx, id))) return "last_operator";
        const ends = change.passwordHash !== undefined || (after.isBanned && !before.isBanned);
        const sessionGeneration = before.sessionGeneration + (ends ? 1 : 0);
        const row = { ...named, sessionGeneration, updatedAt: db.timestamp() };
        await tx.update(users).set(row).where(eq(users.id, id));
        return await userById(tx, id);
      });
    },

    async deleteAccount(
      id: string,
      withContainers: boolean,
    ): Promise<Committed | "last_operator" | "has_containers" | null> {
      return db.write(async (tx) => {
        const user = await userById(tx, id);
        if (user === null) return null;
        if (operates(user) && (await isLastOperator(tx, id))) return "last_operator";
        const owned = tx.select({ id: projects.id }).from(projects).where(eq(projects.userId, id));
        const held = sql`${containers.projectId} in ${owned}`;
        if (!withContainers && (await countOf(tx, containers, held)) > 0) return "has_containers";
        await deleteContainers(tx, held);
        let revision = 0;
        for (const project of await owned) {
          await destroy(tx, project.id);
          revision = recordChange(tx, { kind: "project", id: project.id });
        }
        await tx.delete(users).where(eq(users.id, id));
        return { revision };
      });
    },

    async userForLogin(name: { username: string } | { email: string }): Promise<User | null> {
      const condition =
        "username" in name
          ? eq(users.username, name.username)
          : eq(users.email, name.email.toLowerCase());
      return (await reader.select(userColumns).from(users).where(condition))[0] ?? null;
    },

    async userById(id: string): Promise<User | null> {
      return await userById(reader, id);
    },

    async updateUser(
      id: string,
      generation: number,
      change: Partial<Pick<User, "alias" | "publicKey" | "metadata" | "passwordHash">>,
    ): Promise<User | null> {
      const ended = change.passwordHash === undefined ? {} : { sessionGeneration: generation + 1 };
      return db.transaction(async (tx) => {
        const [row] = await tx
          .update(users)
          .set({ ...change, ...ended, updatedAt: db.timestamp() })
          .where(and(eq(users.id, id), eq(users.sessionGeneration, generation)))
          .returning(userColumns);
        return row ?? null;
      });
    },

    async endSessions(id: string): Promise<void> {
      const sessionGeneration = sql`${users.sessionGeneration} + 1`;
      await db.transaction(async (tx) => {
        await tx.update(users).set({ sessionGeneration }).where(eq(users.id, id));
        return true;
      });
    },

    async recordLogin(id: string, ip: string): Promise<void> {
      // Nothing waits for the disk: the last moments of this may be lost. `gone` does not see the new row.
      await reader.execute(sql`
        with quick as (select set_config('synchronous_commit', 'off', true)),
        gone as (delete from ${logins} where id in (
          select id from ${logins} where user_id = ${id} order by id desc offset ${loginsMax - 1}
        ))
        insert into ${logins} (user_id, ip, at) select ${id}, ${ip}, ${db.timestamp()} from quick`);
    },

    async recentLogins(id: string): Promise<readonly LoginRecord[]> {
      return (await latest(reader, id)).map(({ ip, at }) => ({ ip, at }));
    },
  };
}

async function hasUsers(reader: Reader): Promise<boolean> {
  return (await reader.select({ id: users.id }).from(users).limit(1))[0] !== undefined;
}

/** With the default project. Null: the name or the address is taken. */
async function insertUser(
  db: Database,
  tx: Transaction,
  user: Pick<User, "username" | "email" | "passwordHash" | "isAdmin">,
): Promise<({ readonly id: string } & Revised) | null> {
  const now = db.timestamp();
  const times = { createdAt: now, updatedAt: now };
  const userId = newId();
  const inserted = (
    await tx
      .insert(users)
      .values({ ...user, ...times, id: userId, sessionGeneration: 0 })
      .onConflictDoNothing()
      .returning({ id: users.id })
  )[0];
  if (inserted === undefined) return null;
  const id = newId();
  await tx
    .insert(projects)
    .values({ ...times, id, userId, alias: "default", color: colorOf(undefined), isDefault: true });
  return { id: userId, revision: recordChange(tx, { kind: "project", id }) };
}

async function userById(reader: Reader, id: string): Promise<User | null> {
  return (await reader.select(userColumns).from(users).where(eq(users.id, id)))[0] ?? null;
}

/** Which of the name and the address another user than `id` has. */
async function takenBy(
  reader: Reader,
  { username, email }: Pick<AccountChange, "username" | "email">,
  id: string | null,
): Promise<AccountTaken | null> {
  const isTaken = async (which: SQL) =>
    (await countOf(reader, users, and(which, ne(users.id, id ?? "")))) > 0;
  if (username !== undefined && (await isTaken(eq(users.username, username)))) return "username";
  if (email !== undefined && (await isTaken(eq(users.email, email)))) return "email";
  return null;
}

function operates({ isAdmin, isBanned }: Pick<User, "isAdmin" | "isBanned">): boolean {
  return isAdmin && !isBanned;
}

async function isLastOperator(reader: Reader, id: string): Promise<boolean> {
  const others = and(eq(users.isAdmin, true), eq(users.isBanned, false), ne(users.id, id));
  return (await countOf(reader, users, others)) === 0;
}

/** Null: all. */
function matches(search: string | null): SQL | undefined {
  if (search === null || search === "") return undefined;
  const has = (column: typeof users.username | typeof users.email | typeof users.alias) =>
    sql`strpos(lower(${column}), lower(${search} collate "C")) > 0`;
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
