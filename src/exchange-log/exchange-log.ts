// The exchange log as the rest of the process sees it: takes exchanges that ended, and answers who was where.
import { AccountPlaces } from "../guard/account-places.ts";
import { KeyedLimit } from "../guard/keyed-limit.ts";
import type { Log } from "../log.ts";
import type { EntryBatch, EntryKind } from "./entry-batch.ts";
import type { EntryStats } from "./entry-view.ts";
import type { Appended, LogLimits } from "./log-database.ts";
import type { LoggedExchange } from "./log-entry.ts";
import type { LogAnswers, LogRequest } from "./log-messages.ts";
import type { LogPage, LogQuery, RecentPage, RecentQuery } from "./log-reading.ts";
import { LogThread, LogUnavailable } from "./log-thread.ts";
import { WaitingEntries } from "./waiting-entries.ts";

/** Reads the log. Entries that ended before a call are in its answer. Rejects with LogUnavailable. */
export interface ExchangeLogReader {
  /** Entries before this id, newest first; null: the newest. */
  newest(query: LogQuery, before: number | null): Promise<LogPage>;
  /** Entries after this id, oldest first. */
  oldest(query: LogQuery, after: number): Promise<LogPage>;
}

/** Counts and cuts where the log lies: of thousands of entries only the answer comes to who asks. Rejects as the reader does. */
export interface RecentReader {
  recent(query: RecentQuery): Promise<RecentPage>;
  stats(container: string, account: string): Promise<EntryStats>;
}

/** What became of the exchanges that ended. */
export interface ExchangeLogCounts {
  readonly written: number;
  /** There was no room for them in the queue. */
  readonly dropped: number;
  /** The file could not be written. */
  readonly failed: number;
  /** They were removed before their time because the file was full. */
  readonly evicted: number;
  /** Bytes of the file that are in use. */
  readonly bytes: number;
  /** How often the thread was started again, or that was tried. */
  readonly restarts: number;
}

/** Where entries are kept: the file's thread, or another process that has one. Answers in the order in which it is asked. */
export interface LogStore {
  ask<Kind extends StoreRequest["kind"]>(
    request: Extract<StoreRequest, { kind: Kind }>,
  ): Promise<LogAnswers[Kind]>;
  close(): Promise<void>;
  terminate(): void;
}

export type StoreRequest = Exclude<LogRequest, { kind: "open" | "close" }>;

/** How long an entry waits for others to be stored with, in milliseconds. */
const WAIT_MS = 1_000;
/** So many are stored without waiting: making their text takes some 1 ms. */
const STORED_AT_ONCE = 2_048;
/** Batches that the thread has not stored yet; what comes meanwhile waits here. */
const BATCHES_MAX = 2;
/** Reads that wait for the thread: in all, for one account, and of one container. */
const READS_MAX = 64;
const READS_PER_ACCOUNT_MAX = 16;
const READS_PER_CONTAINER_MAX = 4;
/** How long after its end the thread is started again, and after as many failures at most, in milliseconds. */
const RESTART_MS = 1_000;
const RESTART_MAX_MS = 60_000;
/** How long the last entries may take when the process stops. */
const CLOSE_MS = 2_000;

const TOO_MANY = "too many reads of the exchange log";

/** Where there is no file yet. */
const NO_STORE: LogStore = {
  ask: () => Promise.reject(new LogUnavailable("the exchange log is not open")),
  close: () => Promise.resolve(),
  terminate: () => {},
};

export class ExchangeLog implements ExchangeLogReader, RecentReader {
  #store: LogStore;
  /** Null: it is not ours to open again. */
  readonly #open: (() => Promise<LogStore>) | null;
  readonly #log: Log;
  readonly #waiting: WaitingEntries;
  readonly #storing = new Set<Promise<void>>();
  #batchesSent = 0;
  readonly #counts = { written: 0, dropped: 0, failed: 0, evicted: 0, bytes: 0, restarts: 0 };
  #restart: ReturnType<typeof setTimeout> | null = null;
  /** The thread ended, and its successor is not there: what comes waits. */
  #isDown = false;
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #reads = new AccountPlaces(READS_MAX, READS_PER_ACCOUNT_MAX);
  readonly #readsOf = new KeyedLimit(READS_PER_CONTAINER_MAX);
  #failing = false;
  #problem: string | null = null;

  private constructor(
    store: LogStore,
    open: (() => Promise<LogStore>) | null,
    log: Log,
    writers: number,
  ) {
    this.#store = store;
    this.#open = open;
    this.#log = log;
    this.#waiting = new WaitingEntries(writers);
  }

  /** Entries go to what another process has open. `writers`: processes that share the room for entries that wait. */
  static over(store: LogStore, log: Log, writers: number): ExchangeLog {
    return new ExchangeLog(store, null, log, writers);
  }

  /**
   * A damaged file is set aside. Where the file cannot be opened that is tried again, and the log is there without it: who reads is
   * refused, and what does not fit in memory is lost.
   */
  static async open(path: string, limits: LogLimits, log: Log): Promise<ExchangeLog> {
    const found: ExchangeLog[] = [];
    const died = (error: Error) => {
      for (const each of found) each.#died(error);
    };
    const open = () => LogThread.open(path, limits, died);
    const first = await open().catch((error: Error) => error);
    const isOpen = first instanceof LogThread;
    const opened = new ExchangeLog(isOpen ? first : NO_STORE, open, log, 1);
    if (!isOpen) opened.#notOpened(first, path);
    found.push(opened);
    return opened;
  }

