// How long ago the control plane was heard, and whether that is too long ago to go on.

/**
 * Measured on a clock that cannot be set (`tickMs`, see `bootClockMs`): neither a leap of the calendar nor setting it back changes what is allowed. The
 * calendar counts for what an earlier process heard, which no other clock knows of.
 */
export class Staleness {
  readonly maxMs: number;
  #heardAtMs: number | null = null;
  #heardAtTickMs: number | null = null;

  /** `maxMs` null: it is never too long ago. */
  constructor(maxMs: number | null) {
    this.maxMs = maxMs ?? Number.POSITIVE_INFINITY;
  }

  /** Unix milliseconds; null: never. */
  get heardAtMs(): number | null {
    return this.#heardAtMs;
  }

  /** The control plane was heard now: Unix milliseconds, and those of the clock that cannot be set. */
  heard(nowMs: number, tickMs: number): void {
    this.#heardAtMs = nowMs;
    this.#heardAtTickMs = tickMs;
  }

  /** It was heard by an earlier process. A time that has not come yet is a clock that was set: it counts as now. */
  heardBefore(heardAtMs: number, nowMs: number, tickMs: number): void {
    const agoMs = Math.max(0, nowMs - heardAtMs);
    this.heard(nowMs - agoMs, tickMs - agoMs);
  }

  /** A clock that cannot be read (NaN) says that it is too long ago. */
  isStale(tickMs: number): boolean {
    if (this.maxMs === Number.POSITIVE_INFINITY) return false;
    return this.#heardAtTickMs === null || !(tickMs - this.#heardAtTickMs < this.maxMs);
  }
}
