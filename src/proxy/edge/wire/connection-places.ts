// The places for connections, of which a client network that has too many loses what it does not use.
import { ConnectionCap, type ConnectionCapOptions } from "../../../guard/connection-cap.ts";
import { clientNetwork } from "../../../policy/client-network.ts";
import { ConnectionsByNetwork, type Evictable } from "./connections-by-network.ts";

export class ConnectionPlaces {
  readonly #cap: ConnectionCap;
  readonly #open = new ConnectionsByNetwork<Evictable>();

  constructor(options: ConnectionCapOptions) {
    this.#cap = new ConnectionCap(options);
  }

  /** Connections at present. */
  get taken(): number {
    return this.#cap.count;
  }

  /**
   * The answer gives the place back; null: there is none. When all are taken it is that of an idle connection of the network that
   * has by far the most, or of the client's own: who has used up its share goes on with a new connection, as with one that was
   * closed because it was idle.
   */
  admit(peer: string): (() => void) | null {
    const release = this.#cap.admit(peer);
    if (release !== null) return release;
    const network = this.#cap.crowdBefore(peer) ?? clientNetwork(peer);
    return this.#open.closeIdlest(network) ? this.#cap.admit(peer) : null;
  }

  /** It may lose its place while it is idle. */
  add(connection: Evictable): void {
    this.#open.add(connection);
  }

  delete(connection: Evictable): void {
    this.#open.delete(connection);
  }
}
