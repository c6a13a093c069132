// What this proxy enforces: what the control plane says, or else what it said last (fail static).

import type { Log } from "../../log.ts";
import type { Changed } from "./change-batch.ts";
import { type ChangeSource, Feed, type FeedSource } from "./feed.ts";
import { PolicyCache } from "./policy-cache.ts";
import { type Closed, Snapshot } from "./snapshot.ts";
import type { Box } from "./snapshot-codec.ts";
import type { SnapshotOptions } from "./snapshot-edit.ts";
import { type SavedState, SnapshotFile } from "./snapshot-file.ts";
import type { SavedBatch } from "./snapshot-reader.ts";
import { Staleness } from "./staleness.ts";

/** How long a start waits for the control plane where it knows what that said last, in milliseconds. */
const ANSWER_MS = 2_000;

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

/** For those who ask how it is. */
export interface Enforcement {
  readonly from: FeedSource;
  readonly revision: bigint;
  /** Whose the revision is. */
  readonly lineage: string;
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
            server: options.snapshot.serverName,
            named: () => {
              const current = this.feed.current();
              return (digest) => current.names(digest);
            },
            heardMs: stalenessMaxMs === null ? null : stalenessMaxMs / 4,
          });
    this.#staleness = new Staleness(stalenessMaxMs);
    this.feed = new Feed({
      source,
      empty: Snapshot.empty({ policies: new PolicyCache(), ...options.snapshot }),
      log,
      staleness: this.#staleness,
      closed: () => swapped(null),
      published: (changes, changed) => {
        this.#saver?.keep(changes, changed === null, Date.now());
        swapped(changed);
      },
    });
  }

  /** Takes what was saved and asks the control plane once. Where much is known its answer is not waited for long. */
  async start(): Promise<void> {
    const { log, snapshot } = this.#options;
    const { feed } = this;
    const load = async (saved: SavedBatch) => {
      await feed.startFrom(saved, snapshot.serverName);
      return new Date(saved.commit.heardAtMs);
    };
    const heardAt = (await this.#file?.load(load)) ?? null;
    const asked = feed.start();
    await (heardAt === null ? asked : Promise.race([asked, Bun.sleep(ANSWER_MS)]));
    if (heardAt === null || feed.from !== "file") return;
    feed.look();
    const fields = { revision: String(feed.current().revision), heardAt };
    if (feed.failing) {
      log.error(fields, "the control plane cannot be heard: going on with what it said last");
    } else log.info(fields, "going on with what the control plane said last until it has answered");
  }

  get state(): Enforcement {
    const { from, failing, lineage } = this.feed;
    const { revision, closed } = this.feed.current();
    return { from, revision, lineage, closed, failing, heardAtMs: this.#staleness.heardAtMs };
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
    await this.#file?.close();
  }
}
