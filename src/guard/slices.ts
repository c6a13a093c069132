// Long work in short slices, so that whatever else the process does is not held up by it.
import type { Steps } from "../policy/steps.ts";

/** What one turn of the event loop gives to sliced work, in milliseconds; a step that began in it ends. */
export const sliceMs = 4;

export interface SliceOptions {
  /** Whose work it is: keys take turns. */
  readonly key: string;
  /** Goes first: what enforces a change does not wait for what somebody asks for. */
  readonly urgent?: boolean;
  /** The first slice begins at once, not in a coming turn. */
  readonly atOnce?: boolean;
  /** Called after each slice with its milliseconds. What it throws ends the work. */
  readonly charge?: (ms: number) => void;
}

interface Waiting {
  readonly key: string;
  readonly resume: () => void;
}

/** Slices that begin in the same turn share its time: one after the other, not one each. */
export class Slices {
  readonly #nowMs: () => number;
  readonly #urgent: Waiting[] = [];
  /** By key; the key whose turn is next comes first. */
  readonly #lanes = new Map<string, Waiting[]>();
  #isScheduled = false;
  #count = 0;

  /** `nowMs`: the clock, in milliseconds. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Slices since the start. */
  get count(): number {
    return this.#count;
  }

  /** Runs the steps to their end. */
  async run<Result>(steps: Steps<Result>, options: SliceOptions): Promise<Result> {
    for (let slice = 0; ; slice++) {
      if (slice > 0 || !options.atOnce) await this.#turn(options);
      this.#count++;
      const startMs = this.#nowMs();
      let spentMs = 0;
      let done: IteratorResult<number, Result>;
      try {
        do {
          done = steps.next();
          spentMs = this.#nowMs() - startMs;
        } while (!done.done && spentMs < sliceMs);
      } finally {
        options.charge?.(this.#nowMs() - startMs);
      }
      if (done.done) return done.value;
    }
  }

  #turn({ key, urgent = false }: SliceOptions): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { key, resume: resolve };
    if (urgent) this.#urgent.push(waiting);
    else {
      const lane = this.#lanes.get(key) ?? [];
      lane.push(waiting);
      this.#lanes.set(key, lane);
    }
    this.#schedule();
    return promise;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#next()?.resume();
      if (this.#urgent.length > 0 || this.#lanes.size > 0) this.#schedule();
    });
  }

  #next(): Waiting | undefined {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) return urgent;
    for (const [key, lane] of this.#lanes) {
      const waiting = lane.shift();
      this.#lanes.delete(key);
      if (lane.length > 0) this.#lanes.set(key, lane);
      return waiting;
    }
    return undefined;
  }
}

/** The process has one event loop, which everything in it shares. */
export const eventLoopSlices = new Slices();
