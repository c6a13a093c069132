// One process owns a database: a second would enforce what it read at its start and never hear of a change.
import { Database } from "bun:sqlite";

/** Lets go of the database. The system does it for a process that was killed. */
export type Unlock = () => void;

/** Another process has the database. */
export class DatabaseInUse extends Error {}

/**
 * Throws DatabaseInUse when another process has the database, and something else when that cannot be found out. The lock is the
 * operating system's, on a file beside the database.
 */
export function lockDatabase(databasePath: string): Unlock {
  const lock = new Database(`${databasePath}.lock`, { create: true });
  try {
    lock.run("PRAGMA locking_mode = EXCLUSIVE");
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    const { code } = error as { readonly code?: unknown };
    if (code !== "SQLITE_BUSY") throw error;
    throw new DatabaseInUse(`${databasePath} is in use by another realmgate`, { cause: error });
  }
  return () => lock.close();
}
