// Failures by key, with a delay that grows with them, in bounded memory.

interface GrowingDelaysOptions {
  /** Failures without a delay. The next one delays by a second, and each further one by twice as long. */
  readonly free: number;
  /** The longest delay, in seconds. */
  readonly delayMaxS: number;
  /** Seconds without a failure after which the failures are forgotten; more than `delayMaxS`. */
  readonly forgetS: number;
  /** Keys tracked at a time. */
  readonly keysMax: number;
}

interface Failures {
  count: number;
  lastS: number;
}

/** Keys evicted at a time when the table is full, as a share of it. */
const evictedShare = 16;

/** A full table evicts the keys with the fewest failures, so that crowding it does not forget a key under attack. */
export class GrowingDelays {
  readonly #options: GrowingDelaysOptions;
  readonly #nowS: () => number;
  readonly #failures = new Map<string, Failures>();

  /** `nowS`: the clock, in seconds. */
  constructor(options: GrowingDelaysOptions, nowS: () => number) {
    this.#options = options;
    this.#nowS = nowS;
  }

  /** Keys tracked now. */
  get size(): number {
    return this.#failures.size;
  }

  /** Seconds until the key may be tried again; 0: now. */
  waitS(key: string): number {
    const failures = this.#present(key);
    if (failures === undefined || failures.count < this.#options.free) return 0;
    const delayS = Math.min(2 ** (failures.count - this.#options.free), this.#options.delayMaxS);
    return Math.max(0, failures.lastS + delayS - this.#nowS());
  }

  /** Counts a failure before the attempt runs, so that parallel attempts are counted. Returns what takes it back. */
  add(key: string): () => void {
    const failures = this.#present(key) ?? this.#begin(key);
    const previousS = failures.lastS;
    const nowS = this.#nowS();
    failures.count++;
    failures.lastS = nowS;
    return () => {
      failures.count--;
      if (failures.lastS === nowS) failures.lastS = previousS;
      if (failures.count === 0 && this.#failures.get(key) === failures) this.#failures.delete(key);
    };
  }

  /** Others counted so many failures of a key that has one here. */
  raise(key: string, count: number): void {
    const failures = this.#present(key);
    if (failures !== undefined) failures.count = Math.max(failures.count, count);
  }

  #present(key: string): Failures | undefined {
    const failures = this.#failures.get(key);
    if (failures === undefined || !this.#isForgotten(failures)) return failures;
    this.#failures.delete(key);
    return undefined;
  }

  #isForgotten({ lastS }: Failures): boolean {
    return lastS + this.#options.forgetS <= this.#nowS();
  }

  #begin(key: string): Failures {
    if (this.#failures.size >= this.#options.keysMax) this.#makeRoom();
    const failures = { count: 0, lastS: this.#nowS() };
    this.#failures.set(key, failures);
    return failures;
  }

  #makeRoom(): void {
    const { keysMax } = this.#options;
    for (const [key, failures] of this.#failures) {
      if (this.#isForgotten(failures)) this.#failures.delete(key);
    }
    if (this.#failures.size < keysMax) return;
    const leastFirst = [...this.#failures].sort(([, one], [, other]) => one.count - other.count);
    const evicted = Math.ceil(keysMax / evictedShare);
    for (const [key] of leastFirst.slice(0, evicted)) this.#failures.delete(key);
  }
}
