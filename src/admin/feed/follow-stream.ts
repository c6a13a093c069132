// One follower of the feed: one batch at a time is on its way, and a mark says that there is more.
import { create, toBinary } from "@bufbuild/protobuf";
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import {
  FeedBookmarkSchema,
  FeedGoAwaySchema,
  type FeedHello,
  FeedMode,
  FeedWelcomeSchema,
  type FollowRequest,
  type FollowResponse,
  FollowResponseSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { cursorOf, type FeedCursor, isSameCursor } from "./feed-cursor.ts";
import type { FeedPeer } from "./feed-peer.ts";
import type { FeedRead, FeedReads } from "./feed-reads.ts";
import { isCursor } from "./hello-problem.ts";

export type FollowCall = ServerDuplexStream<FollowRequest, Uint8Array>;

export interface FollowOptions {
  readonly call: FollowCall;
  readonly peer: FeedPeer;
  readonly hello: FeedHello;
  readonly reads: FeedReads;
  readonly heartbeatMs: number;
  /** How long a follower may take nothing of what it is sent, in milliseconds. */
  readonly drainMs: number;
  /** Called for each acknowledgement. */
  readonly acked: (stream: FollowStream) => void;
  readonly failed: (error: unknown) => void;
}

/** A follower that says nothing for so many heartbeats is gone; one that has a batch to take may be longer. */
const SILENT_BEATS = 3;
/** A place for whole states is for those that take them at this rate at least, in bytes a second; others wait for it. */
const WHOLE_BYTES_PER_S_MIN = 128 * 1024;

export class FollowStream {
  readonly #options: FollowOptions;
  readonly openedAtMs = Date.now();
  /** What it has been sent; null: nothing. */
  #sent: FeedCursor | null;
  /** What it enforces; null: nothing. */
  #enforced: FeedCursor | null = null;
  /** The greatest revision that it can know. */
  #knownMax: bigint;
  #isInFlight = false;
  #isDirty = true;
  #isWelcomed = false;
  #isOver = false;
  #pumping = false;
  /** Heartbeats since it said, or took, something. They and not the time: when this process was busy, it heard nobody. */
  #silentBeats = 0;
  #heardAtMs = Date.now();
  #saidMs = 0;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#sent = cursorOf(options.hello.cursor);
    this.#enforced = this.#sent;
    this.#knownMax = this.#sent?.revision ?? 0n;
  }

  get peer(): FeedPeer {
    return this.#options.peer;
  }

  get hello(): FeedHello {
    return this.#options.hello;
  }

  get enforced(): FeedCursor | null {
    return this.#enforced;
  }

  /** Unix milliseconds. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** There may be more. */
  wake(): void {
    this.#isDirty = true;
    void this.#pump();
  }

  /** The database was read: this is where it is. */
  beat(head: FeedCursor): void {
    const { heartbeatMs, drainMs } = this.#options;
    const nowMs = performance.now();
    const silentMax = this.#isInFlight
      ? Math.max(SILENT_BEATS, drainMs / heartbeatMs)
      : SILENT_BEATS;
    if (this.#silentBeats++ >= silentMax) {
      this.fail(status.DEADLINE_EXCEEDED, "nothing was heard from the node");
      return;
    }
    const hasAll = isSameCursor(this.#sent, head);
    if (!hasAll) this.wake();
    if (!this.#isWelcomed || nowMs - this.#saidMs < heartbeatMs / 2) return;
    // Only the cursor says that nothing changed: what was lost or revoked must not stay allowed while its news is late.
    const bookmark = { serverTimeMs: Date.now(), ...(hasAll ? { cursor: head } : {}) };
    void this.#say({ case: "bookmark", value: create(FeedBookmarkSchema, bookmark) }).catch(
      () => {},
    );
  }

  /** Hears an acknowledgement. */
  heard(enforced: FeedCursor | null): void {
    this.#silentBeats = 0;
    this.#heardAtMs = Date.now();
    if (enforced === null) return;
    if (!isCursor(enforced) || enforced.revision > this.#knownMax) {
      this.fail(status.INVALID_ARGUMENT, "the node enforces what it was not sent");
      return;
    }
    const isNew = !isSameCursor(enforced, this.#enforced);
    this.#enforced = enforced;
    if (isNew) this.#options.acked(this);
    if (!this.#isInFlight || !isSameCursor(enforced, this.#sent)) return;
    this.#isInFlight = false;
    if (this.#isDirty) void this.#pump();
  }

  /** Sends the node to another control plane. */
  async goAway(reason: string, retryMs: number): Promise<void> {
    if (this.#isOver) return;
    const goAway = create(FeedGoAwaySchema, { reason, retryMs });
    await this.#say({ case: "goAway", value: goAway }).catch(() => {});
    this.end();
    this.#options.call.end();
  }

  fail(code: status, details: string): void {
    if (this.#isOver) return;
    this.end();
    this.#options.call.emit("error", { code, details });
  }

  /** The call is over. */
  end(): void {
    this.#isOver = true;
  }

  async #pump(): Promise<void> {
    if (this.#pumping || this.#isOver) return;
    this.#pumping = true;
    try {
      while (this.#isDirty && !this.#isInFlight && !this.#isOver) {
        this.#isDirty = false;
        await this.#step();
      }
    } catch (error) {
      this.#options.failed(error);
      this.fail(status.UNAVAILABLE, "the feed cannot be read");
    } finally {
      this.#pumping = false;
    }
  }

  async #step(): Promise<void> {
    const { reads, hello } = this.#options;
    const read = this.#sent === null ? null : await reads.after(this.#sent, hello.servers);
    if (read !== null && isSameCursor(read.cursor, this.#sent)) {
      await this.#welcome(FeedMode.RESUME);
      return;
    }
    if (read !== null && !read.isAll) {
      await this.#welcome(FeedMode.RESUME);
      await this.#send(read);
      return;
    }
    this.#sent = null;
    await this.#welcome(FeedMode.FULL);
    await this.#sendWhole();
  }

  async #sendWhole(): Promise<void> {
    const { reads, hello, peer } = this.#options;
    const leave = await reads.turn(peer.node);
    try {
      if (!this.#isOver) await this.#send(await reads.whole(hello.servers));
    } finally {
      leave();
    }
  }

  async #send({ cursor, isAll, parts }: FeedRead): Promise<void> {
    const { drainMs } = this.#options;
    this.#sent = cursor;
    if (cursor.revision > this.#knownMax) this.#knownMax = cursor.revision;
    this.#isInFlight = true;
    let [bytes, waitedMs] = [0, 0];
    for (const part of parts()) {
      if (this.#isOver) return;
      waitedMs += await this.#write(part);
      bytes += part.length;
      this.#silentBeats = 0;
      if (isAll && waitedMs > drainMs + (bytes / WHOLE_BYTES_PER_S_MIN) * 1000) {
        this.fail(status.DEADLINE_EXCEEDED, "the node takes a whole state too slowly");
      }
    }
  }

  async #welcome(mode: FeedMode): Promise<void> {
    if (this.#isWelcomed) return;
    this.#isWelcomed = true;
    const { peer, heartbeatMs } = this.#options;
    const { keys, domain } = peer;
    const welcome = { mode, keys, domain, heartbeatMs, serverTimeMs: Date.now() };
    await this.#say({ case: "welcome", value: create(FeedWelcomeSchema, welcome) });
  }

  async #say(body: FollowResponse["body"]): Promise<void> {
    await this.#write(toBinary(FollowResponseSchema, create(FollowResponseSchema, { body })));
  }

  /** Resolves when there is room for more, with how long that took in milliseconds. Rejects when there is none for too long. */
  async #write(message: Uint8Array): Promise<number> {
    const { call, drainMs } = this.#options;
    const startMs = performance.now();
    this.#saidMs = startMs;
    if (call.write(message)) {
      // Others get their turns while a large state is encoded.
      await new Promise((resolve) => setImmediate(resolve));
      return 0;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(() => {
      this.fail(status.DEADLINE_EXCEEDED, "the node takes nothing of what it is sent");
      reject(new Error("a follower of the feed does not read"));
    }, drainMs);
    call.once("drain", resolve);
    call.once("close", resolve);
    try {
      await promise;
    } finally {
      clearTimeout(late);
      call.off("drain", resolve);
      call.off("close", resolve);
    }
    return performance.now() - startMs;
  }
}
