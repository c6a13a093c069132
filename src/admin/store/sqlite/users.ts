// Users.
import { eq } from "drizzle-orm";
import { newId } from "../../id.ts";
import type { User } from "../records.ts";
import { users } from "../schema.ts";
import type { UserStore } from "../store.ts";
import type { Database, Reader } from "./database.ts";

export function userStore(db: Database): UserStore {
  return {
    async hasUsers(): Promise<boolean> {
      return hasUsers(db.reader);
    },

    async createFirstUser(user: { username: string; passwordHash: string }): Promise<boolean> {
      return db.transaction((tx) => {
        if (hasUsers(tx)) return false;
        const now = db.timestamp();
        const row = { id: newId(), email: null, isAdmin: true, sessionGeneration: 0 };
        tx.insert(users)
          .values({ ...row, ...user, createdAt: now, updatedAt: now })
          .run();
        return true;
      });
    },

    async userForLogin(name: { username: string } | { email: string }): Promise<User | null> {
      const condition =
        "username" in name
          ? eq(users.username, name.username)
          : eq(users.email, name.email.toLowerCase());
      return db.reader.select().from(users).where(condition).get() ?? null;
    },

    async userById(id: string): Promise<User | null> {
      return db.reader.select().from(users).where(eq(users.id, id)).get() ?? null;
    },
  };
}

function hasUsers(reader: Reader): boolean {
  return reader.select({ id: users.id }).from(users).limit(1).get() !== undefined;
}
