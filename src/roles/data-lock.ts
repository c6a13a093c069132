// One process owns a database: a second one would enforce what it read at its start and never see a change.
import { Database } from "bun:sqlite";

/** Releases the database. The operating system does so when the process is killed. */
type Unlock = () => void;

/** Another process has the database. */
export class DatabaseInUse extends Error {}

/**
 * Takes an operating-system lock on a file beside the database. Throws DatabaseInUse when another process holds it, another
 * error when locking fails.
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

/** For maintenance of a stopped gate: the DatabaseInUse says what to do. */
export function lockOfStoppedGate(databasePath: string): Unlock {
  try {
    return lockDatabase(databasePath);
  } catch (error) {
    if (!(error instanceof DatabaseInUse)) throw error;
    throw new DatabaseInUse(`${error.message}: stop the gate first`, { cause: error });
  }
}
