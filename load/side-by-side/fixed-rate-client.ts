// A client that sends requests at a fixed rate whatever becomes of the earlier ones, over kept connections: a JSON argument in, a
// line of JSON out. Each request is due at a tick of a millisecond and waits for a free connection; its latency counts from the
// tick, so that a slow answer cannot hide those behind it.
import type { Socket } from "bun";
import type { Load } from "./drive.ts";

export interface FixedRateResult {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Requests that got no answer, or another status than 200. */
  readonly dropped: number;
  /** Connections that the server closed while they were idle. */
  readonly reconnects: number;
}

export interface FixedRateOrder {
  readonly load: Load;
  readonly perS: number;
  readonly seconds: number;
  /** Ends with an error when a request was dropped. */
  readonly isRefusedOnLoss: boolean;
}

const ANSWERED_WITHIN_MS = 10_000;
const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");

/** One answer at a time; knows Content-Length and chunks, and of chunks only their end. */
class Connection {
  isFree = true;
  dueMs = 0;
  #held: Buffer = Buffer.alloc(0);
  #left = -1;
  #isChunked = false;
  readonly #socket: Socket<Connection>;
  readonly #done: (connection: Connection, status: number) => void;

  constructor(socket: Socket<Connection>, done: (connection: Connection, status: number) => void) {
    this.#socket = socket;
    this.#done = done;
  }

  send(head: Buffer, dueMs: number): void {
    this.isFree = false;
    this.dueMs = dueMs;
    this.#socket.write(head);
  }

  #status = 0;

  take(data: Buffer): void {
    if (this.#left > 0) {
      this.#left -= data.length;
      if (this.#left === 0) this.#finish();
      return;
    }
    this.#held = this.#held.length === 0 ? data : Buffer.concat([this.#held, data]);
    if (!this.#isChunked) {
      const end = this.#held.indexOf(HEAD_END);
      if (end < 0) return;
      const head = this.#held.toString("latin1", 0, end);
      this.#status = Number(head.slice(9, 12));
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      if (length !== undefined) {
        this.#left = Number(length) - (this.#held.length - end - HEAD_END.length);
        this.#held = Buffer.alloc(0);
        if (this.#left === 0) this.#finish();
        return;
      }
      this.#isChunked = true;
    }
    if (this.#held.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) this.#finish();
    // Only the end is needed further on.
    else this.#held = this.#held.subarray(-LAST_CHUNK.length);
  }

  #finish(): void {
    this.#held = Buffer.alloc(0);
    this.#left = -1;
    this.#isChunked = false;
    this.isFree = true;
    this.#done(this, this.#status);
  }
}

function headOf({ path, fields, postBytes }: Load, host: string): Buffer {
  const lines = Object.entries({ Host: host, ...fields }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  if (postBytes > 0) lines.push(`Content-Length: ${postBytes}`);
  const method = postBytes > 0 ? "POST" : "GET";
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${"x".repeat(postBytes)}`,
  );
}

async function run({
  load,
  perS,
  seconds,
  isRefusedOnLoss,
}: FixedRateOrder): Promise<FixedRateResult> {
  const heads = load.hosts.map((host) => headOf(load, host));
  const latencies: number[] = [];
  const waiting: number[] = [];
  const free: Connection[] = [];
  let dropped = 0;
  let reconnects = 0;
  let turn = 0;
  let isOver = false;

  const give = (connection: Connection) => {
    const dueMs = waiting.shift();
    if (dueMs === undefined) free.push(connection);
    else connection.send(heads[turn++ % heads.length] as Buffer, dueMs);
  };
  const done = (connection: Connection, status: number) => {
    if (status === 200) latencies.push(performance.now() - connection.dueMs);
    else dropped++;
    give(connection);
  };
  const connect = async () => {
    await Bun.connect<Connection>({
      hostname: "127.0.0.1",
      port: load.port,
      ...(load.protocol === "h1" ? {} : { tls: { rejectUnauthorized: false } }),
      socket: {
        open(socket) {
          socket.data = new Connection(socket, done);
          if (load.protocol === "h1") give(socket.data);
        },
        handshake(socket) {
          give(socket.data);
        },
        data: (socket, data) => socket.data.take(data),
        close(socket) {
          const { data } = socket;
          if (isOver) return;
          if (data.isFree) {
            reconnects++;
            const index = free.indexOf(data);
            if (index >= 0) free.splice(index, 1);
          } else {
            dropped++;
          }
          connect().catch(() => dropped++);
        },
        error() {},
      },
    });
  };
  await Promise.all(Array.from({ length: load.connections }, connect));
  const startMs = performance.now();
  const total = Math.max(1, Math.round(perS * seconds));
  let due = 0;
  while (due < total) {
    await Bun.sleep(1);
    const nowMs = performance.now();
    const until = Math.min(total, Math.floor(((nowMs - startMs) * perS) / 1000));
    for (; due < until; due++) {
      const connection = free.pop();
      if (connection === undefined) waiting.push(nowMs);
      else connection.send(heads[turn++ % heads.length] as Buffer, nowMs);
    }
  }
  const giveUpMs = performance.now() + ANSWERED_WITHIN_MS;
  while (latencies.length + dropped < total && performance.now() < giveUpMs) await Bun.sleep(2);
  isOver = true;
  dropped = Math.max(dropped, total - latencies.length);
  if (isRefusedOnLoss && dropped > 0) {
    throw new Error(
      `${load.name}: ${dropped} of ${total} requests at ${perS}/s were not answered with 200`,
    );
  }
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN;
  return {
    requests: latencies.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: at(1),
    dropped,
    reconnects,
  };
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? ""))));
process.exit(0);
