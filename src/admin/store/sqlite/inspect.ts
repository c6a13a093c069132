// A look at a database file that changes nothing: whether this version of the program with this key can use it.
import { constants, Database as File } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { migrationsFolder } from "../migrations-folder.ts";
import type { ValueBox } from "../sealed.ts";
import { countUnreadable, hasOwnKey } from "./sealed-values.ts";
import { PART } from "./whole-mark.ts";

/** What a file is to this program: `new` has nothing in it, `older` is migrated at the next start. */
export type FileState = "missing" | "new" | "current" | "older" | "newer" | "partial";

/**
 * `partial`: the main file without its write-ahead log, as a plain copy of a running gate's file is. Throws when the file cannot be
 * read or is no database.
 */
export function fileState(path: string): FileState {
  const main = statSync(path, { throwIfNoEntry: false });
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  // SQLite discards a log without its main file.
  if (main === undefined) return "missing";
  const isLogged = log !== undefined && log.size > 0;
  if (main.size === 0 && !isLogged) return "new";
  return withFile(path, isLogged, (file) => {
    if (log === undefined && Number(firstValue(file, "PRAGMA application_id")) === PART) {
      return "partial";
    }
    if (Number(firstValue(file, "SELECT count(*) FROM sqlite_schema")) === 0) return "new";
    const known = Math.max(
      ...readMigrationFiles({ migrationsFolder: migrationsFolder("sqlite") }).map(
        ({ folderMillis }) => folderMillis,
      ),
    );
    const applied = Number(firstValue(file, "SELECT max(created_at) FROM __drizzle_migrations"));
    if (applied > known) return "newer";
    return applied < known ? "older" : "current";
  });
}

/** Problems that SQLite finds in the file, at most a few; empty: it is sound. Throws when it is no database. */
export function damageOf(path: string): readonly string[] {
  const problemsMax = 5;
  return withFile(path, hasLog(path), (file) =>
    file
      .query<{ readonly quick_check: string }, []>(`PRAGMA quick_check(${problemsMax})`)
      .all()
      .map((row) => row.quick_check)
      .filter((text) => text !== "ok"),
  );
}

/** Whether the key of a box opens the documents; true when there are none. */
export function opensWith(path: string, box: ValueBox): boolean {
  return withFile(path, hasLog(path), (file) => hasOwnKey(file, box));
}

/** How many values none of the keys of a box opens; of a file of this version. */
export function unreadableIn(path: string, box: ValueBox): number {
  return withFile(path, hasLog(path), (file) => countUnreadable(file, box));
}

/** A running gate has one; without it the file can be read in a folder that cannot be written. */
function hasLog(path: string): boolean {
  return existsSync(`${path}-wal`);
}

/** Without a log the file is read as it lies there, so that no file is made beside it. */
function withFile<Result>(path: string, withLog: boolean, read: (file: File) => Result): Result {
  const file = withLog
    ? new File(path, { readonly: true })
    : new File(
        `${pathToFileURL(path)}?immutable=1`,
        constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI,
      );
  try {
    return read(file);
  } finally {
    file.close();
  }
}

function firstValue(file: File, query: string): unknown {
  return file.query<Record<string, unknown>, []>(query).values()[0]?.[0];
}
