// How many wrong credentials one client network may present to one container.
import { clientNetwork } from "../../policy/client-network.ts";

/** In milliseconds: how long an empty budget takes to be full again. */
export const refillMs = 60_000;
/** Pairs of network and container that are remembered. The one that failed longest ago is forgotten first. */
export const pairsMax = 16_384;

interface Bucket {
  /** Failures left, as of `atMs`. */
  left: number;
  atMs: number;
}

/**
 * A token bucket for each client network and container. It holds up who presents wrong credentials and nobody else: right ones are
 * never asked about. Costs nothing while nothing fails.
 */
export class FailureBudget {
  readonly #max: number;
  readonly #nowMs: () => number;
  /** In the order of their last failures. */
  readonly #buckets = new Map<string, Bucket>();

  /** `max`: failures of a full budget. `nowMs`: a clock that never goes back, in milliseconds. */
  constructor(max: number, nowMs: () => number = () => performance.now()) {
    this.#max = max;
    this.#nowMs = nowMs;
  }

  /** Pairs that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Counts a failure. False when the budget is used up; then it is not counted. */
  take(client: string, container: string): boolean {
    const pair = `${container} ${clientNetwork(client)}`;
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(pair) ?? { left: this.#max, atMs: nowMs };
    const refilled = ((nowMs - bucket.atMs) / refillMs) * this.#max;
    bucket.left = Math.min(this.#max, bucket.left + refilled);
    bucket.atMs = nowMs;
    const isLeft = bucket.left >= 1;
    if (isLeft) bucket.left--;
    this.#buckets.delete(pair);
    this.#buckets.set(pair, bucket);
    this.#forgetOldest(nowMs);
    return isLeft;
  }

  /** Forgets what is full again, and what is too many. */
  #forgetOldest(nowMs: number): void {
    for (const [pair, { atMs }] of this.#buckets) {
      if (this.#buckets.size <= pairsMax && nowMs - atMs < refillMs) return;
      this.#buckets.delete(pair);
    }
  }
}
