// Rate limiter for unauthenticated calls: fixed windows per client network, in bounded memory.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { clientNetwork } from "../../policy/client-network.ts";

interface WindowLimit {
  /** Calls per window. The window of a network begins with its first call. */
  readonly max: number;
  readonly windowS: number;
}

/** Networks tracked at a time. */
export const networksMax = 10_000;
/** Networks evicted at a time when the table is full. */
const evictedAtOnce = networksMax / 16;

interface Window {
  count: number;
  readonly endS: number;
}

/**
 * Counts per network: an IPv4 address, or the /64 of an IPv6 address, because a customer has at least a /64. All strings that
 * are not addresses share one network. A full table evicts the networks with the lowest counts, so that a network at its limit
 * cannot reset its count by flooding the table from other addresses.
 */
export class WindowLimiter {
  readonly #limit: WindowLimit;
  readonly #nowS: () => number;
  readonly #windows = new Map<string, Window>();

  /** `nowS`: the clock, in seconds. */
  constructor(limit: WindowLimit, nowS: () => number) {
    this.#limit = limit;
    this.#nowS = nowS;
  }

  /** Number of networks currently tracked. */
  get size(): number {
    return this.#windows.size;
  }

  /**
   * Counts one call before it runs, so that parallel calls cannot exceed the limit. Returns a function that takes the count
   * back. Throws ApiError RATE_LIMITED with the whole seconds until the window ends.
   */
  take(address: string): () => void {
    const network = clientNetwork(address);
    const window = this.#present(network) ?? this.#begin(network);
    if (window.count >= this.#limit.max) {
      throw new ApiError(ErrorCode.RATE_LIMITED, [], Math.ceil(window.endS - this.#nowS()));
    }
    window.count++;
    return () => {
      window.count--;
      if (window.count === 0 && this.#windows.get(network) === window) {
        this.#windows.delete(network);
      }
    };
  }

  #present(network: string): Window | undefined {
    const window = this.#windows.get(network);
    if (window === undefined || window.endS > this.#nowS()) return window;
    this.#windows.delete(network);
    return undefined;
  }

  #begin(network: string): Window {
    if (this.#windows.size >= networksMax) this.#makeRoom();
    const window = { count: 0, endS: this.#nowS() + this.#limit.windowS };
    this.#windows.set(network, window);
    return window;
  }

  #makeRoom(): void {
    const nowS = this.#nowS();
    for (const [network, { endS }] of this.#windows) {
      if (endS <= nowS) this.#windows.delete(network);
    }
    if (this.#windows.size < networksMax) return;
    const leastFirst = [...this.#windows].sort(([, one], [, other]) => one.count - other.count);
    for (const [network] of leastFirst.slice(0, evictedAtOnce)) this.#windows.delete(network);
  }
}
