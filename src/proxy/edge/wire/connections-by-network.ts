// The connections of each client network, so that one that has too many loses what it does not use.
import { clientNetwork } from "../../../policy/client-network.ts";

/** What is known of a connection. */
export interface Evictable {
  readonly peer: string;
  /** No request is being answered, or has come in part. */
  readonly isIdle: boolean;
  /** Of an idle one: as long after it became idle as for all others. */
  readonly deadlineMs: number;
  close(): void;
}

/** So many connections are looked at for each new one. */
const LOOKS_MAX = 128;

export class ConnectionsByNetwork<C extends Evictable> {
  /** Those that were busy when they were looked at last come last. */
  readonly #byNetwork = new Map<string, Set<C>>();

  add(connection: C): void {
    const network = clientNetwork(connection.peer);
    const same = this.#byNetwork.get(network);
    if (same === undefined) this.#byNetwork.set(network, new Set([connection]));
    else same.add(connection);
  }

  delete(connection: C): void {
    const network = clientNetwork(connection.peer);
    const same = this.#byNetwork.get(network);
    same?.delete(connection);
    if (same?.size === 0) this.#byNetwork.delete(network);
  }

  /** Closes the one that has been idle for longest, of those that it looks at. False: none of them is idle. */
  closeIdlest(network: string): boolean {
    const same = this.#byNetwork.get(network);
    if (same === undefined) return false;
    let idlest: C | null = null;
    let looks = 0;
    for (const connection of same) {
      if (looks++ === Math.min(LOOKS_MAX, same.size)) break;
      if (!connection.isIdle) {
        same.delete(connection);
        same.add(connection);
      } else if (idlest === null || connection.deadlineMs < idlest.deadlineMs) {
        idlest = connection;
      }
    }
    idlest?.close();
    return idlest !== null;
  }
}
