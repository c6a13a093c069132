// Names of realms that somebody made up.
import { and, eq, exists, gte, inArray, or, type SQL, sql } from "drizzle-orm";
import { newId } from "../id.ts";
import { realmNamesMax } from "../limits.ts";
import type { NamedRealm } from "../realm-records.ts";
import type { Scope } from "../records.ts";
import type { RealmStore } from "../store.ts";
import { countOf, type Database, type Reader } from "./database.ts";
import { containerRealms, containers, members, projectRealms, projects, realms } from "./schema.ts";

type RealmNameStore = Pick<RealmStore, "realmNames" | "createRealm" | "deleteRealm">;

/** Ids in one query. */
const ID_BATCH = 500;

export function realmNameStore(db: Database): RealmNameStore {
  return {
    async realmNames(
      scope: Scope,
      realmIds: readonly string[],
    ): Promise<ReadonlyMap<string, string>> {
      const names = new Map<string, string>();
      for (let from = 0; from < realmIds.length; from += ID_BATCH) {
        const some = realmIds.slice(from, from + ID_BATCH);
        const rows = db.reader
          .select({ id: realms.id, name: realms.name })
          .from(realms)
          .where(and(inArray(realms.id, some), isToldTo(db.reader, scope)))
          .all();
        for (const { id, name } of rows) names.set(id, name);
      }
      return names;
    },

    async createRealm(userId: string, name: string): Promise<NamedRealm | "taken" | "limit"> {
      return db.transaction((tx) => {
        const isOwn = eq(realms.userId, userId);
        if (countOf(tx, realms, and(isOwn, eq(realms.name, name))) > 0) return "taken";
        if (countOf(tx, realms, isOwn) >= realmNamesMax) return "limit";
        const realm = { id: newId(), name, createdAt: db.timestamp() };
        tx.insert(realms)
          .values({ ...realm, userId })
          .run();
        return realm;
      });
    },

    async deleteRealm(userId: string, id: string): Promise<boolean> {
      return db.transaction((tx) => {
        const which = and(eq(realms.id, id), eq(realms.userId, userId));
        return tx.delete(realms).where(which).returning({ id: realms.id }).all().length > 0;
      });
    },
  };
}

/** Who knows an id and puts it on a project of its own is not told what its maker calls it. */
function isToldTo(reader: Reader, { userId, level }: Scope): SQL | undefined {
  const ofProject = reader
    .select({ one: sql`1` })
    .from(projectRealms)
    .where(and(eq(projectRealms.projectId, projects.id), eq(projectRealms.realmId, realms.id)));
  const ofContainer = reader
    .select({ one: sql`1` })
    .from(containers)
    .innerJoin(containerRealms, eq(containerRealms.containerId, containers.id))
    .where(and(eq(containers.projectId, projects.id), eq(containerRealms.realmId, realms.id)));
  const joined = reader
    .select({ one: sql`1` })
    .from(members)
    .innerJoin(projects, eq(projects.id, members.projectId))
    .where(
      and(
        eq(members.userId, userId),
        gte(members.level, level),
        eq(projects.userId, realms.userId),
        or(exists(ofProject), exists(ofContainer)),
      ),
    );
  return or(eq(realms.userId, userId), exists(joined));
}
