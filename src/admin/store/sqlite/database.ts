// The open database and what every part of the store needs of it.
import { Database as File } from "bun:sqlite";
import { join } from "node:path";
import { and, eq } from "drizzle-orm";
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import { migrate } from "drizzle-orm/bun-sqlite/migrator";
import type { SecretBox } from "../../secret-box.ts";
import { changes, type documents } from "../schema.ts";
import type { DocumentKey } from "../store.ts";

export type Transaction = Parameters<Parameters<BunSQLiteDatabase["transaction"]>[0]>[0];
/** What reads: the database itself, or a transaction. */
export type Reader = BunSQLiteDatabase | Transaction;

export interface SqliteOptions {
  /** File path, or ":memory:". */
  readonly path: string;
  /** Seals the documents. */
  readonly box: SecretBox;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Transactions are synchronous inside: an async body would commit at its first await. */
export class Database {
  readonly reader: BunSQLiteDatabase;
  readonly #file: File;
  readonly #box: SecretBox;
  readonly #now: () => number;
  readonly #listeners = new Set<(revision: number) => void>();

  constructor(options: SqliteOptions) {
    this.#file = new File(options.path, { create: true, strict: true });
    // WAL with synchronous=FULL: what is acknowledged survives kill -9 and power loss.
    this.#file.run("PRAGMA journal_mode = WAL");
    this.#file.run("PRAGMA synchronous = FULL");
    this.#file.run("PRAGMA foreign_keys = ON");
    this.#file.run("PRAGMA busy_timeout = 5000");
    this.reader = drizzle({ client: this.#file });
    migrate(this.reader, { migrationsFolder: join(import.meta.dir, "../migrations") });
    this.#box = options.box;
    this.#now = options.now;
  }

  transaction<Result>(body: (tx: Transaction) => Result): Result {
    return this.reader.transaction(body, { behavior: "immediate" });
  }

  /** Tells the listeners of a commit. Call it after the transaction, never in it. */
  announce(revision: number): void {
    for (const listener of this.#listeners) listener(revision);
  }

  onCommit(listener: (revision: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Now, as rows keep it. */
  timestamp(): string {
    return new Date(this.#now()).toISOString();
  }

  /** A document sealed for its row. */
  seal({ kind, id }: DocumentKey, version: number, body: string): Buffer {
    return this.#box.seal(Buffer.from(body), sealContext(kind, id, version));
  }

  /** The document of a row. Throws when another key sealed it: data directory and key do not belong together. */
  open(row: typeof documents.$inferSelect): string | null {
    if (row.body === null) return null;
    const context = sealContext(row.kind, row.ownerId, row.version);
    const body = this.#box.open(Buffer.from(row.body), context);
    if (body === null) throw new Error(`${context} does not open with this secret key`);
    return body.toString();
  }

  close(): void {
    this.#listeners.clear();
    this.#file.close();
  }
}

function sealContext(kind: string, ownerId: string, version: number): string {
  return `document/${kind}/${ownerId}/${version}`;
}

/** Notes that an entity changed. Answers the revision that the transaction makes. */
export function recordChange(tx: Transaction, { kind, id }: DocumentKey): number {
  tx.delete(changes)
    .where(and(eq(changes.kind, kind), eq(changes.entityId, id)))
    .run();
  return tx
    .insert(changes)
    .values({ kind, entityId: id })
    .returning({ revision: changes.revision })
    .get().revision;
}
