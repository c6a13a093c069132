import type { Changes } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Log } from "./log.ts";
import type { Snapshot } from "./snapshot.ts";

/** Where the proxy learns what changed. The announcement is a hint; what `changesAfter` answers is the truth. */
export interface ChangeSource {
  /** The present state of everything that changed after this revision; everything for 0n. */
  changesAfter(revision: bigint): Promise<Changes>;
  /** Calls the listener after each commit; the answer ends that. */
  onCommit(listener: (revision: bigint) => void): () => void;
}

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;

interface Waiter {
  readonly revision: bigint;
  readonly settle: (reached: boolean) => void;
}

/** Follows a ChangeSource and publishes one snapshot after the other. */
export class Feed {
  readonly #source: ChangeSource;
  readonly #log: Log;
  readonly #published: (changes: Changes) => void;
  readonly #waiters = new Set<Waiter>();
  #snapshot: Snapshot;
  /** The initial state was read: before that nothing is enforced, not even revision 0. */
  #loaded = false;
  #announced = 0n;
  #pumping = false;
  #stopped = false;
  #failures = 0;
  #readAtMs: number | null = null;
  #retryMs = RETRY_FIRST_MS;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #unsubscribe: (() => void) | null = null;

  /** `published` is called after each swap, with what changed in it. */
  constructor(
    source: ChangeSource,
    empty: Snapshot,
    log: Log,
    published: (changes: Changes) => void = () => {},
  ) {
    this.#source = source;
    this.#snapshot = empty;
    this.#log = log;
    this.#published = published;
  }

  /** How many reads failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Unix milliseconds of the last read that did not; null: there was none. */
  get readAtMs(): number | null {
    return this.#readAtMs;
  }

  /** The latest snapshot; read it once a request. */
  current(): Snapshot {
    return this.#snapshot;
  }

  /**
   * Subscribes and reads the initial state. Resolves after the first attempt: when that fails the source is asked again
   * and again, and until it answers there are no containers.
   */
  async start(): Promise<void> {
    this.#unsubscribe = this.#source.onCommit((revision) => {
      if (revision > this.#announced) {
        this.#announced = revision;
      }
      void this.#pump();
    });
    await this.#pump();
  }

  /** True as soon as the published snapshot is at least this one, false when that takes longer. */
  reached(revision: bigint, waitMs: number): Promise<boolean> {
    if (this.#loaded && this.#snapshot.revision >= revision) {
      return Promise.resolve(true);
    }
    if (this.#stopped) {
      return Promise.resolve(false);
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => waiter.settle(false), waitMs);
    const waiter: Waiter = {
      revision,
      settle: (reached) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(reached);
      },
    };
    this.#waiters.add(waiter);
    return promise;
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe?.();
    this.#clearRetry();
    for (const waiter of [...this.#waiters]) {
      waiter.settle(false);
    }
  }

  /** One at a time; whoever comes while it runs is served by its next round. */
  async #pump(): Promise<void> {
    if (this.#pumping || this.#stopped) {
      return;
    }
    this.#pumping = true;
    this.#clearRetry();
    try {
      do {
        await this.#step();
      } while (this.#announced > this.#snapshot.revision);
      this.#retryMs = RETRY_FIRST_MS;
    } catch (error) {
      this.#failures++;
      this.#log.error({ err: error }, "change feed failed; trying again");
      this.#retryLater();
    } finally {
      this.#pumping = false;
    }
  }

  async #step(): Promise<void> {
    const current = this.#snapshot;
    const changes = await this.#source.changesAfter(current.revision);
    const stuck = changes.revision === current.revision && this.#announced > current.revision;
    if (changes.revision < current.revision || stuck) {
      throw new Error(`source is at ${changes.revision}, ${this.#announced} was announced`);
    }
    this.#readAtMs = Date.now();
    this.#publish(current.apply(changes), changes);
  }

  #publish(next: Snapshot, changes: Changes): void {
    if (this.#stopped) {
      return;
    }
    this.#snapshot = next;
    this.#loaded = true;
    this.#published(changes);
    for (const waiter of [...this.#waiters]) {
      if (next.revision >= waiter.revision) {
        waiter.settle(true);
      }
    }
  }

  #retryLater(): void {
    if (this.#stopped) {
      return;
    }
    this.#retry = setTimeout(() => {
      this.#retry = null;
      void this.#pump();
    }, this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
  }

  #clearRetry(): void {
    if (this.#retry !== null) {
      clearTimeout(this.#retry);
      this.#retry = null;
    }
  }
}
