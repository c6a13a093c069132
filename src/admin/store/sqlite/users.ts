// Users, their logins, and the project that each begins with.
import { and, desc, eq, notInArray, sql } from "drizzle-orm";
import { colorOf } from "../color.ts";
import { newId } from "../id.ts";
import type { LoginRecord, Revised, User } from "../records.ts";
import type { UserStore } from "../store.ts";
import { type Database, type Reader, recordChange, type Transaction } from "./database.ts";
import { logins, projects, users } from "./schema.ts";

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
      const row = reader
        .update(users)
        .set({ ...change, ...ended, updatedAt: db.timestamp() })
        .where(and(eq(users.id, id), eq(users.sessionGeneration, generation)))
        .returning()
        .get();
      return row ?? null;
    },

    async endSessions(id: string): Promise<void> {
      const sessionGeneration = sql`${users.sessionGeneration} + 1`;
      reader.update(users).set({ sessionGeneration }).where(eq(users.id, id)).run();
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
): Revised | null {
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
