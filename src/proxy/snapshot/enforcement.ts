// What this proxy enforces: what the control plane says, or else what it said last (fail static).

import type { Log } from "../../log.ts";
import { type ChangeSource, Feed, type FeedSource } from "./feed.ts";
import { type Closed, Snapshot } from "./snapshot.ts";
import type { Box } from "./snapshot-codec.ts";
import type { SnapshotOptions } from "./snapshot-edit.ts";
import { type SavedState, SnapshotFile } from "./snapshot-file.ts";
import { Staleness } from "./staleness.ts";

export interface SnapshotPlace {
  readonly path: string;
  readonly box: Box;
  /** Changes are written together that come within this time: 2,000 unless set. */
  readonly flushMs?: number;
  /** Another process saves what is heard; this one reads it at its start only. */
  readonly isReader?: boolean;
  /** Whether a predecessor of this process may save there, too. */
  readonly isShared?: boolean;
}

export interface EnforcerOptions {
  readonly source: ChangeSource;
  readonly snapshot: SnapshotOptions;
  /** Null: nothing is saved, and a start without the control plane knows no containers. */
  readonly place: SnapshotPlace | null;
  /** Null: any age. */
  readonly stalenessMaxMs: number | null;
  /** Told of each swap: what changed, by id; null: anything may have. */
  readonly swapped: (changed: Changed | null) => void;
  readonly log: Log;
}

export interface Changed {
  readonly projects: readonly string[];
  readonly containers: readonly string[];
}

/** For those who ask how it is. */
export interface Enforcement {
  readonly from: FeedSource;
  readonly revision: bigint;
  /** Unix milliseconds; null: the control plane was never heard. */
  readonly heardAtMs: number | null;
  /** Not null: nothing is allowed, for this reason. */
  readonly closed: Closed | null;
  /** Whether the control plane cannot be heard now. */
  readonly failing: boolean;
}

export class Enforcer {
  readonly #options: EnforcerOptions;
  readonly #file: SnapshotFile | null;
  readonly #staleness: Staleness;
  readonly feed: Feed;

  constructor(options: EnforcerOptions) {
    const { source, place, stalenessMaxMs, swapped, log } = options;
    this.#options = options;
    this.#file =
      place === null
        ? null
        : new SnapshotFile({
            ...place,
            log,
            heardMs: stalenessMaxMs === null ? null : stalenessMaxMs / 4,
          });
    this.#staleness = new Staleness(stalenessMaxMs);
    this.feed = new Feed({
      source,
      empty: Snapshot.empty(options.snapshot),
      log,
      staleness: this.#staleness,
      closed: () => swapped(null),
      published: (changes, isAll) => {
        this.#saver?.keep(changes, isAll, Date.now());
        const { projects, containers } = changes;
        swapped(isAll ? null : { projects: projects.map(idOf), containers: containers.map(idOf) });
      },
    });
  }

  /** Asks the control plane once, and when it does not answer takes what was saved. */
  async start(): Promise<void> {
    const { log } = this.#options;
    await this.feed.start();
    const saved = this.feed.from === "none" ? ((await this.#file?.load()) ?? null) : null;
    if (saved === null) {
      return;
    }
    const { changes, heardAtMs } = saved;
    this.feed.startFrom(changes, heardAtMs);
    const fields = { revision: String(changes.revision), heardAt: new Date(heardAtMs) };
    log.error(fields, "the control plane cannot be heard: going on with what it said last");
  }

  get state(): Enforcement {
    const { from, failing } = this.feed;
    const { revision, closed } = this.feed.current();
    return { from, revision, closed, failing, heardAtMs: this.#staleness.heardAtMs };
  }

  /** Null: this process saves nothing. */
  get #saver(): SnapshotFile | null {
    return this.#options.place?.isReader === true ? null : this.#file;
  }

  /** The state of the file; null: nothing is saved. */
  get saved(): SavedState | null {
    return this.#saver?.saved ?? null;
  }

  /** Saves everything anew, as with another key. Resolves to whether it lies on disk; true where another process saves. */
  async reseal(): Promise<boolean> {
    return (await this.#saver?.saveAnew()) ?? true;
  }

  /** Saves what is not saved yet. */
  async stop(): Promise<void> {
    this.feed.stop();
    await this.#saver?.close();
  }
}

function idOf({ id }: { readonly id: string }): string {
  return id;
}
