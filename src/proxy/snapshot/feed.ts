import type { Changes } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { eventLoopSlices } from "../../guard/slices.ts";
import type { Log } from "../../log.ts";
import { lineageOf, NO_LINEAGE } from "../../policy/lineage.ts";
import type { Steps } from "../../policy/steps.ts";
import { bootClockMs } from "./boot-clock.ts";
import { batchOf, type ChangeBatch, type Changed, noted } from "./change-batch.ts";
import type { Snapshot } from "./snapshot.ts";
import type { SavedBatch } from "./snapshot-reader.ts";
import type { Staleness } from "./staleness.ts";

/** Where the proxy learns what changed. The announcement is a hint; what `changesAfter` answers is the truth. */
export interface ChangeSource {
  /** The present state of everything that changed after this revision; everything for 0n, and for one of another lineage. */
  changesAfter(revision: bigint, lineage: string): Promise<Changes | ChangeBatch>;
  /** Calls the listener after each commit; the answer ends that. */
  onCommit(listener: (revision: bigint) => void): () => void;
  /** Hears what is enforced now. */
  enforced?(revision: bigint, lineage: string): void;
}

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;
/** The source is asked this often though it announced nothing: is it still there? */
const ASK_MS = 10_000;
/** How often it is looked whether it was heard too long ago. */
const LOOK_MS = 1_000;

/** Documents are compiled before a swap for so long: a revocation among the same changes must not wait for more of them. */
const COMPILE_MS = 250;

function timeFor(ms: number): () => boolean {
  const untilMs = performance.now() + ms;
  return () => performance.now() < untilMs;
}

/** Whose word is enforced: nobody's yet, an earlier process's, or the source's. */
export type FeedSource = "none" | "file" | "live";

export interface FeedOptions {
  readonly source: ChangeSource;
  /** The snapshot before the first change. */
  readonly empty: Snapshot;
  readonly log: Log;
  /** Called after each swap, with what changed in it; null: with all there is, nothing else is left of the one before. */
  readonly published?: (changes: ChangeBatch, changed: Changed | null) => void;
  /** Called when nothing is in force any more because the source was not heard for too long. */
  readonly closed?: () => void;
  readonly staleness?: Staleness;
}

interface Waiter {
  readonly revision: bigint;
  readonly lineage: string | null;
  readonly settle: (reached: boolean) => void;
}

