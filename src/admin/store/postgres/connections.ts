// Connections to PostgreSQL: a bounded pool, deadlines on everything, and transactions that never give a broken connection back.
import { Client, type ClientConfig, Pool, type PoolClient, type QueryResult } from "pg";
import type { PoolUse } from "../pool-use.ts";
import { WriteOutcomeUnknown } from "../store-errors.ts";
import { isSilence, sqlState } from "./failures.ts";

export interface ConnectionOptions {
  /** `postgres://…` */
  readonly url: string;
  /** Connections at most. */
  readonly poolMax?: number;
  /** Of each statement, of waiting for a lock and for a connection, in milliseconds. */
  readonly timeoutMs?: number;
}

const NO_DEADLINES: ClientConfig = {
  statement_timeout: 0,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: 0,
  query_timeout: 0,
};

export class Connections {
  readonly pool: Pool;
  /** The deadline of each statement. */
  readonly timeoutMs: number;
  readonly #config: ClientConfig;

  constructor({ url, poolMax = 10, timeoutMs = 5_000 }: ConnectionOptions) {
    this.timeoutMs = timeoutMs;
    this.#config = {
      connectionString: url,
      application_name: "realmgate",
      connectionTimeoutMillis: timeoutMs,
      statement_timeout: timeoutMs,
      lock_timeout: timeoutMs,
      idle_in_transaction_session_timeout: timeoutMs,
      // The server's own deadline comes first; this one ends calls to a server that has fallen silent.
      query_timeout: timeoutMs + 500,
      keepAlive: true,
    };
    this.pool = new Pool({ ...this.#config, max: poolMax, idleTimeoutMillis: 60_000 });
    // An idle connection that is cut: the pool forgets it. Without a listener the process would end.
    this.pool.on("error", () => {});
  }

  /**
   * Runs `body` between `begin` and COMMIT. Resolves only when the server says that it committed. A connection that failed is
   * closed and never used again. `begin` may be several statements, `end` is sent with the COMMIT.
   */
  async transaction<Result>(
    begin: string,
    body: (client: PoolClient, begun: readonly QueryResult[]) => Promise<Result>,
    end: () => string = () => "",
  ): Promise<Result> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error) => {
      broken = error;
    };
    client.on("error", onError);
    try {
      const begun = await client.query(begin);
      const result = await body(client, Array.isArray(begun) ? begun : [begun]);
      await commit(client, end());
      return result;
    } catch (error) {
      broken ??= await rolledBack(client, error);
      throw error;
    } finally {
      client.removeListener("error", onError);
      client.release(broken);
    }
  }

  get use(): Omit<PoolUse, "name"> {
    const { totalCount, idleCount, waitingCount } = this.pool;
    return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
  }

  /** A connection of its own, outside the pool; the caller ends it. `isPatient`: its statements have no deadline. */
  async connect({ isPatient = false } = {}): Promise<Client> {
    const client = new Client(isPatient ? { ...this.#config, ...NO_DEADLINES } : this.#config);
    client.on("error", () => {});
    try {
      await client.connect();
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    return client;
  }

  async close(): Promise<void> {
    if (!this.pool.ended) await this.pool.end();
  }
}

/** A COMMIT of a transaction that had failed resolves, too: as ROLLBACK. */
async function commit(client: PoolClient, before: string): Promise<void> {
  const answer = await client.query(`${before}commit`).catch((error) => {
    if (sqlState(error) !== null && !endsConnection(error)) throw error;
    throw new WriteOutcomeUnknown(
      "the connection broke while a write was stored: it may be stored",
      {
        cause: error,
      },
    );
  });
  const last = Array.isArray(answer) ? answer.at(-1) : answer;
  if (last?.command !== "COMMIT") throw new Error("the database took the transaction back");
}

/** Takes the transaction back. Answers why the connection cannot be used any more. */
async function rolledBack(client: PoolClient, error: unknown): Promise<Error | undefined> {
  if (error instanceof WriteOutcomeUnknown) return error;
  // A server that has fallen silent would not answer this either.
  if (error instanceof Error && isSilence(error)) return error;
  try {
    await client.query("rollback");
    return undefined;
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}

/**
 * An answer to COMMIT that tells nothing: the server ended the connection (57P01 to 57P05), before the commit or after, or a pooler says
 * that it lost the server (08P01, FATAL).
 */
function endsConnection(error: unknown): boolean {
  const state = sqlState(error) ?? "";
  const isFatal = error instanceof Error && "severity" in error && error.severity === "FATAL";
  return isFatal || state.startsWith("57P") || state.startsWith("08");
}
