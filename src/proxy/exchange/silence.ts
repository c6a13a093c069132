// Exchanges in which nothing moves for too long: a client that vanished without closing would keep its place for ever.
import type { ActiveExchange } from "./active-exchange.ts";
import { SILENT } from "./stop-signal.ts";

const LOOKS_A_LIMIT = 16;
const LOOK_MIN_MS = 20;
const LOOK_MAX_MS = 60_000;

/** Looks at all active exchanges now and then: whatever moves counts, in either direction, pings included. */
export class Silence {
  readonly #limitMs: number;
  readonly #exchanges: () => Iterable<ActiveExchange>;
  #seen = new Map<ActiveExchange, { progress: number; sinceMs: number }>();
  #timer: ReturnType<typeof setInterval> | null = null;

  /** `limitMs` 0: no limit. */
  constructor(limitMs: number, exchanges: () => Iterable<ActiveExchange>) {
    this.#limitMs = limitMs;
    this.#exchanges = exchanges;
  }

  start(): void {
    if (this.#limitMs === 0) return;
    const lookMs = Math.max(LOOK_MIN_MS, Math.min(LOOK_MAX_MS, this.#limitMs / LOOKS_A_LIMIT));
    this.#timer = setInterval(() => this.look(performance.now()), lookMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#seen.clear();
  }

  /** Stops those that were silent since so long. */
  look(nowMs: number): void {
    const seen = new Map<ActiveExchange, { progress: number; sinceMs: number }>();
    for (const active of this.#exchanges()) {
      const { progress } = active.exchange;
      const before = this.#seen.get(active);
      if (before === undefined || before.progress !== progress) {
        seen.set(active, { progress, sinceMs: nowMs });
      } else if (nowMs - before.sinceMs >= this.#limitMs) {
        active.signal.stop(SILENT);
      } else {
        seen.set(active, before);
      }
    }
    this.#seen = seen;
  }
}
