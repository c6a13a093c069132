// Group commit: writes that wait together commit together. One transaction at a time writes, over all processes.
import { drizzle } from "drizzle-orm/node-postgres";
import { escapeLiteral, type PoolClient, type QueryResult } from "pg";
import { NO_LINEAGE } from "../../../policy/lineage.ts";
import type { DocumentKey } from "../records.ts";
import { StoreUnavailable } from "../store-errors.ts";
import type { Connections } from "./connections.ts";
import { sqlState } from "./failures.ts";
import {
  beginLineage,
  LAST_LINEAGE,
  type LockedLineage,
  lineageFor,
  type PresentLineage,
  SOURCE,
} from "./lineages.ts";
import { SCHEMA_VERSION } from "./prepare-database.ts";
import type { Transaction } from "./transaction.ts";

/** Writes in one transaction. */
const BATCH_MAX = 64;
/** Writes that wait; more would wait longer than their callers do. */
const WAITING_MAX = 10_000;

/**
 * The lock of the revision's row is taken first and kept to the commit: what a write checks stays as it is until it is stored,
 * with any number of control planes, and revisions are in the order of commits.
 */
const BEGIN = `begin;
  select value, min_version, tag, coalesce(source, '') as source, ${SOURCE} as present_source
  from realmgate.revisions left join lateral (${LAST_LINEAGE}) as lineage on true
  for update of revisions;
  select sealed from realmgate.secret_key`;

/**
 * Told with which key the database is sealed, while no other process writes; false: this one does not have that key. A statement
 * of its own: that of the lock sees what was there before it waited.
 */
export type SealsAs = (sealed: Buffer) => boolean;

/** Serialization failure, deadlock. Bodies run again. */
const RETRIED = new Set(["40001", "40P01"]);
const ATTEMPTS_MAX = 3;

interface Waiting {
  /** Monotonic, in milliseconds. */
  readonly untilMs: number;
  readonly body: (tx: Transaction) => Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What BEGIN reads. */
interface LockedRow extends LockedLineage {
  readonly value: string;
  readonly min_version: number;
}

type Settled = { readonly result: unknown } | { readonly error: unknown };

export class WriteLane {
  readonly #connections: Connections;
  readonly #waitMs: number;
  readonly #committed: (revision: number) => void;
  readonly #sealsAs: SealsAs;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;

  /** `committed` hears the last revision of each transaction that made some. */
  constructor(connections: Connections, committed: (revision: number) => void, sealsAs: SealsAs) {
    this.#connections = connections;
    this.#waitMs = connections.timeoutMs;
    this.#committed = committed;
    this.#sealsAs = sealsAs;
  }

