// The open database and what every part of the store needs of it.
import { Database as File } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import { and, count, desc, eq, isNotNull, max, notInArray, type SQL, sql } from "drizzle-orm";
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import { migrate } from "drizzle-orm/bun-sqlite/migrator";
import { readMigrationFiles } from "drizzle-orm/migrator";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import { AccountQuotaReached, type AccountQuotas } from "../account-quotas.ts";
import { callEvent } from "../call-event.ts";
import { lineagesMax } from "../limits.ts";
import { migrationsFolder } from "../migrations-folder.ts";
import type { Committed, CommittedResult, DocumentKey, Revised } from "../records.ts";
import type { ValueBox } from "../sealed.ts";
import { type SealedPart, sealContext, targetContext } from "../sealed-context.ts";
import { OtherSecretKey, StorageFull } from "../store-errors.ts";
import { DiskReserve, isEssential } from "./disk-reserve.ts";
import { withEvent } from "./event-rows.ts";
import { isFull, storeError } from "./failures.ts";
import { type ResealCursor, type Resealed, resealRows } from "./reseal.ts";
import { aliases, changes, type documents, lineages } from "./schema.ts";
import { hasOwnKey, opened } from "./sealed-values.ts";
import type { Reader, Transaction } from "./transaction.ts";
import { WholeMark } from "./whole-mark.ts";
import { WriteQueue } from "./write-queue.ts";

export type { Reader, Transaction };

export interface SqliteOptions {
  /** File path, or ":memory:". */
  readonly path: string;
  /** Seals documents and targets of aliases. */
  readonly box: ValueBox;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** What one account may have; no limits when unset. */
  readonly quotas?: AccountQuotas;
}

/** Where the key of a file may be, and how to get on when it is changing. */
export const keyPlaces =
  "REALMGATE_SECRET_KEY, or secret.key in the data directory; run rotate-key again if it was interrupted";

const inMemory = ":memory:";
/** How long a connection waits for another's lock. */
const busyMs = 5000;

/** `user_version` of a file in which all that may be a credential is sealed. */
const SEALED_VERSION = 1;

/** The lock is taken at once: a transaction that asks for it later may be refused. */
const IMMEDIATE = { behavior: "immediate" } as const;

/** Transactions are synchronous inside: an async body would commit at its first await. */
export class Database {
  readonly reader: BunSQLiteDatabase;
  readonly #file: File;
  readonly #box: ValueBox;
  readonly #now: () => number;
  /** Null: there are none. */
  readonly #quotas: AccountQuotas | null;
  /** Null: in memory. */
  #mark: WholeMark | null = null;
  /** Null: in memory. */
  #reserve: DiskReserve | null = null;
  readonly #listeners = new Set<(revision: number) => void>();
  /** Of the revisions that this process makes: the file may be a copy that others went on from, too. */
  readonly #lineage = randomBytes(8).toString("hex");
  /** Whether the file names it: it does from the first write on. */
  #hasLineage = false;
  /** What runs now. */
  #open: Transaction | null = null;
  readonly #writes = new WriteQueue({
    around: (body) => {
      this.reader.transaction((tx) => this.#runIn(tx, body), IMMEDIATE);
      this.#committedToFile();
    },
    makesRoom: (error) => isFull(error) && (this.#reserve?.release() ?? false),
    within: (body) => this.#tx().transaction((tx) => this.#runIn(tx, body)),
    isOpen: () => this.#file.inTransaction,
  });

