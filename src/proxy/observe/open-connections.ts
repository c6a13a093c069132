// What goes on at a container now, for those who answer for it, and how they end it.
import type { ActiveExchange } from "../exchange/active-exchange.ts";
import type { ActiveExchanges } from "../exchange/active-exchanges.ts";
import { loggedPath } from "./access-log.ts";

export interface OpenConnection {
  /** The request id. */
  readonly id: string;
  readonly client: string;
  readonly program: string;
  readonly instance: number;
  readonly alias: string | null;
  readonly method: string;
  readonly path: string;
  /** Null: there is no response yet. */
  readonly status: number | null;
  readonly reason: string;
  readonly groups: readonly string[];
  readonly subject: string | null;
  /** Unix milliseconds. */
  readonly sinceMs: number;
  /** Bytes that the program has sent. */
  readonly bytes: number;
}

export class OpenConnections {
  readonly #active: Pick<ActiveExchanges, "ofContainer">;

  constructor(active: Pick<ActiveExchanges, "ofContainer">) {
    this.#active = active;
  }

  /** The first `limit`, oldest first, and how many there are. `group`: only those that it let in; null: all. */
  list(
    container: string,
    group: string | null,
    limit: number,
  ): { readonly connections: readonly OpenConnection[]; readonly total: number } {
    const connections: OpenConnection[] = [];
    let total = 0;
    for (const active of this.#active.ofContainer(container)) {
      if (group !== null && !isLetInBy(active, group)) continue;
      if (total++ < limit) connections.push(connectionOf(active));
    }
    return { connections, total };
  }

  /** Whether it was there. */
  end(container: string, id: string): boolean {
    for (const active of this.#active.ofContainer(container)) {
      if (active.exchange.requestId !== id) continue;
      active.cutOff();
      return true;
    }
    return false;
  }

  /** How many there were. */
  endOfGroup(container: string, group: string): number {
    const those = [...this.#active.ofContainer(container)].filter((active) =>
      isLetInBy(active, group),
    );
    for (const active of those) active.cutOff();
    return those.length;
  }
}

/** By its latest authorization. */
function isLetInBy({ allowed }: ActiveExchange, group: string): boolean {
  return allowed.groups?.includes(group) ?? false;
}

function connectionOf({ exchange, allowed }: ActiveExchange): OpenConnection {
  return {
    id: exchange.requestId,
    client: exchange.client,
    program: allowed.host.program,
    instance: allowed.host.instance,
    alias: exchange.alias,
    method: exchange.method,
    path: loggedPath(exchange.target) ?? "",
    status: exchange.status,
    reason: exchange.reason,
    groups: allowed.groups ?? [],
    subject: exchange.subject,
    sinceMs: Math.round(Date.now() - (performance.now() - exchange.startedMs)),
    bytes: exchange.bytes,
  };
}
