// The Store on PostgreSQL, version 14 or later.
import type { Store } from "../store.ts";
import { accessStore } from "./access.ts";
import { aliasStore } from "./aliases.ts";
import { changeRecordStore } from "./change-records.ts";
import { type ConnectionOptions, Connections } from "./connections.ts";
import { containerStore } from "./containers.ts";
import { Database, type DatabaseOptions } from "./database.ts";
import { documentStore } from "./documents.ts";
import { effectiveStateStore } from "./effective-states.ts";
import { eventStore } from "./events.ts";
import { storeError } from "./failures.ts";
import { limitStore } from "./limits.ts";
import { memberStore } from "./members.ts";
import { nodeStore } from "./nodes.ts";
import { type PrepareOptions, prepareDatabase } from "./prepare-database.ts";
import { projectStore } from "./projects.ts";
import { realmStore } from "./realms.ts";
import { serverStore } from "./servers.ts";
import { statusStore } from "./status-logs.ts";
import { tokenStore } from "./tokens.ts";
import { userStore } from "./users.ts";

/**
 * Opens the database, making or migrating its tables. Any number of stores, in any number of processes, may have it open. Rejects
 * when it cannot be reached, belongs to a newer version, or its documents were sealed with another key; then nothing is written.
 */
export async function openPostgresStore(
  options: ConnectionOptions & DatabaseOptions & PrepareOptions,
): Promise<Store> {
  const connections = new Connections(options);
  let revision: number;
  try {
    revision = await prepareDatabase(connections, options);
  } catch (error) {
    await connections.close();
    throw error;
  }
  const feedConnections = new Connections({ ...options, poolMax: FEED_POOL_MAX });
  const db = new Database(connections, feedConnections, options, revision);
  return withStoreErrors({
    ...userStore(db),
    ...tokenStore(db),
    ...serverStore(db),
    ...nodeStore(db),
    ...limitStore(db),
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
    feed: withStoreErrors({ ...changeRecordStore(db, db.feed), ...nodeStore(db, db.feed) }),
    pools: () => db.pools(),
    close: () => db.close(),
  });
}

/** Heartbeats, resumed followers, the state of nodes, looks at commits. Whole states have their own limit, and the others' pool. */
const FEED_POOL_MAX = 4;

/** The store with the driver's errors in the Store's words. */
function withStoreErrors<Part extends Store | Store["feed"]>(store: Part): Part {
  const translated = Object.entries(store).map(([name, method]) => [
    name,
    typeof method !== "function"
      ? method
      : (...args: readonly unknown[]) => {
          const answer = method(...args);
          if (!(answer instanceof Promise)) return answer;
          return answer.catch((error: unknown) => {
            throw storeError(error);
          });
        },
  ]);
  return Object.fromEntries(translated);
}
