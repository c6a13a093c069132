// How many connections a listener has, in all and from one client network.
import { clientNetwork } from "../policy/client-network.ts";

export interface ConnectionCapOptions {
  /** Connections at a time, from everybody. */
  readonly connectionsMax: number;
  /** Connections at a time from one network: an IPv4 address, or an IPv6 /64. */
  readonly perNetworkMax: number;
  /** Whether many clients come from this peer, as from a load balancer: then only `connectionsMax` bounds it. */
  readonly isShared?: (address: string) => boolean;
}

/** Counts connections. Memory: one entry for each network that has a connection. */
export class ConnectionCap {
  readonly #options: ConnectionCapOptions;
  readonly #byNetwork = new Map<string, number>();
  #count = 0;
  #refused = 0;

  constructor(options: ConnectionCapOptions) {
    this.#options = options;
  }

  /** Connections at present. */
  get count(): number {
    return this.#count;
  }

  /** Connections refused since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** Counts one more. Null: there are too many. The answer is called once, when the connection is closed. */
  admit(address: string): (() => void) | null {
    const { connectionsMax, perNetworkMax, isShared } = this.#options;
    const network = isShared?.(address) ? null : clientNetwork(address);
    const used = network === null ? 0 : (this.#byNetwork.get(network) ?? 0);
    if (this.#count >= connectionsMax || used >= perNetworkMax) {
      this.#refused++;
      return null;
    }
    this.#count++;
    if (network !== null) this.#byNetwork.set(network, used + 1);
    return () => {
      this.#count--;
      if (network !== null) this.#release(network);
    };
  }

  /**
   * When all places are taken: the network that has the most connections, if it has more than this address' would have with
   * one more. Closing one of them and admitting the other makes the shares more equal.
   */
  crowdBefore(address: string): string | null {
    const { connectionsMax, perNetworkMax, isShared } = this.#options;
    if (this.#count < connectionsMax || isShared?.(address)) return null;
    const used = this.#byNetwork.get(clientNetwork(address)) ?? 0;
    if (used >= perNetworkMax) return null;
    let crowd: string | null = null;
    let most = used + 1;
    for (const [network, count] of this.#byNetwork) {
      if (count > most) [crowd, most] = [network, count];
    }
    return crowd;
  }

  #release(network: string): void {
    const left = (this.#byNetwork.get(network) ?? 1) - 1;
    if (left === 0) this.#byNetwork.delete(network);
    else this.#byNetwork.set(network, left);
  }
}
