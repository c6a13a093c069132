// Reads of the change feed for many followers: those at the same place share one, and whole states go out a few at a time.
import type { Changes } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { Places } from "../../guard/places.ts";
import { lineageOf, NO_LINEAGE } from "../../policy/lineage.ts";
import type { StoreChangeSource } from "./change-source.ts";
import { encodedBatch } from "./feed-batches.ts";
import type { FeedCursor } from "./feed-cursor.ts";

/** What a follower gets next. */
export interface FeedRead {
  /** Where the follower is once it has all of it. */
  readonly cursor: FeedCursor;
  /** Everything there is; of a read after a cursor: that is needed, and was not read. */
  readonly isAll: boolean;
  /** FollowResponse messages, encoded. */
  readonly parts: () => Iterable<Uint8Array>;
}

/** Entities of a read whose messages are kept for the next follower. */
const KEPT_MAX = 1_000;

export class FeedReads {
  readonly #source: StoreChangeSource;
  readonly #wholes: Places;
  readonly #wholesOfNode: Places<string>;
  /** By place and servers. */
  #shared = new Map<string, Promise<FeedRead>>();

  /** `wholesMax`: whole states that are sent at a time; `perNodeMax`: to processes of one node. */
  constructor(source: StoreChangeSource, wholesMax: number, perNodeMax: number) {
    this.#source = source;
    this.#wholes = new Places(wholesMax);
    this.#wholesOfNode = new Places(perNodeMax);
  }

  /** What was read before is out of date. */
  refresh(): void {
    this.#shared = new Map();
  }

  /** Everything. It is held until it has been sent: only in a turn. */
  whole(servers: readonly string[]): Promise<FeedRead> {
    return this.#read(0n, NO_LINEAGE, servers, false);
  }

  /** After a cursor. Says that everything is needed, and reads nothing, where the cursor is of no use. */
  after(cursor: FeedCursor, servers: readonly string[]): Promise<FeedRead> {
    const shared = this.#shared;
    const key = JSON.stringify([`${cursor.revision}`, cursor.lineage, servers]);
    const reading =
      shared.get(key) ??
      this.#read(cursor.revision, cursor.lineage, servers, true).catch((error: unknown) => {
        shared.delete(key);
        throw error;
      });
    shared.set(key, reading);
    return reading;
  }

  /**
   * Resolves when a whole state may be read and sent. Call the answer when that is done. The processes of one node wait for each
   * other first: in the common line there are as many of each node as may be served, so that a node with many keeps none away.
   */
  async turn(node: string): Promise<() => void> {
    const leaveNode = await placed(this.#wholesOfNode, node);
    const leave = await placed(this.#wholes, 0);
    return () => {
      leave();
      leaveNode();
    };
  }

  async #read(
    revision: bigint,
    lineage: string,
    servers: readonly string[],
    resumesOnly: boolean,
  ): Promise<FeedRead> {
    const changes = await this.#source.changesAfter(revision, lineage, servers, resumesOnly);
    const cursor = {
      revision: changes.revision,
      lineage: lineageOf(changes.lineages, changes.revision),
    };
    return { cursor, isAll: changes.all, parts: messagesOf(changes) };
  }
}

function placed<Key extends string | number>(places: Places<Key>, key: Key): Promise<() => void> {
  return new Promise((resolve) => {
    const leave = places.take(key, () => queueMicrotask(() => resolve(leave)));
  });
}

function messagesOf(changes: Changes): () => Iterable<Uint8Array> {
  const { projects, containers } = changes;
  if (projects.length + containers.length > KEPT_MAX) return () => encodedBatch(changes);
  let kept: Uint8Array[] | null = null;
  return () => {
    kept ??= [...encodedBatch(changes)];
    return kept;
  };
}
