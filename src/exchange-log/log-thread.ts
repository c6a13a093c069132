// The thread that holds the file of the exchange log, and what it is asked.
import type { LogLimits } from "./log-database.ts";
import type { LogAnswer, LogAnswers, LogRequest, Told } from "./log-messages.ts";

/** The log cannot be asked now. */
export class LogUnavailable extends Error {}

interface Waiter {
  resolve(answer: LogAnswer): void;
  reject(error: Error): void;
}

/** Beside this file in the sources, beside the bundle that this file is in, or in the single-file executable. */
const workerFile = import.meta.path.endsWith(".ts")
  ? "./log-worker.ts"
  : import.meta.path.startsWith("/$bunfs/")
    ? "./log-worker.code.js"
    : "./log-worker.js";

export class LogThread {
  readonly #worker: Worker;
  readonly #waiters = new Map<number, Waiter>();
  #asked = 0;
  #gone: Error | null = null;
  #isOpen = false;
  /** Called once when the thread ends and nobody ended it. */
  readonly #died: (error: Error) => void;

  private constructor(died: (error: Error) => void) {
    this.#died = died;
    this.#worker = new Worker(new URL(workerFile, import.meta.url), { ref: false });
    this.#worker.onmessage = ({ data }: MessageEvent<Told>) => this.#told(data);
    this.#worker.onerror = ({ message }) => this.#lost(new LogUnavailable(message));
    this.#worker.addEventListener("close", () =>
      this.#lost(new LogUnavailable("the thread of the exchange log ended")),
    );
  }

  /** Rejects when the file cannot be opened. `died`: called once when the thread ends by itself, later on. */
  static async open(
    path: string,
    limits: LogLimits,
    died: (error: Error) => void,
  ): Promise<LogThread> {
    const thread = new LogThread(died);
    try {
      await thread.ask({ kind: "open", path, limits });
      thread.#isOpen = true;
      return thread;
    } catch (error) {
      thread.terminate();
      throw error;
    }
  }

  /** Answers in the order in which it was asked. Rejects with LogUnavailable. */
  ask<Kind extends LogRequest["kind"]>(
    request: Extract<LogRequest, { kind: Kind }>,
  ): Promise<LogAnswers[Kind]> {
    if (this.#gone !== null) return Promise.reject(this.#gone);
    const number = this.#asked++;
    return new Promise<LogAnswer>((resolve, reject) => {
      this.#waiters.set(number, { resolve, reject });
      this.#worker.postMessage({ number, request });
    }) as Promise<LogAnswers[Kind]>;
  }

  async close(): Promise<void> {
    if (this.#gone !== null) return;
    await this.ask({ kind: "close" });
  }

  terminate(): void {
    this.#ended(new LogUnavailable("the exchange log is closed"));
    this.#worker.terminate();
  }

  #told(told: Told): void {
    const waiter = this.#waiters.get(told.number);
    this.#waiters.delete(told.number);
    if ("error" in told) waiter?.reject(new LogUnavailable(told.error));
    else waiter?.resolve(told.answer);
  }

  #lost(error: LogUnavailable): void {
    if (this.#gone !== null) return;
    this.#ended(error);
    this.#worker.terminate();
    if (this.#isOpen) this.#died(error);
  }

  #ended(error: LogUnavailable): void {
    this.#gone ??= error;
    for (const { reject } of this.#waiters.values()) reject(this.#gone);
    this.#waiters.clear();
  }
}
