// The log of a container as it grows: server-sent events (WHATWG HTML §9.2).
import { type EntryView, viewOf } from "../../exchange-log/entry-view.ts";
import type { ExchangeLogReader } from "../../exchange-log/exchange-log.ts";
import { EVERY_ENTRY } from "../../exchange-log/log-entry.ts";
import type { ActiveExchange } from "../exchange/active-exchange.ts";
import type { ExchangeEnd } from "../exchange/exchange.ts";
import { endBy, type StopListener, type StopReason } from "../exchange/stop-signal.ts";
import type { LogParameters } from "./log-request.ts";

/** How often the log is looked at, in milliseconds. */
const LOOK_MS = 1_000;
const KEEP_ALIVE_MS = 30_000;
/** Entries that the first frame has, and that one look takes. */
const REPLAYED = 100;
const TAKEN_MAX = 200;
/** How long the log may not be read, for what is read by others or because it is opened again, in milliseconds. */
const UNREADABLE_MS = 60_000;
/** Bytes that may wait for the client; until they are gone nothing is read. */
const WAITING_BYTES_MAX = 256 * 1024;

const UTF_8 = new TextEncoder();

export interface LogStreamOptions {
  readonly log: ExchangeLogReader;
  readonly active: ActiveExchange;
  readonly parameters: LogParameters;
  /** The last entry that the client has seen; null: it begins. */
  readonly lastId: number | null;
  /** Called once, when it is over. */
  readonly over: () => void;
}

export class LogStream implements StopListener {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: LogStreamOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Null: it has not begun. */
  #afterId: number | null;
  #spokeAtMs = performance.now();
  #readAtMs = performance.now();
  #isOver = false;

  constructor(options: LogStreamOptions) {
    this.#options = options;
    this.#afterId = options.lastId;
    this.body = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller;
          void this.#look();
        },
        cancel: () => this.#end("client_gone"),
      },
      { highWaterMark: WAITING_BYTES_MAX, size: (chunk) => chunk?.byteLength ?? 0 },
    );
    options.active.signal.on(this);
  }

  stopped(reason: StopReason): void {
    const controller = this.#controller;
    this.#end(endBy(reason));
    // The client sees that it did not end by itself.
    controller?.error(new Error("the log stream was stopped"));
  }

  async #look(): Promise<void> {
    const takesMore = (this.#controller?.desiredSize ?? 0) > 0;
    try {
      if (this.#afterId === null) this.#afterId = await this.#begun();
      else if (takesMore) this.#afterId = await this.#further(this.#afterId);
      this.#readAtMs = performance.now();
    } catch {
      // Others read, or the log is opened again.
      if (performance.now() - this.#readAtMs > UNREADABLE_MS) return this.#broke();
    }
    if (takesMore && performance.now() - this.#spokeAtMs >= KEEP_ALIVE_MS) {
      this.#say(": keepalive\n\n");
    }
    this.#lookLater();
  }

  async #begun(): Promise<number> {
    const { log, parameters } = this.#options;
    const afterId = await this.#newestId();
    const { entries } = await log.newest(this.#query(REPLAYED), afterId + 1);
    const wanted = parameters.isForNothing ? [] : entries.toReversed().map(viewOf);
    this.#say(`data: ${JSON.stringify(wanted)}\n\n`);
    return afterId;
  }

  async #further(afterId: number): Promise<number> {
    const { log, parameters } = this.#options;
    const { entries, next } = await log.oldest(this.#query(TAKEN_MAX), afterId);
    const frames = parameters.isForNothing ? [] : entries.map(viewOf);
    if (frames.length > 0) this.#say(frames.map(frameOf).join(""));
    return next ?? afterId;
  }

  /** Of all: what is live begins there, however far back the last entry lies that passes the filter. */
  async #newestId(): Promise<number> {
    const newest = { ...this.#query(1), filter: EVERY_ENTRY };
    const { entries } = await this.#options.log.newest(newest, null);
    return entries[0]?.id ?? 0;
  }

  #query(limit: number) {
    const { active, parameters } = this.#options;
    const { host, route } = active.allowed;
    const { filter } = parameters;
    return { container: host.container, account: route.account, filter, limit };
  }

  #lookLater(): void {
    if (!this.#isOver) this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  #say(text: string): void {
    if (this.#isOver) return;
    this.#spokeAtMs = performance.now();
    this.#options.active.exchange.moves++;
    this.#controller?.enqueue(UTF_8.encode(text));
  }

  #broke(): void {
    const controller = this.#controller;
    this.#end("broken");
    controller?.error(new Error("the exchange log cannot be read"));
  }

  #end(how: ExchangeEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#controller = null;
    const { active, over } = this.#options;
    active.signal.off(this);
    over();
    active.end(how);
  }
}

function frameOf(view: EntryView): string {
  return `id: ${view.id}\ndata: ${JSON.stringify(view)}\n\n`;
}
