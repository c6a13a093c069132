// Servers: the nodes.
import { eq } from "drizzle-orm";
import { newId } from "../id.ts";
import type { Server } from "../records.ts";
import type { ServerStore } from "../store.ts";
import type { Database } from "./database.ts";
import { servers } from "./schema.ts";

export function serverStore(db: Database): ServerStore {
  return {
    async registerServer(name: string): Promise<Server> {
      return db.transaction(async (tx) => {
        await tx
          .insert(servers)
          .values({ id: newId(), name, createdAt: db.timestamp() })
          .onConflictDoNothing();
        const server = (await tx.select().from(servers).where(eq(servers.name, name)))[0];
        if (server === undefined) throw new Error(`server ${name} was not stored`);
        return server;
      });
    },

    async servers(): Promise<readonly Server[]> {
      return await db.reader.select().from(servers).orderBy(servers.name);
    },
  };
}
