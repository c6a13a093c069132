// Copies of a database file, and its values under another key.
import { Database as File } from "bun:sqlite";
import { closeSync, fsyncSync, openSync } from "node:fs";
import { drizzle } from "drizzle-orm/bun-sqlite";
import type { ValueBox } from "../sealed.ts";
import { RESEAL_START, type ResealCursor, type Resealed, resealRows } from "./reseal.ts";

/** Writes a whole copy to a new file, also while a gate writes to the database. Throws when the file exists. */
export function copyDatabase(path: string, copy: string): void {
  const file = new File(path, { readonly: true });
  try {
    file.run("PRAGMA busy_timeout = 5000");
    file.run("VACUUM INTO ?", [copy]);
  } finally {
    file.close();
  }
  const written = openSync(copy, "r+");
  fsyncSync(written);
  closeSync(written);
}

/** Counts values that are sealed with none of the keys; they stay as they are. */
export interface ResealedDatabase {
  readonly count: number;
  readonly unreadable: number;
}

/**
 * Seals every value anew that is not sealed with the first key, all of them or, when the process ends before, none. No other
 * process may use the database.
 */
export function resealDatabase(path: string, box: ValueBox): ResealedDatabase {
  const file = new File(path, { readwrite: true, create: false });
  try {
    file.run("PRAGMA synchronous = FULL");
    // The old key must open nothing that is left in free pages.
    file.run("PRAGMA secure_delete = ON");
    return drizzle({ client: file }).transaction(
      (tx) => {
        let count = 0;
        let unreadable = 0;
        for (let cursor: ResealCursor | null = RESEAL_START; cursor !== null; ) {
          const slice: Resealed = resealRows(tx, box, cursor);
          count += slice.count;
          unreadable += slice.unreadable.length;
          cursor = slice.next;
        }
        return { count, unreadable };
      },
      { behavior: "immediate" },
    );
  } finally {
    file.close();
  }
}
