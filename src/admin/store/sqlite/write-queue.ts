// Group commit: writes that come within one turn of the event loop are committed, and reach the disk, together.

/** Writes in one transaction: they hold the event loop for as long. */
const BATCH_MAX = 32;

export interface BatchedWrite {
  /** May be tried again in room that was set aside. */
  readonly isEssential?: boolean;
  /** Runs in the transaction; what it throws takes back what it did itself, and nothing else. */
  readonly run: () => void;
  /** It is durable; or what it threw, or what kept the transaction from being committed. */
  readonly settle: (outcome: { readonly error: unknown } | null) => void;
}

export interface WriteTransaction {
  /** Runs `body` between BEGIN and COMMIT; what it throws takes all back, and is thrown. */
  readonly around: (body: () => void) => void;
  /** Runs `body` so that what it throws, which is thrown again, takes back only what it did. */
  readonly within: (body: () => void) => void;
  /** Whether a transaction that failed so may be tried again, because there is room now. Unset: never. */
  readonly makesRoom?: (error: unknown) => boolean;
  /** Whether there is a transaction: some failures of the disk end it. */
  readonly isOpen: () => boolean;
}

export class WriteQueue {
  readonly #transaction: WriteTransaction;
  #waiting: BatchedWrite[] = [];
  #isScheduled = false;

  constructor(transaction: WriteTransaction) {
    this.#transaction = transaction;
  }

  add(write: BatchedWrite): void {
    this.#waiting.push(write);
    this.#schedule();
  }

  /** Commits everything that waits. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commit(this.#waiting.splice(0, BATCH_MAX));
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#commit(this.#waiting.splice(0, BATCH_MAX));
      this.#schedule();
    });
  }

  #commit(batch: readonly BatchedWrite[]): void {
    const failed = new Map<BatchedWrite, unknown>();
    try {
      this.#transaction.around(() => {
        for (const write of batch) this.#run(write, batch.length === 1, failed);
      });
    } catch (error) {
      const again = this.#transaction.makesRoom?.(error)
        ? batch.filter(({ isEssential }) => isEssential === true)
        : [];
      for (const write of batch) if (!again.includes(write)) write.settle({ error });
      if (again.length > 0) this.#commit(again);
      return;
    }
    for (const write of batch) {
      write.settle(failed.has(write) ? { error: failed.get(write) } : null);
    }
  }

  #run(write: BatchedWrite, isAlone: boolean, failed: Map<BatchedWrite, unknown>): void {
    try {
      if (isAlone) write.run();
      else this.#transaction.within(write.run);
    } catch (error) {
      if (isAlone || !this.#transaction.isOpen()) throw error;
      failed.set(write, error);
    }
  }
}
