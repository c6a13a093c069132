// Copies of a database file, and its values under another key.
import { Database as File } from "bun:sqlite";
import { closeSync, fsyncSync, openSync } from "node:fs";
import { and, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import type { SecretBox } from "../sealed.ts";
import { aliases, documents } from "./schema.ts";
import { resealDocument, resealTarget } from "./sealed-values.ts";

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

/**
 * Seals every value anew, all of them or, when the process ends before, none. Returns how many. Throws when one does not open
 * with the old key. No other process may use the database.
 */
export function resealDatabase(path: string, from: SecretBox, to: SecretBox): number {
  const file = new File(path, { readwrite: true, create: false });
  try {
    file.run("PRAGMA synchronous = FULL");
    return drizzle({ client: file }).transaction(
      (tx) => {
        let count = 0;
        for (const row of tx.select().from(documents).all()) {
          const { body, hooks } = resealDocument(row, from, to);
          if (body === null && hooks === null) continue;
          const { kind, ownerId } = documents;
          tx.update(documents)
            .set({ body, hooks })
            .where(and(eq(kind, row.kind), eq(ownerId, row.ownerId)))
            .run();
          count++;
        }
        for (const { id, target } of tx.select().from(aliases).all()) {
          if (target === null) continue;
          const anew = resealTarget(id, target, from, to);
          tx.update(aliases).set({ target: anew }).where(eq(aliases.id, id)).run();
          count++;
        }
        return count;
      },
      { behavior: "immediate" },
    );
  } finally {
    file.close();
  }
}
