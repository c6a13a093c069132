// The change feed of control planes elsewhere: follows one of them, and another one when that is gone.
import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  type FeedCursor,
  FeedCursorSchema,
  FeedHelloSchema,
  FeedMode,
  type FeedWelcome,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Log } from "../../log.ts";
import { lineageOf } from "../../policy/lineage.ts";
import { bootClockMs } from "./boot-clock.ts";
import type { ChangeBatch } from "./change-batch.ts";
import type { FeedTls } from "./control-connection.ts";
import type { ChangeSource } from "./feed.ts";
import { type FeedPart, type Heard, joined } from "./feed-part.ts";
import { FeedStream } from "./feed-stream.ts";

export interface RemoteSourceOptions {
  /** Control planes: `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`. Each stream begins with the next one. */
  readonly urls: readonly string[];
  /** The node's token; null: it has a certificate. */
  readonly token: string | null;
  readonly tls?: FeedTls;
  /** Names this process among those of its node. */
  readonly process: string;
  /** The servers whose containers it wants. */
  readonly servers: readonly string[];
  readonly version: string;
  /** Its own listeners, as `ADDRESS:PORT`. */
  readonly listeners?: () => readonly string[];
  readonly programPorts?: Readonly<Record<string, number>>;
  /** The addresses of its machine. */
  readonly addresses?: () => readonly string[];
  /** The networks that its containers may be in. */
  readonly containerNetworks?: readonly string[];
  /** For how long it goes on without a control plane, in milliseconds; null: for ever. Default: null. */
  readonly stalenessMaxMs?: number | null;
  /** Milliseconds on a clock that cannot be set and goes on while the machine sleeps. Default: `bootClockMs`. */
  readonly tickMs?: () => number;
  /** How long to wait for a control plane before the next one is tried, in milliseconds. Default: 5,000. */
  readonly answerMs?: number;
  /** The longest pause before it is tried again, in milliseconds. Default: 30,000. */
  readonly retryMaxMs?: number;
  readonly log: Log;
}

/** What a proxy understands of documents: see FeedHello.feed_level. */
export const FEED_LEVEL = 1;

/** Reconnects wait a random part of this, in milliseconds; it doubles up to the maximum. */
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 30_000;
const ANSWER_MS = 5_000;
/** Heartbeats that may be missed. */
const MISSED_BEATS = 3;
/** A control plane that reads or sends a whole state of many containers may say nothing for so long, in milliseconds. */
const WHOLE_MS = 60_000;

/** As long as a control plane waits for a follower that takes nothing of a whole state, in milliseconds. */
const WHOLE_PAUSE_MS = 10_000;
/** How often it is noted that this process runs, in milliseconds. */
const ALIVE_MS = 500;
const SUSPENDED = "this process did not run for a while: what it was sent meanwhile is old";

/** A batch that has come whole. */
interface Ready {
  readonly base: FeedCursor | null;
  readonly changes: Changes | ChangeBatch;
}

interface Waiter {
  readonly resolve: (changes: Changes | ChangeBatch) => void;
  readonly reject: (error: Error) => void;
}

export class RemoteSource implements ChangeSource {
  readonly #options: RemoteSourceOptions;
  readonly #boot = randomBytes(8).toString("hex");
  readonly #listeners = new Set<(revision: bigint) => void>();
  readonly #welcomed = Promise.withResolvers<FeedWelcome>();
  #stream: FeedStream | null = null;
  /** What the reader has; null: nothing. */
  #base: FeedCursor | null = null;
  /** What the reader enforces. */
  #enforced: FeedCursor | null = null;
  #parts: FeedPart[] = [];
  #ready: Ready | null = null;
  #waiters: Waiter[] = [];
  #urlIndex: number;
  #retryMs = RETRY_FIRST_MS;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #silence: ReturnType<typeof setTimeout> | null = null;
  #alive: ReturnType<typeof setInterval> | null = null;
  #aliveAtMs = 0;
  #heartbeatMs: number | null = null;
  /** A whole state is on its way: begun anew it would take as long again. */
  #awaitsWhole = false;
  #problem = "no control plane was asked yet";
  /** By URL. */
  readonly #problems = new Map<string, string>();
  #clockOffsetMs: number | null = null;
  #connects = 0;
  #stopped = false;

  constructor(options: RemoteSourceOptions) {
    this.#options = options;
    this.#urlIndex = Math.floor(Math.random() * options.urls.length);
  }

  /** Resolves with the first welcome. */
  get welcome(): Promise<FeedWelcome> {
    return this.#welcomed.promise;
  }

