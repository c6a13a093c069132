// The files of an installation, by their names in the data directory.

export const keyFile = "secret.key";
export const snapshotFile = "snapshot";
/** Where gate processes follow the change feed. */
export const feedSocketFile = "feed.sock";
/** Of a proxy: keys that a control plane derived for it. */
export const nodeKeysFile = "node-keys";
/** Who accessed what. */
export const exchangeLogFile = "exchanges.sqlite";

/** A SQLite file and what SQLite keeps beside it. The log comes first: with another main file it would be wrong. */
export function sqliteFiles(path: string): readonly string[] {
  return [`${path}-wal`, `${path}-shm`, path];
}

/** The copy that a restore puts in the place of the database with its last step. */
export function restoreDraft(path: string): string {
  return `${path}.restored`;
}
