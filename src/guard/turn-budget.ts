// How much work one client may cause in one turn of the event loop. What is more waits for a coming turn, in order.
import { reportEscaped } from "./escaped-errors.ts";

export interface TurnBudgetOptions {
  /** Units in one turn for one key. */
  readonly perKey: number;
  /**
   * Units in one turn for all keys that had to wait. A key that comes with little and did not wait is not held up by others:
   * this is what keeps a neighbour's requests going.
   */
  readonly total: number;
}

interface Waiting {
  readonly key: string;
  readonly resume: () => void;
}

/**
 * Shares the event loop between keys (client networks, connections). The unit is the caller's: bytes, requests, messages.
 * Costs a Map entry for each key that was active in this turn, and one `setImmediate` a turn while anybody is active.
 */
export class TurnBudget {
  readonly #options: TurnBudgetOptions;
  readonly #used = new Map<string, number>();
  #queue: Waiting[] = [];
  #isScheduled = false;
  #hasWaited = 0;

  constructor(options: TurnBudgetOptions) {
    this.#options = options;
  }

  /** Keys that wait for a coming turn. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** How often a key had to wait, since the start. */
  get waits(): number {
    return this.#hasWaited;
  }

  /** Whether the key has used up its share of this turn. */
  isSpent(key: string): boolean {
    return (this.#used.get(key) ?? 0) >= this.#options.perKey;
  }

  /** Takes up to `wanted` units and answers how many there were: 0 to `wanted`. */
  take(key: string, wanted: number): number {
    const used = this.#used.get(key) ?? 0;
    const granted = Math.max(0, Math.min(wanted, this.#options.perKey - used));
    this.#used.set(key, used + granted);
    this.#schedule();
    return granted;
  }

  /** Calls `resume` once in a coming turn; before that, whoever waited longer. */
  wait(key: string, resume: () => void): void {
    this.#hasWaited++;
    this.#queue.push({ key, resume });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    this.#used.clear();
    const queue = this.#queue;
    this.#queue = [];
    const kept: Waiting[] = [];
    let spent = 0;
    for (const waiting of queue) {
      // One that used its share in this very turn waits behind the others of the next.
      const used = this.#used.get(waiting.key) ?? 0;
      if (spent >= this.#options.total || used >= this.#options.perKey) {
        kept.push(waiting);
        continue;
      }
      try {
        waiting.resume();
      } catch (error) {
        reportEscaped(error);
      }
      spent += (this.#used.get(waiting.key) ?? 0) - used;
    }
    // Those left over waited longer than those that came to wait meanwhile.
    this.#queue = kept.length === 0 ? this.#queue : [...kept, ...this.#queue];
    if (this.#queue.length > 0) this.#schedule();
  }
}
