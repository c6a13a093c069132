// A store as conformance suites open it, whatever keeps its data, with two users and a clock of the test.
import type { Store } from "../../src/admin/store/store.ts";

/** A store on a place of its own that outlives it. */
export interface OpenStore extends AsyncDisposable {
  readonly store: Store;
  /** Closes the store and opens what it left behind. */
  reopen(): Promise<Store>;
  /** A user beside the first one; its id. */
  addUser(username: string): Promise<string>;
}

/** `now`: the clock that the store is given, in milliseconds. */
export type Open = (now: () => number) => Promise<OpenStore>;

/** In milliseconds; each look at it moves it by `tick`. */
export interface StageClock {
  now: number;
  readonly tick: number;
}

/** What every stage of a conformance suite has; see Stage and TokenStage. */
export abstract class StoreStage implements AsyncDisposable {
  readonly #opened: OpenStore;
  readonly store: Store;
  readonly clock: StageClock;

  protected constructor({ opened, clock }: OpenedStage) {
    this.#opened = opened;
    this.store = opened.store;
    this.clock = clock;
  }

  addUser(username: string): Promise<string> {
    return this.#opened.addUser(username);
  }

  reopen(): Promise<Store> {
    return this.#opened.reopen();
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#opened[Symbol.asyncDispose]();
  }
}

export interface OpenedStage {
  readonly opened: OpenStore;
  readonly clock: StageClock;
  /** Ids of ada and bob. */
  readonly users: readonly [ada: string, bob: string];
}

export async function openStage(open: Open, tick: number): Promise<OpenedStage> {
  const clock = { now: Date.UTC(2026, 0, 1), tick };
  const opened = await open(() => {
    const { now } = clock;
    clock.now += tick;
    return now;
  });
  return { opened, clock, users: [await opened.addUser("ada"), await opened.addUser("bob")] };
}
