// The open database and what every part of the store needs of it.
import type { SQL } from "drizzle-orm";
import { count } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import type { PgTable } from "drizzle-orm/pg-core";
import { AccountQuotaReached, type AccountQuotas } from "../account-quotas.ts";
import { callEvent } from "../call-event.ts";
import type { PoolUse } from "../pool-use.ts";
import type { CommittedResult, DocumentKey, Revised } from "../records.ts";
import type { ValueBox } from "../sealed.ts";
import { type SealedPart, sealContext, targetContext } from "../sealed-context.ts";
import { CommitListener } from "./commit-listener.ts";
import type { Connections } from "./connections.ts";
import { withEvent } from "./event-rows.ts";
import { KEY_CONTEXT } from "./prepare-database.ts";
import { runningName } from "./running-name.ts";
import type { aliases, documents } from "./schema.ts";
import type { Reader, Transaction } from "./transaction.ts";
import { WriteLane } from "./write-lane.ts";

export interface DatabaseOptions {
  /** Seals documents and targets of aliases. */
  readonly box: ValueBox;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** What one account may have; no limits when unset. */
  readonly quotas?: AccountQuotas;
}

/** Connections for reads. */
export interface Reads {
  /** Single statements, each on any connection. */
  readonly reader: Reader;
  /** Runs reads on one state of the database. */
  look<Result>(body: (reader: Reader) => Promise<Result>): Promise<Result>;
}

export class Database implements Reads {
  /** Single statements, each on any connection. */
  readonly reader: Reader;
  /** Connections that calls of the API do not take. */
  readonly feed: Reads;
  readonly #connections: Connections;
  readonly #feedConnections: Connections;
  readonly #options: DatabaseOptions;
  readonly #lane: WriteLane;
  readonly #heard: CommitListener;

  /** `revision`: the last committed one. */
  constructor(
    connections: Connections,
    feedConnections: Connections,
    options: DatabaseOptions,
    revision: number,
  ) {
    this.#connections = connections;
    this.#feedConnections = feedConnections;
    this.feed = readsOn(feedConnections);
    this.#options = options;
    this.reader = drizzle({ client: connections.pool });
    const { box } = options;
    this.#heard = new CommitListener(feedConnections, revision, () => runningName(box.keyIds));
    this.#lane = new WriteLane(
      connections,
      (revision) => this.#heard.committed(revision),
      (sealed) => box.sealAs(sealed, KEY_CONTEXT),
    );
  }

  /** Runs reads on one state of the database. */
  look<Result>(body: (reader: Reader) => Promise<Result>): Promise<Result> {
    return lookOn(this.#connections, body);
  }

  /** A transaction that makes no revision; `body` may run again. It runs one at a time over all processes, as `write` does. */
  transaction<Result>(body: (tx: Transaction) => Promise<Result>): Promise<Result> {
    return this.#run(body);
  }

  /** A transaction that may make a revision, which the listeners hear once it is committed. `body` may run again. */
  write<Result extends Revised | string | null>(
    body: (tx: Transaction) => Promise<Result>,
  ): Promise<CommittedResult<Result>> {
    return this.#run(async (tx) => {
      const result = await body(tx);
      const committed =
        typeof result === "object" && result !== null ? { ...result, lineage: tx.lineage } : result;
      return committed as CommittedResult<Result>;
    });
  }

  /** With the event of the call that waits for it: the lane runs bodies of many calls. */
  async #run<Result>(body: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const call = callEvent.getStore();
    if (call === undefined || call.isRecorded) return this.#lane.run(body);
    const { result, isRecorded } = await this.#lane.run((tx) =>
      withEvent(() => this.timestamp(), tx, call, body),
    );
    call.isRecorded = isRecorded;
    return result;
  }

  /** Throws AccountQuotaReached, which takes the write back, when there are quotas and one of them is reached. */
  async checkQuota(isReached: (quotas: AccountQuotas) => Promise<boolean>): Promise<void> {
    const { quotas } = this.#options;
    if (quotas !== undefined && (await isReached(quotas))) throw new AccountQuotaReached();
  }

  onCommit(listener: (revision: number) => void): () => void {
    return this.#heard.add(listener);
  }

  /** Now, as rows keep it. */
  timestamp(): string {
    return new Date(this.#options.now()).toISOString();
  }

  /** A part of a document sealed for its row; null stays null. */
  seal(
    part: SealedPart,
    { kind, id }: DocumentKey,
    version: number,
    text: string | null,
  ): Buffer | null {
    if (text === null) return null;
    return this.#options.box.seal(Buffer.from(text), sealContext(part, kind, id, version));
  }

  /** A part of a row's document. Throws when another key sealed it. */
  open(part: SealedPart, row: typeof documents.$inferSelect): string | null {
    const sealed = row[part];
    if (sealed === null) return null;
    const context = sealContext(part, row.kind, row.ownerId, row.version);
    const text = this.#options.box.open(sealed, context);
    if (text !== null) return text.toString();
    throw new Error(`${context} does not open with this secret key`);
  }

  /** The target of an alias sealed for its row; null stays null. */
  sealTarget(aliasId: string, target: string | null): Buffer | null {
    if (target === null) return null;
    return this.#options.box.seal(Buffer.from(target), targetContext(aliasId));
  }

  /** The target of an alias. Throws when another key sealed it. */
  openTarget({ id, target }: Pick<typeof aliases.$inferSelect, "id" | "target">): string | null {
    if (target === null) return null;
    const text = this.#options.box.open(target, targetContext(id));
    if (text !== null) return text.toString();
    throw new Error(`${targetContext(id)} does not open with this secret key`);
  }

  pools(): readonly PoolUse[] {
    return [
      { name: "api", ...this.#connections.use },
      { name: "feed", ...this.#feedConnections.use },
    ];
  }

  async close(): Promise<void> {
    await this.#heard.close();
    await this.#lane.idle();
    await this.#connections.close();
    await this.#feedConnections.close();
  }
}

function readsOn(connections: Connections): Reads {
  const reader = drizzle({ client: connections.pool });
  return { reader, look: (body) => lookOn(connections, body) };
}

function lookOn<Result>(
  connections: Connections,
  body: (reader: Reader) => Promise<Result>,
): Promise<Result> {
  return connections.transaction("begin isolation level repeatable read read only", (client) =>
    body(drizzle({ client })),
  );
}

/** The rows of a table that a condition holds of. */
export async function countOf(
  reader: Reader,
  table: PgTable,
  where: SQL | undefined,
): Promise<number> {
  const [row] = await reader.select({ n: count() }).from(table).where(where);
  return row?.n ?? 0;
}

/** Notes that an entity changed. Answers its revision. */
export function recordChange(tx: Transaction, key: DocumentKey): number {
  return tx.nextRevision(key);
}
