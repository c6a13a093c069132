// A place for one gate process after the other: how long each may take to start, and when the next one is tried.
import type { WorkerStart } from "./messages.ts";
import { NoAnswer, type WorkerProcess } from "./worker-process.ts";

/**
 * Who does not serve by then hangs, or has more to load than was thought: the next one may take twice as long. A million containers
 * are loaded in 30 s where nothing else runs.
 */
const START_MS = 60_000;
const START_MAX_MS = 480_000;
/** Who dies sooner is replaced later and later. */
const STABLE_MS = 10_000;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;

export class WorkerSlot {
  readonly index: number;
  /** Null: the last one is gone, the next one not here yet. */
  worker: WorkerProcess | null = null;
  isServing = false;
  readonly #startMs: number;
  #startedMs = 0;
  #allowedMs: number;
  #retryMs = RETRY_FIRST_MS;
  #retry: ReturnType<typeof setTimeout> | null = null;

  constructor(index: number, startMs: number = START_MS) {
    this.index = index;
    this.#startMs = startMs;
    this.#allowedMs = startMs;
  }

  /** How long the next one may take to start, in milliseconds. */
  get allowedMs(): number {
    return this.#allowedMs;
  }

  /**
   * Resolves, when it serves, to how many milliseconds that took. Rejects when it cannot start, and with NoAnswer when it does not in
   * time: it is ended, and the place is free.
   */
  async begin(worker: WorkerProcess, start: WorkerStart): Promise<number> {
    this.worker = worker;
    this.#startedMs = performance.now();
    try {
      await worker.start(start, this.#allowedMs);
      this.isServing = true;
      const tookMs = Math.round(performance.now() - this.#startedMs);
      this.#allowedMs = Math.max(this.#startMs, 2 * tookMs);
      return tookMs;
    } catch (error) {
      this.worker = null;
      worker.kill();
      if (error instanceof NoAnswer) this.#allowedMs = Math.min(2 * this.#allowedMs, START_MAX_MS);
      throw error;
    }
  }

  /** The process that served is gone; calls back when another is due. */
  lost(replace: () => void): void {
    this.isServing = false;
    if (performance.now() - this.#startedMs > STABLE_MS) this.#retryMs = RETRY_FIRST_MS;
    this.#after(0, replace);
  }

  /** The next one could not start, too. */
  again(replace: () => void): void {
    this.#after(this.#retryMs, replace);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  /** No other is due. */
  stop(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #after(delayMs: number, replace: () => void): void {
    this.#retry = setTimeout(() => {
      this.#retry = null;
      replace();
    }, delayMs);
  }
}
