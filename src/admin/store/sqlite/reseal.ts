// Values under another key, some at a time, while everything else goes on.
import { eq, gt, sql } from "drizzle-orm";
import { Resealer } from "../resealer.ts";
import type { ValueBox } from "../sealed.ts";
import { sealContext, targetContext } from "../sealed-context.ts";
import { aliases, documents } from "./schema.ts";
import type { Transaction } from "./transaction.ts";

/** Rows that one transaction looks at: documents have up to 125 KB. */
const ROWS = 16;

const rowid = sql<number>`rowid`;

/** How far a walk over all values is. */
export interface ResealCursor {
  readonly table: "documents" | "aliases";
  readonly after: number;
}

export const RESEAL_START: ResealCursor = { table: "documents", after: 0 };

export interface Resealed {
  /** Where to go on; null: that was the last. */
  readonly next: ResealCursor | null;
  /** Values that had another key. */
  readonly count: number;
  /** What is sealed with none of the keys, and stays as it is. */
  readonly unreadable: readonly string[];
}

/** Seals those of the next rows anew that are not sealed as the box seals now. Their versions stay: nothing changes for readers. */
export function resealRows(tx: Transaction, box: ValueBox, cursor: ResealCursor): Resealed {
  const walk = new Resealer(box);
  const last =
    cursor.table === "documents"
      ? documentRows(tx, walk, cursor.after)
      : aliasRows(tx, walk, cursor.after);
  const { count, unreadable } = walk;
  return { next: nextOf(cursor.table, last), count, unreadable };
}

function documentRows(tx: Transaction, walk: Resealer, after: number): number | null {
  const rows = tx
    .select({ at: rowid, row: documents })
    .from(documents)
    .where(gt(rowid, after))
    .orderBy(rowid)
    .limit(ROWS)
    .all();
  for (const { at, row } of rows) {
    const { kind, ownerId, version } = row;
    const body = walk.anew(row.body, sealContext("body", kind, ownerId, version));
    const hooks = walk.anew(row.hooks, sealContext("hooks", kind, ownerId, version));
    if (body === row.body && hooks === row.hooks) continue;
    tx.update(documents).set({ body, hooks }).where(eq(rowid, at)).run();
  }
  return lastOf(rows);
}

function aliasRows(tx: Transaction, walk: Resealer, after: number): number | null {
  const rows = tx
    .select({ at: rowid, id: aliases.id, target: aliases.target })
    .from(aliases)
    .where(gt(rowid, after))
    .orderBy(rowid)
    .limit(ROWS)
    .all();
  for (const { at, id, target } of rows) {
    const anew = walk.anew(target, targetContext(id));
    if (anew !== target) tx.update(aliases).set({ target: anew }).where(eq(rowid, at)).run();
  }
  return lastOf(rows);
}

/** Null: there are no more. */
function lastOf(rows: readonly { readonly at: number }[]): number | null {
  return rows.length < ROWS ? null : (rows.at(-1)?.at ?? null);
}

function nextOf(table: ResealCursor["table"], last: number | null): ResealCursor | null {
  if (last !== null) return { table, after: last };
  return table === "documents" ? { table: "aliases", after: 0 } : null;
}
