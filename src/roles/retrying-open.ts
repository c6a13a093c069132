// Opens the control plane, and retries in the background when the process can run without it for a while.
import type { Log } from "../log.ts";

/** The delay before the second attempt, and the longest, in milliseconds. `isQuiet`: failures are expected and not logged. */
interface Retries {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly isQuiet: boolean;
}

const DEFAULT_RETRIES: Retries = { firstMs: 1_000, maxMs: 30_000, isQuiet: false };

/** The delay between attempts doubles up to a maximum. */
export class RetryingOpen {
  readonly #open: () => Promise<void>;
  readonly #log: Log;
  readonly #opened = Promise.withResolvers<void>();
  #problem: Error | null = null;
  readonly #retries: Retries;
  #retryMs: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #attempt: Promise<void> | null = null;
  #stopped = false;

  constructor(open: () => Promise<void>, log: Log, retries: Partial<Retries> = {}) {
    this.#retries = { ...DEFAULT_RETRIES, ...retries };
    this.#retryMs = this.#retries.firstMs;
    this.#open = open;
    this.#log = log;
  }

  /** Why the last attempt failed; null when it succeeded. */
  get problem(): Error | null {
    return this.#problem;
  }

  /** Resolves once it is open. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Makes the first attempt. Rejects when it fails and `canWait` returns false for the error. */
  async openFirst(canWait: (error: Error) => boolean): Promise<void> {
    try {
      await this.#open();
      this.#opened.resolve();
    } catch (error) {
      if (!(error instanceof Error && canWait(error))) throw error;
      this.#problem = error;
    }
  }

  /** Logs why the process starts without the control plane, if it does. */
  reportWaiting(): void {
    if (this.#problem === null) return;
    this.#log.error({ err: this.#problem }, "starting without the control plane");
  }

  /** After a failed first attempt: retries until an attempt succeeds or `stop` is called. */
  retry(): void {
    if (this.#problem === null || this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#attempt = this.#openAgain();
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, this.#retries.maxMs);
  }

  /** Cancels further attempts. Resolves when a running attempt has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer ?? undefined);
    await this.#attempt;
  }

  async #openAgain(): Promise<void> {
    try {
      await this.#open();
      this.#problem = null;
      this.#log.info({}, "the control plane is up");
      this.#opened.resolve();
    } catch (error) {
      this.#problem = error instanceof Error ? error : new Error(String(error));
      const { isQuiet } = this.#retries;
      if (!isQuiet)
        this.#log.error({ err: error }, "the control plane is still unavailable; retrying");
      this.retry();
    }
  }
}
