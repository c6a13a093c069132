// Something that has to be opened, and is tried again and again when it may be done without for a while.
import type { Log } from "../log.ts";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;

export class KeptOpening {
  readonly #open: () => Promise<void>;
  readonly #log: Log;
  readonly #done = Promise.withResolvers<void>();
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

  /** Why it is not open; null when it is. */
  get problem(): Error | null {
    return this.#problem;
  }

  /** Resolves once it is open. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** The first attempt. Rejects when it fails and may not be done without. */
  async first(mayWait: (error: unknown) => boolean): Promise<void> {
    try {
      await this.#open();
      this.#done.resolve();
    } catch (error) {
      if (!(error instanceof Error && mayWait(error))) throw error;
      this.#problem = error;
      this.#log.error({ err: error }, "starting without the control plane");
    }
  }

  /** Tries again until it works or `stop` is called. */
  goOn(): void {
    if (this.#problem === null || this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#attempt = this.#again();
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  /** Resolves when no attempt is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer ?? undefined);
    await this.#attempt;
  }

  async #again(): Promise<void> {
    try {
      await this.#open();
      this.#problem = null;
      this.#log.info({}, "the control plane is up");
      this.#done.resolve();
    } catch (error) {
      this.#problem = error instanceof Error ? error : new Error(String(error));
      this.#log.error({ err: error }, "the control plane is still away; trying again");
      this.goOn();
    }
  }
}
