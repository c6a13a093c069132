// Token buckets by key in bounded memory: how much of something a client may use, at once and in the long run.

interface TokenBucketsOptions {
  /** Units that a key has at first, and at most. */
  readonly burst: number;
  /** Units that a key regains a second. */
  readonly perSecond: number;
  /** Keys tracked at a time. */
  readonly keysMax?: number;
}

interface Bucket {
  level: number;
  atS: number;
}

/** Keys evicted at a time when the table is full, as a share of it. */
const evictedShare = 16;

/**
 * A bucket may go into debt by `charge`; `waitS` tells when it is out of it. A full table evicts the buckets that hold most, so
 * that a key cannot regain its units by crowding the table with others.
 */
export class TokenBuckets {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #keysMax: number;
  readonly #nowS: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** `nowS`: the clock, in seconds. */
  constructor({ burst, perSecond, keysMax = 10_000 }: TokenBucketsOptions, nowS: () => number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#keysMax = keysMax;
    this.#nowS = nowS;
  }

  /** Keys tracked now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Seconds until the key has `units`; 0: now. */
  waitS(key: string, units: number): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return 0;
    const missing = units - this.#levelOf(bucket, this.#nowS());
    return missing <= 0 ? 0 : missing / this.#perSecond;
  }

  /** Takes the units if the key has them. The seconds until it has; 0: they were taken. */
  take(key: string, units: number): number {
    const waitS = this.waitS(key, units);
    if (waitS === 0) this.charge(key, units);
    return waitS;
  }

  /** Takes units that were used already, also beyond what the key has. Less than 0: gives units back. */
  charge(key: string, units: number): void {
    const nowS = this.#nowS();
    const bucket = this.#buckets.get(key);
    if (bucket !== undefined) {
      bucket.level = Math.min(this.#burst, this.#levelOf(bucket, nowS) - units);
      bucket.atS = nowS;
      return;
    }
    if (units <= 0) return;
    if (this.#buckets.size >= this.#keysMax) this.#makeRoom(nowS);
    this.#buckets.set(key, { level: this.#burst - units, atS: nowS });
  }

  #levelOf({ level, atS }: Bucket, nowS: number): number {
    return Math.min(this.#burst, level + (nowS - atS) * this.#perSecond);
  }

  #makeRoom(nowS: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (this.#levelOf(bucket, nowS) >= this.#burst) this.#buckets.delete(key);
    }
    if (this.#buckets.size < this.#keysMax) return;
    const levels = [...this.#buckets].map(
      ([key, bucket]) => [key, this.#levelOf(bucket, nowS)] as const,
    );
    levels.sort(([, one], [, other]) => other - one);
    const evicted = Math.ceil(this.#keysMax / evictedShare);
    for (const [key] of levels.slice(0, evicted)) this.#buckets.delete(key);
  }
}