  constructor(options: SqliteOptions) {
    this.#file = new File(options.path, { create: true, strict: true });
    this.#box = options.box;
    this.#quotas = options.quotas ?? null;
    this.#now = options.now;
    try {
      this.#refuseOtherKey();
      this.reader = this.#prepare(options.path);
      this.#mark?.opened();
      if (options.path !== inMemory) this.#reserve = new DiskReserve(options.path);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #prepare(path: string): BunSQLiteDatabase {
    // WAL with synchronous=FULL: what is acknowledged survives kill -9 and power loss.
    this.#file.run("PRAGMA journal_mode = WAL");
    this.#file.run("PRAGMA synchronous = FULL");
    this.#file.run(`PRAGMA busy_timeout = ${busyMs}`);
    if (path !== inMemory) this.#mark = new WholeMark(this.#file, path, busyMs);
    const reader = drizzle({ client: this.#file });
    // A migration that makes a table anew drops the old one: with foreign keys on, all that hangs on it would go, too.
    this.#file.run("PRAGMA foreign_keys = OFF");
    migrateTo(reader, migrationsFolder("sqlite"));
    this.#file.run("PRAGMA foreign_keys = ON");
    this.#sealTargets(reader);
    return reader;
  }

  /** Once for each file: targets of aliases used to lie in the clear. What was deleted earlier goes as well. */
  #sealTargets(reader: BunSQLiteDatabase): void {
    if (Number(reader.get<[number]>(sql`pragma user_version`)[0]) >= SEALED_VERSION) return;
    const inClear = isNotNull(aliases.plainTarget);
    reader.transaction((tx) => {
      for (const { id, plainTarget } of tx.select().from(aliases).where(inClear).all()) {
        const target = this.sealTarget(id, plainTarget);
        tx.update(aliases).set({ target, plainTarget: null }).where(eq(aliases.id, id)).run();
      }
    });
    // Free pages and the write-ahead log still have the old bytes.
    this.#file.run("VACUUM");
    this.#file.run("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#file.run(`PRAGMA user_version = ${SEALED_VERSION}`);
  }

  /** Before anything is written: with another key every document would be a failure, one request at a time. */
  #refuseOtherKey(): void {
    if (!hasOwnKey(this.#file, this.#box)) {
      throw new OtherSecretKey(keyPlaces);
    }
  }

  /** A transaction that makes no revision. Resolves once it is durable. */
  transaction<Result>(body: (tx: Transaction) => Result): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const refused = this.#refusedForRoom();
    if (refused !== null) return Promise.reject(refused);
    const audited = this.#audited(body);
    let result: Result;
    this.#writes.add({
      isEssential: isEssentialCall(),
      run: () => {
        result = audited.run(this.#tx());
      },
      settle: (outcome) => {
        if (outcome !== null) return reject(storeError(outcome.error));
        audited.committed();
        resolve(result);
      },
    });
    return promise;
  }