  /** Why the last stream ended; null: one goes on. */
  get problem(): string | null {
    return this.#stream !== null && this.#heartbeatMs !== null ? null : this.#problem;
  }

  /** Why the last stream to each of the control planes ended, by URL. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  /** How far the clock of the control plane is ahead of this one's, in milliseconds; null: it was not heard. */
  get clockOffsetMs(): number | null {
    return this.#clockOffsetMs;
  }

  /** Streams that were begun. */
  get connects(): number {
    return this.#connects;
  }

  /** Begins to follow, also before anything is asked. */
  start(): void {
    if (this.#stream === null && this.#retry === null && !this.#stopped) this.#connect();
  }

  /** Says anew who it is: what it said of itself has changed. */
  introduce(): void {
    if (this.#stream === null) return;
    this.#begin(this.#base);
    this.#connect();
  }

  /** Begins a new stream at once: with other credentials than the one before, from where that is. */
  reconnect(): void {
    if (this.#stream !== null) this.introduce();
    else if (this.#retry !== null && !this.#stopped) {
      clearTimeout(this.#retry);
      this.#retry = null;
      this.#connect();
    }
  }

  changesAfter(revision: bigint, lineage: string): Promise<Changes | ChangeBatch> {
    const wanted = revision === 0n ? null : create(FeedCursorSchema, { revision, lineage });
    const ready = this.#ready;
    if (ready !== null && isSame(ready.base, wanted)) {
      this.#take(ready);
      return Promise.resolve(ready.changes);
    }
    if (!isSame(this.#base, wanted)) this.#begin(wanted);
    if (this.#stopped) return Promise.reject(new Error("it stops"));
    if (this.#retry !== null) return Promise.reject(new Error(this.#problem));
    if (this.#stream === null) this.#connect();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  onCommit(listener: (revision: bigint) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  enforced(revision: bigint, lineage: string): void {
    this.#enforced = revision === 0n ? null : create(FeedCursorSchema, { revision, lineage });
    this.#stream?.acknowledge(this.#enforced ?? create(FeedCursorSchema, { revision, lineage }));
  }

  /** Also tells the control plane that this process stops. */
  stop(): void {
    this.#stopped = true;
    this.#stream?.leave();
    this.#end("it stops");
    if (this.#alive !== null) clearInterval(this.#alive);
    if (this.#retry !== null) clearTimeout(this.#retry);
  }

  /** The reader goes on elsewhere than the stream. */
  #begin(wanted: FeedCursor | null): void {
    this.#base = wanted;
    this.#ready = null;
    this.#parts = [];
    const stream = this.#stream;
    if (stream === null) return;
    this.#stream = null;
    stream.close();
  }

  #take({ changes }: Ready): void {
    this.#ready = null;
    const { revision, lineages } = changes;
    const lineage = lineageOf(lineages, revision);
    this.#base = revision === 0n ? null : create(FeedCursorSchema, { revision, lineage });
  }

  /** Of the last stream. */
  get #url(): string {
    const { urls } = this.#options;
    return urls[(this.#urlIndex - 1) % urls.length] ?? "";
  }

  #connect(): void {
    const { token, process, servers, version, programPorts } = this.#options;
    const { containerNetworks = [], stalenessMaxMs = null } = this.#options;
    this.#urlIndex++;
    const url = this.#url;
    this.#connects++;
    this.#heartbeatMs = null;
    this.#awaitsWhole = false;
    this.#parts = [];
    this.#ready = null;
    const cursor = this.#base;
    const listeners = [...(this.#options.listeners?.() ?? [])];
    const hello = create(FeedHelloSchema, {
      ...{ process, servers: [...servers], version, boot: this.#boot, feedLevel: FEED_LEVEL },
      ...{ listeners, programPorts: { ...programPorts } },
      addresses: [...(this.#options.addresses?.() ?? [])],
      containerNetworks: [...containerNetworks],
      ...(stalenessMaxMs === null ? {} : { stalenessMs: BigInt(stalenessMaxMs) }),
      ...(cursor === null ? {} : { cursor }),
    });
    const stream: FeedStream = new FeedStream({
      ...{ url, token, hello, tls: this.#options.tls ?? { ca: null, pair: null } },
      heard: (response) => {
        if (this.#stream === stream) this.#heard(response, stream);
      },
      ended: (problem) => {
        if (this.#stream === stream) this.#lost(`${url}: ${problem}`);
      },
    });
    this.#stream = stream;
    this.#aliveAtMs = this.#tickMs();
    this.#alive ??= setInterval(() => this.#noteAlive(), ALIVE_MS);
    this.#listen(stream, url);
  }

  #tickMs(): number {
    return (this.#options.tickMs ?? bootClockMs)();
  }

  /**
   * Ends a stream that may hold old news: a process that was suspended reads first what lay there, and that nothing changed was true then.
   * Answers whether it did.
   */
  #noteAlive(): boolean {
    const nowMs = this.#tickMs();
    const pausedMs = nowMs - this.#aliveAtMs;
    this.#aliveAtMs = nowMs;
    const { answerMs = ANSWER_MS } = this.#options;
    const beatsMs = this.#heartbeatMs === null ? answerMs : MISSED_BEATS * this.#heartbeatMs;
    const pauseMax = this.#awaitsWhole ? WHOLE_PAUSE_MS : beatsMs;
    if (this.#stream === null || !(pausedMs > pauseMax)) return false;
    this.#lost(SUSPENDED);
    return true;
  }

  /** Ends a stream on which nothing comes any more. */
  #listen(stream: FeedStream, url: string): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    const heartbeatMs = this.#heartbeatMs;
    const { answerMs = ANSWER_MS } = this.#options;
    this.#silence = setTimeout(
      () => {
        if (this.#stream === stream) this.#lost(`${url}: nothing is heard`);
      },
      heartbeatMs === null ? answerMs : this.#awaitsWhole ? WHOLE_MS : MISSED_BEATS * heartbeatMs,
    );
  }

  #heard(body: Heard, stream: FeedStream): void {
    if (this.#noteAlive()) return;
    const url = this.#url;
    this.#listen(stream, url);
    switch (body.case) {
      case "welcome":
        this.#heartbeatMs = body.value.heartbeatMs;
        this.#awaitsWhole = body.value.mode === FeedMode.FULL;
        this.#listen(stream, url);
        this.#clockOffsetMs = body.value.serverTimeMs - Date.now();
        this.#welcomed.resolve(body.value);
        return;
      case "part":
        this.#parts.push(body.value);
        if (body.value.isLast) this.#arrived();
        return;
      case "bookmark":
        this.#clockOffsetMs = body.value.serverTimeMs - Date.now();
        stream.acknowledge(this.#enforced ?? undefined);
        this.#unchanged(body.value.cursor ?? null);
        return;
      case "goAway":
        this.#lost(
          `the control plane sends this node away: ${body.value.reason}`,
          body.value.retryMs,
        );
    }
  }

  /** A batch is whole. */
  #arrived(): void {
    let changes: ChangeBatch;
    try {
      changes = joined(this.#parts);
    } catch (error) {
      this.#lost(`the control plane sends no changes: ${error}`);
      return;
    }
    this.#parts = [];
    this.#awaitsWhole = false;
    this.#retryMs = RETRY_FIRST_MS;
    const ready = { base: this.#base, changes };
    const [first, ...rest] = this.#waiters.splice(0);
    if (first === undefined) this.#ready = ready;
    else {
      this.#take(ready);
      first.resolve(changes);
    }
    for (const waiter of rest) waiter.reject(new Error("another reader got the changes"));
    for (const listener of this.#listeners) listener(changes.revision);
  }

  /** The reader has all there is. */
  #unchanged(cursor: FeedCursor | null): void {
    this.#retryMs = RETRY_FIRST_MS;
    if (cursor === null || this.#ready !== null || this.#parts.length > 0) return;
    const known = cursor.revision === 0n ? null : cursor;
    if (!isSame(known, this.#base)) return;
    for (const { resolve } of this.#waiters.splice(0)) {
      resolve(create(ChangesSchema, { revision: cursor.revision }));
    }
  }

  #lost(problem: string, withinMs?: number): void {
    this.#problems.set(this.#url, problem);
    this.#end(problem);
    if (this.#stopped || this.#retry !== null) return;
    this.#options.log.warn({ problem }, "the change feed ended; following again");
    const { retryMaxMs = RETRY_MAX_MS } = this.#options;
    const delayMs = Math.random() * Math.min(withinMs ?? this.#retryMs, retryMaxMs);
    this.#retryMs = Math.min(this.#retryMs * 2, retryMaxMs);
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#connect();
    }, delayMs);
  }

  #end(problem: string): void {
    this.#problem = problem;
    if (this.#silence !== null) clearTimeout(this.#silence);
    const stream = this.#stream;
    this.#stream = null;
    stream?.close();
    this.#parts = [];
    for (const { reject } of this.#waiters.splice(0)) reject(new Error(problem));
  }
}

function isSame(one: FeedCursor | null, other: FeedCursor | null): boolean {
  return one?.revision === other?.revision && one?.lineage === other?.lineage;
}
