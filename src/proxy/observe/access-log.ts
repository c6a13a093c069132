// One line of JSON for each exchange that is over, written in batches.

import type { Log } from "../../log.ts";
import { asciiJson } from "../exchange/ascii-json.ts";
import { type Exchange, groupsNamedMax } from "../exchange/exchange.ts";
import { pathOf } from "../routing/request-target.ts";
import type { LineSink } from "./line-sink.ts";

/** What waits to be written may hold this much, about; what is beyond is dropped and counted. */
export const waitingBytesMax = 8 * 1024 * 1024;
/** Of a line, besides the path. */
const LINE_BYTES = 700;
/** Lines a write: they are made in one go, some 0.5 ms. */
const LINES_A_WRITE = 256;
/** How long a line waits for others to be written with. */
const WAIT_MS = 100;
/** How long the last lines may take when the proxy stops. */
const CLOSE_MS = 2_000;

const PATH_CHARACTERS_MAX = 1_024;

interface Waiting {
  readonly exchange: Exchange;
  readonly durationMs: number;
  /** Unix milliseconds. */
  readonly endedAtMs: number;
}

/** The counts where there is no access log. */
export const NO_LINES = { written: 0, dropped: 0 } as const;

/** Holds ended exchanges until they are written; never blocks, never grows beyond its limit. */
export class AccessLog {
  readonly #sink: LineSink;
  readonly #log: Log;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #writing: Promise<void> | null = null;
  #written = 0;
  #dropped = 0;
  #failing = false;

  constructor(sink: LineSink, log: Log) {
    this.#sink = sink;
    this.#log = log;
  }

  get written(): number {
    return this.#written;
  }

  get dropped(): number {
    return this.#dropped;
  }

  ended(exchange: Exchange): void {
    const bytes = bytesHeld(exchange);
    if (this.#waitingBytes + bytes > waitingBytesMax) {
      this.#dropped++;
      return;
    }
    this.#waitingBytes += bytes;
    const durationMs = performance.now() - exchange.startedMs;
    this.#waiting.push({ exchange, durationMs, endedAtMs: Date.now() });
    if (this.#timer === null && this.#writing === null) {
      this.#timer = setTimeout(() => this.#write(), WAIT_MS);
    }
  }

  /** Writes what waits, for at most 2 s, and closes. */
  async close(): Promise<void> {
    this.#write();
    await Promise.race([this.#writing, Bun.sleep(CLOSE_MS)]);
    await this.#sink.close();
  }

  #write(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, LINES_A_WRITE);
      await this.#writeBatch(batch);
      for (const { exchange } of batch) {
        this.#waitingBytes -= bytesHeld(exchange);
      }
    }
  }

  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#sink.write(batch.map(lineOf));
      this.#written += batch.length;
      this.#failing = false;
    } catch (error) {
      this.#dropped += batch.length;
      if (!this.#failing) {
        this.#failing = true;
        this.#log.error({ err: error }, "access log cannot be written; lines are lost");
      }
    }
  }
}

/** The whole target is held, however much of it is written. */
function bytesHeld({ target }: Exchange): number {
  return LINE_BYTES + (target === null ? 0 : target.length);
}

/** One line without its end. Exported for its tests. */
export function lineOf({ exchange, durationMs, endedAtMs }: Waiting): string {
  const { host, groups } = exchange;
  return asciiJson(
    JSON.stringify({
      time: new Date(endedAtMs - durationMs).toISOString(),
      requestId: exchange.requestId,
      traceId: exchange.traceId,
      client: exchange.client,
      method: exchange.method,
      project: host === null ? null : host.project,
      container: host === null ? null : host.container,
      program: host === null ? null : host.program,
      instance: host === null ? null : host.instance,
      alias: exchange.alias,
      hook: exchange.hookId,
      path: loggedPath(exchange.target),
      status: exchange.status,
      reason: exchange.reason,
      groups: groups === null ? null : groups.slice(0, groupsNamedMax),
      bytes: exchange.fromUpstream ? exchange.bytes : null,
      ended: exchange.end,
      durationMs: rounded(durationMs),
      upstreamMs: exchange.upstreamMs === null ? null : rounded(exchange.upstreamMs),
    }),
  );
}

/**
 * Never the query: credentials arrive there, ours and those of applications. A path carries none of ours; what applications put
 * there looks like any other name, and a log without paths would be useless.
 */
export function loggedPath(target: string | null): string | null {
  if (target === null) {
    return null;
  }
  const path = pathOf(target);
  return path.length > PATH_CHARACTERS_MAX ? `${path.slice(0, PATH_CHARACTERS_MAX)}…` : path;
}

/** Microseconds are as fine as the clock. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