  /** With the event of the call that asks for it: the queue runs the bodies of many calls. */
  #audited<Result>(body: (tx: Transaction) => Result) {
    const call = callEvent.getStore();
    if (call === undefined || call.isRecorded) return { run: body, committed: () => {} };
    let isRecorded = false;
    return {
      run: (tx: Transaction): Result => {
        const done = withEvent(() => this.timestamp(), tx, call, body);
        ({ isRecorded } = done);
        return done.result;
      },
      committed: () => {
        call.isRecorded = isRecorded;
      },
    };
  }

  /** A transaction that may make a revision, which the listeners are told once it is committed. They do not throw. */
  write<Result extends Revised | string | null>(
    body: (tx: Transaction) => Result,
  ): Promise<CommittedResult<Result>> {
    const { promise, resolve, reject } = Promise.withResolvers<CommittedResult<Result>>();
    const refused = this.#refusedForRoom();
    if (refused !== null) return Promise.reject(refused);
    const audited = this.#audited(body);
    let result: Result;
    this.#writes.add({
      isEssential: isEssentialCall(),
      run: () => {
        const tx = this.#tx();
        const before = this.#hasLineage ? null : lastRevision(tx);
        result = audited.run(tx);
        if (before !== null && isRevised(result)) beginLineage(tx, before, this.#lineage);
      },
      settle: (outcome) => {
        if (outcome !== null) return reject(storeError(outcome.error));
        audited.committed();
        resolve(this.#committed(result));
      },
    });
    return promise;
  }

  /** The write is durable by then: a checkpoint that fails is made with a later one. */
  #committedToFile(): void {
    try {
      this.#mark?.committed();
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#reserve?.release();
      this.#mark?.opened();
    }
  }

  /** After the disk was full, what room there is is for essential calls until there is enough again. */
  #refusedForRoom(): StorageFull | null {
    const isShort = this.#reserve?.isShort === true;
    return isShort && !isEssentialCall() ? new StorageFull() : null;
  }

  #runIn(tx: Transaction, body: () => void): void {
    const outer = this.#open;
    this.#open = tx;
    try {
      body();
    } finally {
      this.#open = outer;
    }
  }

  #tx(): Transaction {
    if (this.#open === null) throw new Error("there is no transaction");
    return this.#open;
  }

  #committed<Result extends Revised | string | null>(result: Result): CommittedResult<Result> {
    if (!isRevised(result)) return result as CommittedResult<Result>;
    this.#hasLineage = true;
    const revised: Revised = result;
    const committed: Committed = { ...revised, lineage: this.#lineage };
    for (const listener of this.#listeners) listener(committed.revision);
    return committed as CommittedResult<Result>;
  }

  /** Throws AccountQuotaReached, which takes the transaction back, when there are quotas and one of them is reached. */
  checkQuota(isReached: (quotas: AccountQuotas) => boolean): void {
    if (this.#quotas !== null && isReached(this.#quotas)) throw new AccountQuotaReached();
  }

  onCommit(listener: (revision: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Now, as rows keep it. */
  timestamp(): string {
    return new Date(this.#now()).toISOString();
  }

  /** A part of a document sealed for its row; null stays null. */
  seal(
    part: SealedPart,
    { kind, id }: DocumentKey,
    version: number,
    text: string | null,
  ): Buffer | null {
    if (text === null) return null;
    return this.#box.seal(Buffer.from(text), sealContext(part, kind, id, version));
  }

  /** A part of a row's document. Throws when another key sealed it: data directory and key do not belong together. */
  open(part: SealedPart, row: typeof documents.$inferSelect): string | null {
    if (row[part] === null) return null;
    const text = opened(this.#box, part, row);
    if (text !== null) return text.toString();
    const context = sealContext(part, row.kind, row.ownerId, row.version);
    throw new Error(`${context} does not open with this secret key`);
  }

  /** The target of an alias sealed for its row; null stays null. */
  sealTarget(aliasId: string, target: string | null): Buffer | null {
    return target === null ? null : this.#box.seal(Buffer.from(target), targetContext(aliasId));
  }

  /** The target of an alias. Throws when another key sealed it. */
  openTarget({ id, target }: Pick<typeof aliases.$inferSelect, "id" | "target">): string | null {
    if (target === null) return null;
    const text = this.#box.open(Buffer.from(target), targetContext(id));
    if (text !== null) return text.toString();
    throw new Error(`${targetContext(id)} does not open with this secret key`);
  }

  /** Seals values of some rows anew; see resealRows. What is written meanwhile is sealed with the first key already. */
  reseal(cursor: ResealCursor): Promise<Resealed> {
    // The old key must open nothing that is left in free pages.
    this.#file.run("PRAGMA secure_delete = ON");
    return this.transaction((tx) => resealRows(tx, this.#box, cursor));
  }

  close(): void {
    this.#writes.flush();
    this.#listeners.clear();
    this.#mark?.closing();
    this.#mark = null;
    this.#file.close();
  }
}

/** Whether the call that runs may use the room that is set aside. */
function isEssentialCall(): boolean {
  const call = callEvent.getStore();
  return call !== undefined && isEssential(call.draft.kind);
}

function isRevised<Result>(result: Result): result is Result & Revised {
  return typeof result === "object" && result !== null;
}

/** The number of the last change. */
export function lastRevision(reader: Reader): number {
  return (
    reader
      .select({ value: max(changes.revision) })
      .from(changes)
      .get()?.value ?? 0
  );
}

/** Unless an earlier write of the same transaction has. */
function beginLineage(tx: Transaction, fromRevision: number, tag: string): void {
  const latest = tx.select().from(lineages).orderBy(desc(lineages.fromRevision)).limit(1).get();
  if (latest?.tag === tag) return;
  tx.insert(lineages)
    .values({ fromRevision, tag })
    .onConflictDoUpdate({ target: lineages.fromRevision, set: { tag } })
    .run();
  const kept = tx
    .select({ fromRevision: lineages.fromRevision })
    .from(lineages)
    .orderBy(desc(lineages.fromRevision))
    .limit(lineagesMax);
  tx.delete(lineages).where(notInArray(lineages.fromRevision, kept)).run();
}

/** Throws when another version of the program, which knows more migrations, has written the database. */
function migrateTo(reader: BunSQLiteDatabase, migrationsFolder: string): void {
  migrate(reader, { migrationsFolder });
  const known = Math.max(
    ...readMigrationFiles({ migrationsFolder }).map((each) => each.folderMillis),
  );
  const applied = reader.get<[number]>(sql`select max(created_at) from __drizzle_migrations`);
  if (Number(applied[0]) > known) {
    throw new Error("the database was written by a newer version of this program");
  }
}

/** The rows of a table that a condition holds of. */
export function countOf(reader: Reader, table: SQLiteTable, where: SQL | undefined): number {
  return reader.select({ n: count() }).from(table).where(where).get()?.n ?? 0;
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
