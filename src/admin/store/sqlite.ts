// The Store on bun:sqlite.
import { accessStore } from "./sqlite/access.ts";
import { aliasStore } from "./sqlite/aliases.ts";
import { containerStore } from "./sqlite/containers.ts";
import { Database, type SqliteOptions } from "./sqlite/database.ts";
import { documentStore } from "./sqlite/documents.ts";
import { exposureStore } from "./sqlite/exposures.ts";
import { factStore } from "./sqlite/facts.ts";
import { memberStore } from "./sqlite/members.ts";
import { projectStore } from "./sqlite/projects.ts";
import { realmStore } from "./sqlite/realms.ts";
import { serverStore } from "./sqlite/servers.ts";
import { statusStore } from "./sqlite/status-logs.ts";
import { tokenStore } from "./sqlite/tokens.ts";
import { userStore } from "./sqlite/users.ts";
import type { Store } from "./store.ts";

/** Opens the database, making or migrating it. Throws when the file is none, or belongs to a newer version. */
export function openSqliteStore(options: SqliteOptions): Store {
  const db = new Database(options);
  return {
    ...userStore(db),
    ...tokenStore(db),
    ...serverStore(db),
    ...realmStore(db),
    ...accessStore(db),
    ...projectStore(db),
    ...memberStore(db),
    ...containerStore(db),
    ...statusStore(db),
    ...aliasStore(db),
    ...documentStore(db),
    ...exposureStore(db),
    ...factStore(db),
    close: async () => db.close(),
  };
}
