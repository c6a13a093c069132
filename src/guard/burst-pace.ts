// Pays for bursts that cannot be split: the runtime hands over all messages of 512 KiB in one turn of the event loop.

export interface BurstPaceOptions {
  /** Units of a connection in one turn; a connection that had more has to wait. */
  readonly perTurn: number;
  /** Connections that may go on in one turn after they had to wait. */
  readonly resumedPerTurn: number;
}

/** What is paced: a connection that can stop reading. Called in a turn of its own. */
export interface Paced {
  /** Units that it had in the turn in which it began to wait. */
  readonly burst: number;
  /** May read on. */
  goOn(): void;
}

interface Waiting {
  readonly paced: Paced;
  /** Turns that are left; null: the burst is not over yet. */
  turns: number | null;
}

/**
 * A connection waits as many turns as its burst was too large for one, and the connections of one client network wait one after
 * the other: many connections are no way round. Turns are counted only while somebody is active; an idle process has thousands
 * of them in a second, so a burst that hurts nobody costs nothing.
 */
export class BurstPace {
  readonly #options: BurstPaceOptions;
  readonly #queues = new Map<string, Waiting[]>();
  #turn = 0;
  #isScheduled = false;

  constructor(options: BurstPaceOptions) {
    this.#options = options;
  }

  get perTurn(): number {
    return this.#options.perTurn;
  }

  /** Networks that have a connection that waits. */
  get waiting(): number {
    return this.#queues.size;
  }

  /** A number that is the same within a turn of the event loop, and never comes back. */
  get turn(): number {
    this.#schedule();
    return this.#turn;
  }

  /** `network`: those of the same wait for each other. */
  wait(network: string, paced: Paced): void {
    const waiting = { paced, turns: null };
    const queue = this.#queues.get(network);
    if (queue === undefined) this.#queues.set(network, [waiting]);
    else queue.push(waiting);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#isScheduled = false;
    this.#turn++;
    let resumed = 0;
    // A copy: a network that is put behind the others is not seen twice.
    for (const [network, queue] of [...this.#queues]) {
      const first = queue[0];
      if (first === undefined) continue;
      first.turns ??= Math.ceil(first.paced.burst / this.#options.perTurn);
      first.turns--;
      if (first.turns > 0 || resumed >= this.#options.resumedPerTurn) continue;
      resumed++;
      queue.shift();
      // Behind the other networks the next time.
      this.#queues.delete(network);
      if (queue.length > 0) this.#queues.set(network, queue);
      first.paced.goOn();
    }
    if (this.#queues.size > 0) this.#schedule();
  };
}