/** Follows a ChangeSource and publishes one snapshot after the other. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #source: ChangeSource;
  readonly #log: Log;
  readonly #staleness: Staleness | null;
  readonly #waiters = new Set<Waiter>();
  #snapshot: Snapshot;
  #lineages: ChangeBatch["lineages"] = [];
  /** `none`: nothing is enforced, not even revision 0. */
  #from: FeedSource = "none";
  /** Whether the source may be asked for what comes after what is enforced. */
  #resumes = false;
  #announced = 0n;
  #pumping = false;
  #stopped = false;
  #failing = false;
  #failures = 0;
  #readAtMs: number | null = null;
  #retryMs = RETRY_FIRST_MS;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #asking: ReturnType<typeof setInterval> | null = null;
  #looking: ReturnType<typeof setInterval> | null = null;
  #unsubscribe: (() => void) | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#source = options.source;
    this.#snapshot = options.empty;
    this.#log = options.log;
    this.#staleness = options.staleness ?? null;
  }

  get from(): FeedSource {
    return this.#from;
  }

  /** Whether the last read failed. */
  get failing(): boolean {
    return this.#failing;
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
   * and again, and until it answers there are no containers, unless `startFrom` brings some.
   */
  async start(): Promise<void> {
    const askMs = Math.min(ASK_MS, (this.#staleness?.maxMs ?? Number.POSITIVE_INFINITY) / 4);
    this.#asking = setInterval(() => void this.#pump(), askMs);
    if (this.#staleness !== null) {
      this.#looking = setInterval(() => this.look(), LOOK_MS);
    }
    this.#unsubscribe = this.#source.onCommit((revision) => {
      if (revision > this.#announced) {
        this.#announced = revision;
      }
      void this.#pump();
    });
    await this.#pump();
  }

  /**
   * Goes on with what an earlier process heard, unless the source was heard meanwhile. `server`: the one that this process is
   * of. The source is asked for what changed after it, or for everything when it has another history, or when the file was
   * another server's. Rejects when it cannot be read; then nothing of it counts.
   */
  async startFrom(saved: SavedBatch, server: string): Promise<void> {
    const snapshot = await this.#run(this.#snapshot.replacedBySteps(saved));
    if (this.#from !== "none" || this.#stopped) return;
    const { commit } = saved;
    this.#staleness?.heardBefore(commit.heardAtMs, Date.now(), bootClockMs());
    this.#snapshot = snapshot;
    this.#lineages = commit.lineages;
    this.#from = "file";
    // A document that is missing would be missing for good.
    this.#resumes =
      commit.server === server &&
      !snapshot.names("missing") &&
      lineageOf(commit.lineages, commit.revision) !== NO_LINEAGE;
    this.#settleWaiters();
  }

  /**
   * True as soon as the published snapshot is at least this one, false when that takes longer, or when the revision of this
   * lineage is lost. Null: of any lineage.
   */
  reached(revision: bigint, waitMs: number, lineage: string | null = null): Promise<boolean> {
    if (this.#has(revision)) {
      return Promise.resolve(!this.hasLost(revision, lineage));
    }
    if (this.#stopped) {
      return Promise.resolve(false);
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => waiter.settle(false), waitMs);
    const waiter: Waiter = {
      revision,
      lineage,
      settle: (reached) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(reached);
      },
    };
    this.#waiters.add(waiter);
    return promise;
  }

  /** Whether another write has the number of this revision: its own is lost, and will never be enforced. */
  /** Of what is enforced. */
  get lineage(): string {
    return lineageOf(this.#lineages, this.current().revision);
  }

  hasLost(revision: bigint, lineage: string | null): boolean {
    if (lineage === null || !this.#has(revision)) return false;
    return lineageOf(this.#lineages, revision) !== lineage;
  }

  #has(revision: bigint): boolean {
    return this.#from !== "none" && this.#snapshot.revision >= revision;
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe?.();
    this.#clearRetry();
    clearInterval(this.#asking ?? undefined);
    clearInterval(this.#looking ?? undefined);
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
      } while (!this.#stopped && this.#announced > this.#snapshot.revision);
      this.#retryMs = RETRY_FIRST_MS;
      this.#failing = false;
    } catch (error) {
      this.#failing = true;
      this.#failures++;
      this.#log.error({ err: error }, "change feed failed; trying again");
      this.#retryLater();
    } finally {
      this.#pumping = false;
    }
  }

  async #step(): Promise<void> {
    let after = this.#resumes ? this.#snapshot.revision : 0n;
    let isAll = after === 0n && this.#from !== "live";
    let changes = batchOf(await this.#source.changesAfter(after, lineageOf(this.#lineages, after)));
    // The source was restored, or its server lost its last commits: of what is enforced nothing is known to be true.
    if (after > 0n && (changes.all || changes.revision < after)) {
      isAll = true;
      after = 0n;
      if (!changes.all) changes = batchOf(await this.#source.changesAfter(after, NO_LINEAGE));
      this.#announced = changes.revision;
    }
    const stuck = changes.revision === after && this.#announced > after;
    if (stuck) {
      const announced = this.#announced;
      // It counts as a failure once: an announced commit that a server lost never comes.
      this.#announced = after;
      throw new Error(`source is at ${changes.revision}, ${announced} was announced`);
    }
    if (this.#stopped) {
      return;
    }
    // Who only says that nothing came after it does not repeat the history.
    if (!isAll && changes.revision === after) changes = { ...changes, lineages: this.#lineages };
    if (isAll) this.#reportLoss(changes);
    this.#readAtMs = Date.now();
    this.#staleness?.heard(this.#readAtMs, bootClockMs());
    const reopened = this.#snapshot.closed !== null;
    // Also when nothing was in force: what is made of that is.
    const some = isAll ? null : noted(changes);
    const next = await this.#run(
      some === null
        ? this.#snapshot.replacedBySteps(changes)
        : this.#snapshot.applySteps(some.batch, timeFor(COMPILE_MS)),
    );
    if (this.#stopped) {
      return;
    }
    this.#snapshot = next;
    this.#lineages = changes.lineages;
    this.#from = "live";
    this.#resumes = true;
    if (reopened) {
      this.#log.info({}, "the control plane is heard again");
    }
    this.#options.published?.(changes, some?.changed ?? null);
    this.#settleWaiters();
    this.#source.enforced?.(next.revision, lineageOf(this.#lineages, next.revision));
  }

  /** Everything was read: what was enforced may have been another history's. */
  #reportLoss({ revision, lineages }: ChangeBatch): void {
    const before = this.#snapshot.revision;
    const fields = { is: String(revision), was: String(before) };
    if (revision < before) {
      this.#log.error(fields, "the control plane knows less than was enforced before: restored?");
    } else if (before > 0n && lineageOf(lineages, before) !== lineageOf(this.#lineages, before)) {
      this.#log.error(
        fields,
        "the control plane has another history than was enforced before: restored?",
      );
    }
  }

  /** In slices, but begun at once: until the swap everything is enforced as before. */
  #run(steps: Steps<Snapshot>): Promise<Snapshot> {
    return eventLoopSlices.run(steps, { key: "feed", urgent: true, atOnce: true });
  }

  #settleWaiters(): void {
    for (const waiter of [...this.#waiters]) {
      if (this.#snapshot.revision >= waiter.revision) {
        waiter.settle(!this.hasLost(waiter.revision, waiter.lineage));
      }
    }
  }

  /** Closes everything when the source was not heard for too long. */
  look(): void {
    if (this.#snapshot.closed === null && this.#staleness?.isStale(bootClockMs())) {
      this.#snapshot = this.#snapshot.closedAs("stale");
      this.#log.error(
        {},
        "the control plane was not heard for too long: nothing is allowed any more",
      );
      this.#options.closed?.();
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
