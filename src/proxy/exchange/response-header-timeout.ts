import { DEADLINE, type StopListener, type StopReason, UNUSABLE } from "./stop-signal.ts";

const SWEEPS_A_DEADLINE = 8;
const SWEEP_MIN_MS = 5;
const SWEEP_MAX_MS = 1_000;

/**
 * One attempt to get a response from an upstream, until its header fields arrive. Stops on its own deadline; as a listener of
 * the exchange's signal it stops with the exchange, too. `signal` is for fetch, which takes nothing but the platform's.
 */
export class UpstreamAttempt implements StopListener {
  #reason: StopReason | null = null;
  #movedAtMs: number;
  readonly #controller = new AbortController();

  constructor(nowMs: number) {
    this.#movedAtMs = nowMs;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why it was stopped; null: it was not. */
  get reason(): StopReason | null {
    return this.#reason;
  }

  /** Whether the upstream took too long. */
  get expired(): boolean {
    return this.#reason === DEADLINE;
  }

  /** When a part of the request body was last sent, or the attempt began; of the clock of `performance.now()`. */
  get movedAtMs(): number {
    return this.#movedAtMs;
  }

  /** A part of the request body was sent: the time before is not the upstream's. */
  moved(nowMs: number): void {
    this.#movedAtMs = nowMs;
  }

  /** The first reason counts. */
  stopped(reason: StopReason): void {
    if (this.#reason === null) {
      this.#reason = reason;
      this.#controller.abort();
    }
  }

  expire(): void {
    this.stopped(DEADLINE);
  }

  /** Cuts off the upstream: what it sends cannot be used. */
  cutOff(): void {
    this.stopped(UNUSABLE);
  }
}

/**
 * The response-header timeout: stops attempts whose upstream stays silent. One coarse timer for all of them (an eighth of the
 * limit, at most 1 s); attempts with a limit of their own have a timer of their own.
 */
export class ResponseHeaderTimeouts {
  readonly #limitMs: number;
  readonly #awaited = new Set<UpstreamAttempt>();
  readonly #alone = new Map<UpstreamAttempt, ReturnType<typeof setTimeout>>();
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  start(): UpstreamAttempt {
    const attempt = new UpstreamAttempt(performance.now());
    this.#add(attempt);
    return attempt;
  }

  /** With a limit of its own, in milliseconds. */
  startFor(limitMs: number): UpstreamAttempt {
    const attempt = new UpstreamAttempt(performance.now());
    this.#wait(attempt, limitMs, limitMs);
    return attempt;
  }

  /** From now on this limit applies to it, in milliseconds; null: the common one. */
  adopt(attempt: UpstreamAttempt, limitMs: number | null): void {
    this.end(attempt);
    if (limitMs === null) {
      this.#add(attempt);
    } else {
      this.#wait(attempt, limitMs, limitMs);
    }
  }

  end(attempt: UpstreamAttempt): void {
    this.#awaited.delete(attempt);
    clearTimeout(this.#alone.get(attempt));
    this.#alone.delete(attempt);
  }

  #add(attempt: UpstreamAttempt): void {
    this.#awaited.add(attempt);
    this.#timer ??= setInterval(() => this.#sweep(performance.now()), this.#sweepMs());
  }

  #wait(attempt: UpstreamAttempt, limitMs: number, forMs: number): void {
    const over = () => {
      const remainingMs = attempt.movedAtMs + limitMs - performance.now();
      if (remainingMs > 0) {
        this.#wait(attempt, limitMs, remainingMs);
      } else {
        this.#alone.delete(attempt);
        attempt.expire();
      }
    };
    this.#alone.set(attempt, setTimeout(over, Math.ceil(forMs)));
  }

  /** Stops the timers; attempts that still wait have no limit any more. */
  stop(): void {
    this.#awaited.clear();
    this.#stopTimer();
    for (const timer of this.#alone.values()) {
      clearTimeout(timer);
    }
    this.#alone.clear();
  }

  #sweep(nowMs: number): void {
    for (const attempt of this.#awaited) {
      if (nowMs - attempt.movedAtMs >= this.#limitMs) {
        this.#awaited.delete(attempt);
        attempt.expire();
      }
    }
    if (this.#awaited.size === 0) {
      this.#stopTimer();
    }
  }

  #sweepMs(): number {
    return Math.min(SWEEP_MAX_MS, Math.max(SWEEP_MIN_MS, this.#limitMs / SWEEPS_A_DEADLINE));
  }

  #stopTimer(): void {
    if (this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }
}