  run<Result>(body: (tx: Transaction) => Promise<Result>): Promise<Result> {
    if (this.#waiting.length >= WAITING_MAX) {
      return Promise.reject(new StoreUnavailable("too many writes wait for the database"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({
      untilMs: performance.now() + this.#waitMs,
      body,
      resolve: resolve as (result: unknown) => void,
      reject,
    });
    this.#running ??= this.#drain();
    return promise;
  }

  /** Resolves when nothing is written any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX).filter(isInTime);
      if (batch.length === 0) continue;
      try {
        const settled = await this.#attempt(batch, ATTEMPTS_MAX);
        batch.forEach((write, index) => {
          const outcome = settled[index];
          if (outcome !== undefined && "result" in outcome) write.resolve(outcome.result);
          else write.reject(outcome?.error);
        });
      } catch (error) {
        for (const write of batch) write.reject(error);
      }
    }
    this.#running = null;
  }

  async #attempt(batch: readonly Waiting[], attempts: number): Promise<readonly Settled[]> {
    try {
      return await this.#commit(batch);
    } catch (error) {
      if (attempts > 1 && RETRIED.has(sqlState(error) ?? "")) {
        return this.#attempt(batch, attempts - 1);
      }
      throw error;
    }
  }

  /** Sealed with an older key it would be left behind when that key goes. */
  #refuseUnknownKey(keys: QueryResult | undefined): void {
    const sealed: Buffer | undefined = keys?.rows[0]?.sealed;
    if (sealed !== undefined && this.#sealsAs(sealed)) return;
    throw new StoreUnavailable("the database has a newer secret key: give it to this process");
  }

  async #commit(batch: readonly Waiting[]): Promise<readonly Settled[]> {
    const changes = new ChangeLog();
    const settled = await this.#connections.transaction(
      BEGIN,
      async (client, [, locked, keys]) => {
        const row = lockedRow(locked);
        this.#refuseUnknownKey(keys);
        refuseNewerTables(row.min_version);
        changes.startAfter(Number(row.value), lineageFor(row));
        const tx = transactionOf(client, changes);
        const [only] = batch;
        if (batch.length === 1 && only !== undefined) return [{ result: await only.body(tx) }];
        const outcomes: Settled[] = [];
        for (const write of batch) outcomes.push(await withSavepoint(client, changes, tx, write));
        return outcomes;
      },
      () => changes.statements(),
    );
    if (changes.isChanged) this.#committed(changes.last);
    return settled;
  }
}

function lockedRow(locked: QueryResult | undefined): LockedRow {
  const row: LockedRow | undefined = locked?.rows[0];
  if (row === undefined) throw new Error("the database has no revision");
  return row;
}

/** A newer program may migrate the tables while this one runs. */
function refuseNewerTables(minVersion: number): void {
  if (minVersion > SCHEMA_VERSION) {
    throw new StoreUnavailable("a newer version of this program has taken over the database");
  }
}

/** Rejects a write whose caller has waited for as long as a statement may take. */
function isInTime({ untilMs, reject }: Waiting): boolean {
  if (performance.now() <= untilMs) return true;
  reject(new StoreUnavailable("the writes before it took too long"));
  return false;
}

/** What the writes of one transaction change. */
class ChangeLog {
  #lineage: PresentLineage = { tag: NO_LINEAGE, begins: null };
  #first = 0;
  #last = 0;
  /** By entity, as a literal row without its revision. */
  #revisions = new Map<string, number>();

  startAfter(revision: number, lineage: PresentLineage): void {
    if (!Number.isSafeInteger(revision)) throw new Error("the database has no revision");
    this.#first = revision;
    this.#last = revision;
    this.#lineage = lineage;
  }

  get lineage(): string {
    return this.#lineage.tag;
  }

  get last(): number {
    return this.#last;
  }

  get isChanged(): boolean {
    return this.#last > this.#first;
  }

  readonly next = ({ kind, id }: DocumentKey): number => {
    this.#last++;
    this.#revisions.set(`${escapeLiteral(kind)}, ${escapeLiteral(id)}`, this.#last);
    return this.#last;
  };

  /** Answers how to come back to now. */
  mark(): () => void {
    const last = this.#last;
    const revisions = new Map(this.#revisions);
    return () => {
      this.#last = last;
      this.#revisions = revisions;
    };
  }

  /** SQL that stores it. */
  statements(): string {
    if (!this.isChanged) return "";
    const rows = [...this.#revisions].map(([entity, revision]) => `(${entity}, ${revision})`);
    const { tag, begins } = this.#lineage;
    const lineage = begins === null ? "" : beginLineage(this.#first, tag, begins);
    return `${lineage}update realmgate.revisions set value = ${this.#last};
      insert into realmgate.changes (kind, entity_id, revision, server_id, project_id)
      select made.kind, made.id, made.revision, at.server_id, at.project_id
      from (values ${rows.join()}) as made (kind, id, revision)
      left join realmgate.containers as at on made.kind = 'container' and at.id = made.id
      on conflict (kind, entity_id) do update set revision = excluded.revision,
        server_id = coalesce(excluded.server_id, changes.server_id),
        project_id = coalesce(excluded.project_id, changes.project_id);`;
  }
}

function transactionOf(client: PoolClient, changes: ChangeLog): Transaction {
  return Object.assign(drizzle({ client }), {
    nextRevision: changes.next,
    lineage: changes.lineage,
  });
}

/** A write that fails takes nothing back but its own. Throws when the transaction cannot go on. */
async function withSavepoint(
  client: PoolClient,
  changes: ChangeLog,
  tx: Transaction,
  { body }: Waiting,
): Promise<Settled> {
  await client.query("savepoint one");
  const forget = changes.mark();
  try {
    const result = await body(tx);
    await client.query("release savepoint one");
    return { result };
  } catch (error) {
    if (RETRIED.has(sqlState(error) ?? "")) throw error;
    await client.query("rollback to savepoint one");
    forget();
    return { error };
  }
}
