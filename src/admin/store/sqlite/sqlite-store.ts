// The Store on bun:sqlite.

import type { Store } from "../store.ts";
import { accessStore } from "./access.ts";
import { aliasStore } from "./aliases.ts";
import { changeRecordStore } from "./change-records.ts";
import { containerStore } from "./containers.ts";
import { Database, type SqliteOptions } from "./database.ts";
import { documentStore } from "./documents.ts";
import { effectiveStateStore } from "./effective-states.ts";
import { eventStore } from "./events.ts";
import { limitStore } from "./limits.ts";
import { memberStore } from "./members.ts";
import { nodeStore } from "./nodes.ts";
import { projectStore } from "./projects.ts";
import { realmStore } from "./realms.ts";
import type { ResealCursor, Resealed } from "./reseal.ts";
import { serverStore } from "./servers.ts";
import { statusStore } from "./status-logs.ts";
import { tokenStore } from "./tokens.ts";
import { userStore } from "./users.ts";

/** Seals values anew, some at a time: see resealRows. */
export interface SqliteStore extends Store {
  reseal(cursor: ResealCursor): Promise<Resealed>;
}

/** Opens the database, making or migrating it. Throws when the file is none, or belongs to a newer version. */
export function openSqliteStore(options: SqliteOptions): SqliteStore {
  const db = new Database(options);
  return {
    ...userStore(db),
    ...tokenStore(db),
    ...serverStore(db),
    ...nodeStore(db),
    ...limitStore(),
    ...realmStore(db),
    ...accessStore(db),
    ...projectStore(db),
    ...memberStore(db),
    ...containerStore(db),
    ...statusStore(db),
    ...aliasStore(db),
    ...documentStore(db),
    ...effectiveStateStore(db),
    ...eventStore(db),
    ...changeRecordStore(db),
    feed: { ...changeRecordStore(db), ...nodeStore(db) },
    reseal: (cursor) => db.reseal(cursor),
    pools: () => [],
    close: async () => db.close(),
  };
}