  /** Called before each read: other writers store what waits. */
  beforeRead: () => Promise<void> = () => Promise.resolve();

  get counts(): ExchangeLogCounts {
    return this.#counts;
  }

  /** Why it cannot be written now, for people; null: it can. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Never blocks or throws. */
  ended(kind: EntryKind, project: string, container: string, exchange: LoggedExchange): void {
    if (!this.#waiting.add(kind, project, container, exchange)) {
      this.#counts.dropped++;
    } else if (this.#waiting.size >= STORED_AT_ONCE) {
      this.#storeWaiting();
    } else if (this.#timer === null) {
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.#storeWaiting();
      }, WAIT_MS);
    }
  }

  newest(query: LogQuery, before: number | null): Promise<LogPage> {
    return this.#read(query, () => this.#store.ask({ kind: "newest", query, before }));
  }

  oldest(query: LogQuery, after: number): Promise<LogPage> {
    return this.#read(query, () => this.#store.ask({ kind: "oldest", query, after }));
  }

  recent(query: RecentQuery): Promise<RecentPage> {
    return this.#read(query, () => this.#store.ask({ kind: "recent", query }));
  }

  stats(container: string, account: string): Promise<EntryStats> {
    const asked = { container, account };
    return this.#read(asked, () => this.#store.ask({ kind: "stats", ...asked }));
  }

  /** Stores batches of another writer, which counts them. */
  async append(batches: readonly EntryBatch[]): Promise<Appended> {
    try {
      const appended = await this.#store.ask({ kind: "append", batches });
      if (!this.#isDown) this.#problem = null;
      return appended;
    } catch (error) {
      if (!this.#isDown) this.#problem = messageOf(error);
      throw error;
    }
  }

  /** Stores what waits. */
  flush(): Promise<void> {
    return this.#storeAll();
  }

  /** Stores what waits, for at most 2 s, and closes the file. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const late = Bun.sleep(CLOSE_MS);
    await Promise.race([this.#storeAll(), late]);
    await Promise.race([this.#store.close(), late]);
    this.#store.terminate();
  }

  #notOpened(error: Error, path: string): void {
    this.#isDown = true;
    this.#problem = error.message;
    this.#log.error(
      { err: error, path },
      "exchange log cannot be opened; who accessed what is not kept; it is tried again",
    );
    this.#startLater(RESTART_MS);
  }

  #died(error: Error): void {
    this.#isDown = true;
    this.#problem = error.message;
    this.#log.error({ err: error }, "the thread of the exchange log ended; it is started again");
    this.#startLater(RESTART_MS);
  }

  #startLater(ms: number): void {
    if (this.#isClosed) return;
    this.#restart = setTimeout(() => void this.#start(ms), ms);
    this.#restart.unref();
  }

  async #start(waitedMs: number): Promise<void> {
    this.#counts.restarts++;
    try {
      const thread = await this.#open?.();
      if (thread === undefined) return;
      // Closed meanwhile.
      if (this.#isClosed) return thread.terminate();
      this.#store = thread;
      this.#isDown = false;
      this.#problem = null;
      this.#log.warn({}, "the exchange log goes on");
      this.#storeWaiting();
    } catch (err) {
      this.#problem = messageOf(err);
      this.#log.error({ err }, "the exchange log cannot be opened; it is tried again");
      this.#startLater(Math.min(waitedMs * 2, RESTART_MAX_MS));
    }
  }

  async #read<Answer>(
    { container, account }: Pick<LogQuery, "container" | "account">,
    ask: () => Promise<Answer>,
  ): Promise<Answer> {
    if (!this.#readsOf.enter(container)) throw new LogUnavailable(TOO_MANY);
    if (!this.#reads.enter(account)) {
      this.#readsOf.leave(container);
      throw new LogUnavailable(TOO_MANY);
    }
    try {
      await this.beforeRead();
      // The store does one thing after the other.
      await this.#sendWaiting();
      return await ask();
    } finally {
      this.#reads.leave(account);
      this.#readsOf.leave(container);
    }
  }

  /** What waits now is on its way to the store. */
  async #sendWaiting(): Promise<void> {
    const before = this.#batchesSent;
    this.#storeWaiting();
    while (!this.#isDown && this.#waiting.size > 0 && this.#batchesSent === before) {
      await Promise.race(this.#storing);
      this.#storeWaiting();
    }
  }

  async #storeAll(): Promise<void> {
    while (!this.#isDown && (this.#waiting.size > 0 || this.#storing.size > 0)) {
      this.#storeWaiting();
      await Promise.race(this.#storing);
    }
  }

  #storeWaiting(): void {
    if (this.#isDown || this.#waiting.size === 0 || this.#storing.size >= BATCHES_MAX) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#batchesSent++;
    const storing = this.#stored(this.#waiting.take()).finally(() => {
      this.#storing.delete(storing);
      if (this.#waiting.size >= STORED_AT_ONCE || this.#timer === null) this.#storeWaiting();
    });
    this.#storing.add(storing);
  }

  async #stored(batches: readonly EntryBatch[]): Promise<void> {
    const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
    try {
      const { evicted, bytes } = await this.append(batches);
      this.#counts.written += rows;
      this.#counts.evicted += evicted;
      this.#counts.bytes = bytes;
      this.#failing = false;
    } catch (error) {
      this.#counts.failed += rows;
      if (!this.#failing) {
        this.#failing = true;
        this.#log.error({ err: error }, "exchange log cannot be written; entries are lost");
      }
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
