// How many requests one client may have started in one turn of the event loop.
import { clientNetwork } from "../policy/client-network.ts";
import { TurnBudget } from "./turn-budget.ts";

export interface ArrivalBudgetOptions {
  /** Requests of one connection in one turn. */
  readonly perConnection: number;
  /** Of one client network in one turn, besides the first of each connection. */
  readonly perNetwork: number;
  /** Of all networks in one turn, besides the first of each connection, that had to wait. */
  readonly total: number;
  /** Whether many clients come from this peer, as from a load balancer: then each of its connections counts as a network. */
  readonly isShared?: (address: string) => boolean;
}

/**
 * The first request of a connection in a turn is free: whoever waits for answers never meets this budget, however many share an
 * address. What a connection sends beyond that in the same turn (pipelining, streams of HTTP/2) is counted.
 */
export class ArrivalBudget {
  readonly #perConnection: number;
  readonly #isShared: (address: string) => boolean;
  readonly #networks: TurnBudget;
  readonly #connections = new Map<string, number>();
  #isScheduled = false;

  constructor({ perConnection, perNetwork, total, isShared }: ArrivalBudgetOptions) {
    this.#perConnection = perConnection;
    this.#isShared = isShared ?? (() => false);
    this.#networks = new TurnBudget({ perKey: perNetwork, total });
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#networks.waiting;
  }

  /** Counts a request from a peer's address and port. False: the connection or its network has used up its share of this turn. */
  take(address: string, port: number): boolean {
    const connection = `${address}:${port}`;
    const before = this.#connections.get(connection) ?? 0;
    this.#connections.set(connection, before + 1);
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(this.#turn);
    }
    if (before === 0) return true;
    return before < this.#perConnection && this.#networks.take(this.#network(address, port), 1) > 0;
  }

  /** Resolves in a coming turn, when the peer's network has a share again. */
  wait(address: string, port: number): Promise<void> {
    const network = this.#network(address, port);
    return new Promise((resolve) => {
      this.#networks.wait(network, () => {
        this.#networks.take(network, 1);
        resolve();
      });
    });
  }

  #network(address: string, port: number): string {
    return this.#isShared(address) ? `${address}:${port}` : clientNetwork(address);
  }

  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#connections.clear();
  };
}
