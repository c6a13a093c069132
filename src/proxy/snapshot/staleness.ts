// How long ago the control plane was heard, and whether that is too long ago to go on.

/**
 * Two clocks: the calendar, which also holds for what an earlier process heard, and the one that nobody sets. Whichever says
 * that it is too long ago is believed.
 */
export class Staleness {
  readonly maxMs: number;
  #heardAtMs: number | null = null;
  #heardAtTickMs: number | null = null;
  #staleFromMs: number;

  /** `maxMs` null: it is never too long ago. */
  constructor(maxMs: number | null) {
    this.maxMs = maxMs ?? Number.POSITIVE_INFINITY;
    this.#staleFromMs = maxMs === null ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  /** Unix milliseconds; null: never. */
  get heardAtMs(): number | null {
    return this.#heardAtMs;
  }

  /** The control plane was heard now: Unix milliseconds, and those of the clock that nobody sets. */
  heard(nowMs: number, tickMs: number): void {
    this.#heardAtMs = nowMs;
    this.#heardAtTickMs = tickMs;
    this.#staleFromMs = nowMs + this.maxMs;
  }

  /** It was heard by an earlier process. A time that has not come yet is a clock that was set: it counts as now. */
  heardBefore(heardAtMs: number, nowMs: number, tickMs: number): void {
    const agoMs = Math.max(0, nowMs - heardAtMs);
    this.heard(nowMs - agoMs, tickMs - agoMs);
  }

  /** To be called now and then. */
  look(tickMs: number): void {
    if (this.#heardAtTickMs !== null && tickMs - this.#heardAtTickMs >= this.maxMs) {
      this.#staleFromMs = Number.NEGATIVE_INFINITY;
    }
  }

  isStale(nowMs: number): boolean {
    return nowMs >= this.#staleFromMs;
  }
}
