// Opens the control plane, and retries in the background when the process can run without it for a while.
import type { Log } from "../log.ts";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;

/** The delay between attempts doubles up to a maximum. */
export class RetryingOpen {
  readonly #open: () => Promise<void>;
  readonly #log: Log;
  readonly #opened = Promise.withResolvers<void>();
  #problem: Error | null = null;
  #retryMs: number;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #attempt: Promise<void> | null = null;
  #stopped = false;

  constructor(open: () => Promise<void>, log: Log, retryFirstMs = RETRY_FIRST_MS) {
    this.#retryMs = retryFirstMs;
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
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
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
      this.#log.error({ err: error }, "the control plane is still unavailable; retrying");
      this.retry();
    }
  }
}
