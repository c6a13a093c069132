/** Something that looks at the clock now and then. */
export interface Ticking {
  /** `nowMs`: as `performance.now()` has it. */
  tick(nowMs: number): void;
}

/** One coarse timer for all that wait. It runs only while something does. */
export class Ticker {
  readonly #everyMs: number;
  readonly #waiting = new Set<Ticking>();
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  add(waiting: Ticking): void {
    this.#waiting.add(waiting);
    this.#timer ??= setInterval(() => this.#tick(performance.now()), this.#everyMs);
  }

  remove(waiting: Ticking): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size === 0 && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }

  #tick(nowMs: number): void {
    for (const waiting of [...this.#waiting]) {
      waiting.tick(nowMs);
    }
  }
}
