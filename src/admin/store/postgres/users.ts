// Users, their logins, and the project that each begins with.
import { and, desc, eq, sql } from "drizzle-orm";
import { colorOf } from "../color.ts";
import { newId } from "../id.ts";
import type { LoginRecord, Revised, User } from "../records.ts";
import type { UserStore } from "../store.ts";
import { type Database, recordChange } from "./database.ts";
import { logins, projects, users } from "./schema.ts";
import type { Reader, Transaction } from "./transaction.ts";

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

    async userForLogin(name: { username: string } | { email: string }): Promise<User | null> {
      const condition =
        "username" in name
          ? eq(users.username, name.username)
          : eq(users.email, name.email.toLowerCase());
      return (await reader.select().from(users).where(condition))[0] ?? null;
    },

    async userById(id: string): Promise<User | null> {
      return (await reader.select().from(users).where(eq(users.id, id)))[0] ?? null;
    },

    async updateUser(
      id: string,
      generation: number,
      change: Partial<Pick<User, "alias" | "publicKey" | "metadata" | "passwordHash">>,
    ): Promise<User | null> {
      const ended = change.passwordHash === undefined ? {} : { sessionGeneration: generation + 1 };
      const row = (
        await reader
          .update(users)
          .set({ ...change, ...ended, updatedAt: db.timestamp() })
          .where(and(eq(users.id, id), eq(users.sessionGeneration, generation)))
          .returning()
      )[0];
      return row ?? null;
    },

    async endSessions(id: string): Promise<void> {
      const sessionGeneration = sql`${users.sessionGeneration} + 1`;
      await reader.update(users).set({ sessionGeneration }).where(eq(users.id, id));
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
): Promise<Revised | null> {
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
  return { revision: recordChange(tx, { kind: "project", id }) };
}

function latest(reader: Reader, userId: string) {
  return reader
    .select()
    .from(logins)
    .where(eq(logins.userId, userId))
    .orderBy(desc(logins.id))
    .limit(loginsMax);
}
