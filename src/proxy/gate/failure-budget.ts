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
  readonly #taken: ((pair: string) => void) | null;
  /** In the order of their last failures. */
  readonly #buckets = new Map<string, Bucket>();

  /**
   * `max`: failures of a full budget. `nowMs`: a clock that never goes back, in milliseconds. `taken`: called with each failure that
   * was counted here, for `note` of the budgets that other processes of the same address have.
   */
  constructor(
    max: number,
    nowMs: () => number = () => performance.now(),
    taken: ((pair: string) => void) | null = null,
  ) {
    this.#max = max;
    this.#nowMs = nowMs;
    this.#taken = taken;
  }

  /** Pairs that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Counts a failure. False when the budget is used up; then it is not counted. */
  take(client: string, container: string): boolean {
    const pair = `${container} ${clientNetwork(client)}`;
    const nowMs = this.#nowMs();
    const bucket = this.#filled(pair, nowMs);
    const isLeft = bucket.left >= 1;
    if (isLeft) bucket.left--;
    this.#keep(pair, bucket, nowMs);
    if (isLeft) this.#taken?.(pair);
    return isLeft;
  }

  /**
   * Counts a failure that another process let through. What several let through at the same moment is owed, up to a whole budget,
   * and refilled first.
   */
  note(pair: string): void {
    const nowMs = this.#nowMs();
    const bucket = this.#filled(pair, nowMs);
    bucket.left = Math.max(-this.#max, bucket.left - 1);
    this.#keep(pair, bucket, nowMs);
  }

  #filled(pair: string, nowMs: number): Bucket {
    const bucket = this.#buckets.get(pair) ?? { left: this.#max, atMs: nowMs };
    const refilled = ((nowMs - bucket.atMs) / refillMs) * this.#max;
    bucket.left = Math.min(this.#max, bucket.left + refilled);
    bucket.atMs = nowMs;
    return bucket;
  }

  #keep(pair: string, bucket: Bucket, nowMs: number): void {
    this.#buckets.delete(pair);
    this.#buckets.set(pair, bucket);
    this.#forgetOldest(nowMs);
  }

  /** Forgets what is full again, whatever was owed, and what is too many. */
  #forgetOldest(nowMs: number): void {
    for (const [pair, { left, atMs }] of this.#buckets) {
      const fullMs = left < 0 ? refillMs * (1 - left / this.#max) : refillMs;
      if (this.#buckets.size <= pairsMax && nowMs - atMs < fullMs) return;
      this.#buckets.delete(pair);
    }
  }
}
