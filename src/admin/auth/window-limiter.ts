// So many in so long a time from one network: counts what callers may do without being known, in memory that does not grow.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { parseAddress } from "../../policy/address.ts";

export interface WindowLimit {
  /** How many in one window. A network's window begins with its first one. */
  readonly max: number;
  readonly windowS: number;
}

/** Networks counted at a time. */
export const networksMax = 10_000;
/** Networks forgotten at a time when that is not enough. */
const forgottenAtOnce = networksMax / 16;

interface Window {
  count: number;
  readonly endS: number;
}

/**
 * Counts by network: an IPv4 address, or the /64 that an IPv6 address is in, as one customer has at least that many. What is
 * no address counts as one network. When all places are taken, those that counted least are forgotten: so a network that is
 * at its limit cannot buy itself out with calls from others.
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

  /** Networks that are counted at present. */
  get size(): number {
    return this.#windows.size;
  }

  /**
   * Counts one, before it is done, so that many at once are not more than the limit. Answers how to take it back. Throws
   * ApiError RATE_LIMITED with the whole seconds until the window ends.
   */
  take(address: string): () => void {
    const network = networkOf(address);
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
    for (const [network] of leastFirst.slice(0, forgottenAtOnce)) this.#windows.delete(network);
  }
}

/** The first eight bytes of an address: all of IPv4, the /64 of IPv6. */
function networkOf(address: string): string {
  return parseAddress(address)?.toByteArray().slice(0, 8).join(".") ?? "";
}
