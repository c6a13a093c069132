const SWEEPS_A_DEADLINE = 8;
const SWEEP_MIN_MS = 5;
const SWEEP_MAX_MS = 1_000;

/** One request that waits for the head of its upstream's response. */
export class AwaitedHead implements EventListenerObject {
  /** Set when it waited too long, as opposed to a client that went away. */
  expired = false;
  #movedAtMs: number;
  readonly #controller = new AbortController();

  constructor(nowMs: number) {
    this.#movedAtMs = nowMs;
  }

  /** Aborted when it waited too long, the client went away, or it is allowed no more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get movedAtMs(): number {
    return this.#movedAtMs;
  }

  /** A part of the request body went by: the upstream cannot be blamed for the time before. */
  moved(nowMs: number): void {
    this.#movedAtMs = nowMs;
  }

  expire(): void {
    this.expired = true;
    this.#controller.abort();
  }

  /** It is allowed no more. */
  break(): void {
    this.#controller.abort();
  }

  /** The client went away. */
  handleEvent(): void {
    this.#controller.abort();
  }
}

/**
 * Ends requests whose upstream stays silent, with one coarse timer for all of them (an eighth of the limit, at most 1 s); those
 * that have a limit of their own have a timer of their own.
 */
export class HeadDeadlines {
  readonly #limitMs: number;
  readonly #awaited = new Set<AwaitedHead>();
  readonly #alone = new Map<AwaitedHead, ReturnType<typeof setTimeout>>();
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  start(): AwaitedHead {
    const head = new AwaitedHead(performance.now());
    this.#add(head);
    return head;
  }

  /** With a limit of its own, in milliseconds. */
  startFor(limitMs: number): AwaitedHead {
    const head = new AwaitedHead(performance.now());
    this.#wait(head, limitMs, limitMs);
    return head;
  }

  /** From now on it waits like all the others. */
  adopt(head: AwaitedHead): void {
    this.end(head);
    this.#add(head);
  }

  end(head: AwaitedHead): void {
    this.#awaited.delete(head);
    clearTimeout(this.#alone.get(head));
    this.#alone.delete(head);
  }

  #add(head: AwaitedHead): void {
    this.#awaited.add(head);
    this.#timer ??= setInterval(() => this.#sweep(performance.now()), this.#sweepMs());
  }

  #wait(head: AwaitedHead, limitMs: number, forMs: number): void {
    const over = () => {
      const remainingMs = head.movedAtMs + limitMs - performance.now();
      if (remainingMs > 0) {
        this.#wait(head, limitMs, remainingMs);
      } else {
        this.#alone.delete(head);
        head.expire();
      }
    };
    this.#alone.set(head, setTimeout(over, Math.ceil(forMs)));
  }

  /** Stops the timer; what is awaited is awaited without a limit. */
  stop(): void {
    this.#awaited.clear();
    this.#stopTimer();
    for (const timer of this.#alone.values()) {
      clearTimeout(timer);
    }
    this.#alone.clear();
  }

  #sweep(nowMs: number): void {
    for (const head of this.#awaited) {
      if (nowMs - head.movedAtMs >= this.#limitMs) {
        this.#awaited.delete(head);
        head.expire();
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
