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

/** So many characters of a path that has to be read in many ways take as long as an ordinary request. */
const CHARACTERS_OF_REQUEST = 2_048;
/** First requests of connections in one turn, of all networks, that are not counted as their network's; some 40 µs each. */
const FIRSTS_FREE = 64;
/** So many are not looked at by turns: a turn of the event loop is noted for as many at least. */
const FIRSTS_NOTED = 16;
/** Networks that are remembered as costly. */
const COSTLY_MAX = 1_024;

/**
 * The first request of a connection in a turn is free: whoever waits for answers does not meet this budget, unless so many of them
 * come in one turn that others would wait for it. What a connection sends beyond that in the same turn (pipelining, streams of
 * HTTP/2) is counted. Requests of a network whose paths are costly are all counted, as what they cost.
 */
export class ArrivalBudget {
  readonly #perConnection: number;
  readonly #isShared: (address: string) => boolean;
  readonly #networks: TurnBudget;
  readonly #connections = new Map<string, number>();
  /** By network: what its last costly request cost, in requests. */
  readonly #costly = new Map<string, number>();
  /** First requests in this turn, or since it was looked at. */
  #firsts = 0;
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

  /** Some network had costly requests: `take` has to be asked for first requests, too. */
  get hasCostly(): boolean {
    return this.#costly.size > 0;
  }

  /**
   * Asked for the first request of a connection in a turn, by whoever can let one wait: whether it may begin at once. Otherwise
   * `take` says.
   */
  isCalm(): boolean {
    if (++this.#firsts === FIRSTS_NOTED) this.#schedule();
    return this.#firsts <= FIRSTS_FREE && !this.hasCostly;
  }

  /** A request took as long as reading so many characters of a path. */
  charge(address: string, port: number, characters: number): void {
    const requests = Math.floor(characters / CHARACTERS_OF_REQUEST);
    if (requests === 0) return;
    const network = this.networkOf(address, port);
    if (this.#costly.size >= COSTLY_MAX) this.#costly.clear();
    this.#costly.set(network, requests);
    this.#networks.take(network, requests);
    this.#schedule();
  }

  /** Who shares a budget with this peer; of one from which many clients come each connection stands for itself. */
  networkOf(address: string, port: number): string {
    return this.#isShared(address) ? `${address}:${port}` : clientNetwork(address);
  }

  /** Counts a request from a peer's address and port. False: the connection or its network has used up its share of this turn. */
  take(address: string, port: number): boolean {
    const connection = `${address}:${port}`;
    const before = this.#connections.get(connection) ?? 0;
    this.#connections.set(connection, before + 1);
    this.#schedule();
    const isFree = before === 0 && this.#firsts <= FIRSTS_FREE;
    if (isFree && !this.hasCostly) return true;
    const network = this.networkOf(address, port);
    if (isFree && !this.#costly.has(network)) return true;
    return before < this.#perConnection && this.#networks.take(network, 1) > 0;
  }

  /** Resolves in a coming turn, when the peer's network has a share again. */
  wait(address: string, port: number): Promise<void> {
    const network = this.networkOf(address, port);
    return new Promise((resolve) => {
      this.#networks.wait(network, () => {
        this.#networks.take(network, this.#costly.get(network) ?? 1);
        resolve();
      });
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#firsts = 0;
    this.#connections.clear();
    if (!this.hasCostly) return;
    if (this.#networks.waiting === 0) this.#costly.clear();
    else this.#schedule();
  };
}
