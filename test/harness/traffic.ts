// Traffic of a control plane without a proxy: an exchange log in memory, and connections that are not there.
import type { ConnectionPort } from "../../src/admin/containers/connection-service.ts";
import type { ListedConnections } from "../../src/admin/feed/node-question.ts";
import type { EntryKind } from "../../src/exchange-log/entry-batch.ts";
import type { ExchangeLogReader } from "../../src/exchange-log/exchange-log.ts";
import { LogDatabase } from "../../src/exchange-log/log-database.ts";
import type { LoggedExchange } from "../../src/exchange-log/log-entry.ts";
import {
  type LogQuery,
  newestFirst,
  oldestFirst,
  recentStats,
} from "../../src/exchange-log/log-reading.ts";
import { WaitingEntries } from "../../src/exchange-log/waiting-entries.ts";

/** One that a test writes, by default of a request that an ip group let through. */
export function logged(more: Partial<LoggedExchange> = {}): LoggedExchange {
  return {
    requestId: "a".repeat(24),
    traceId: null,
    startedAtMs: Date.UTC(2026, 0, 1),
    durationMs: 2.5,
    method: "GET",
    path: "/",
    program: "terminal",
    instance: 1,
    alias: null,
    hook: null,
    status: 200,
    reason: "granted",
    groups: ["office"],
    subject: null,
    client: "203.0.113.7",
    bytes: 12,
    end: "complete",
    ...more,
  };
}

/** The log's file, in memory and in this thread. What ended since the last read is stored together, as it is by a proxy. */
export class MemoryLog implements ExchangeLogReader {
  readonly #now: () => number;
  readonly #waiting = new WaitingEntries();
  readonly #db = new LogDatabase(":memory:", {
    ageMaxMs: Number.MAX_SAFE_INTEGER,
    bytesMax: 64 * 1024 * 1024,
  });

  /** `now`: Unix milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  add(project: string, container: string, exchange: LoggedExchange, kind: EntryKind = "passed") {
    this.#waiting.add(kind, project, container, exchange);
  }

  async newest(query: LogQuery, before: number | null) {
    return newestFirst(this.#stored(), query, before);
  }

  async oldest(query: LogQuery, after: number) {
    return oldestFirst(this.#stored(), query, after);
  }

  async stats(container: string) {
    return recentStats(this.#stored(), container);
  }

  #stored(): LogDatabase {
    this.#db.append(this.#waiting.take(), this.#now());
    return this.#db;
  }
}

type Connection = ListedConnections["connections"][number];

export class ImaginedConnections implements ConnectionPort {
  readonly #open: { readonly container: string; readonly connection: Connection }[] = [];

  add(container: string, more: Partial<Connection> = {}): void {
    const connection = {
      id: "b".repeat(24),
      client: "203.0.113.7",
      program: "terminal",
      instance: 1,
      alias: null,
      method: "GET",
      path: "/ws",
      status: 101,
      reason: "granted",
      groups: ["office"],
      subject: null,
      sinceMs: Date.UTC(2026, 0, 1),
      bytes: 7,
      ...more,
    };
    this.#open.push({ container, connection });
  }

  list(container: string, group: string | null, limit: number) {
    const all = this.#of(container, group);
    return { connections: all.slice(0, limit), total: all.length };
  }

  end(container: string, id: string): boolean {
    return this.#of(container, null).some((connection) => connection.id === id);
  }

  endOfGroup(container: string, group: string): number {
    return this.#of(container, group).length;
  }

  #of(container: string, group: string | null): Connection[] {
    return this.#open
      .filter((each) => each.container === container)
      .map(({ connection }) => connection)
      .filter(({ groups }) => group === null || groups.includes(group));
  }
}
