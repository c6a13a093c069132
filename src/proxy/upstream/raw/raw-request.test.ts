import { afterAll, afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import type { WrittenHead } from "../../../http1/head-writer.ts";
import { Framing } from "../../../http1/message-head.ts";
import { Method } from "../../../http1/method.ts";
import { RawPool, type RawPoolOptions } from "./raw-pool.ts";
import type { RawReceiver } from "./raw-receiver.ts";
import { RawRequest } from "./raw-request.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";

const servers: net.Server[] = [];
const pools: RawPool[] = [];

interface Bare {
  readonly port: number;
  readonly open: Set<net.Socket>;
  connections: number;
  /** What came on each connection. */
  readonly received: string[];
}

/** An upstream of bare sockets. `serve` is called with each read: the connection's number, and that of the read on it. */
async function bare(
  serve: (socket: net.Socket, connection: number, read: number) => void,
): Promise<Bare> {
  const open = new Set<net.Socket>();
  const self: Bare = { port: 0, open, connections: 0, received: [] };
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const connection = ++self.connections;
    let read = 0;
    open.add(socket);
    self.received[connection - 1] = "";
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    socket.on("end", () => socket.end());
    socket.on("data", (bytes) => {
      self.received[connection - 1] += bytes.toString("latin1");
      serve(socket, connection, ++read);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return Object.assign(self, { port: typeof address === "object" ? (address?.port ?? 0) : 0 });
}

function pool(options: Partial<RawPoolOptions> = {}): RawPool {
  const made = new RawPool({ tickMs: 5, threw: (error) => thrown.push(error), ...options });
  pools.push(made);
  return made;
}

const thrown: unknown[] = [];

/** Notes what happens to one request after another. */
class Client implements RawReceiver {
  readonly raw: RawRequest;
  readonly port: number;
  head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  events: string[] = [];
  body = "";
  heads = 0;
  drains = 0;
  /** Called with the name of each event. */
  during: (event: string) => void = () => {};
  #done: () => void = () => {};

  constructor(of: RawPool, port: number) {
    this.raw = new RawRequest(of, this);
    this.raw.method = Method.GET;
    this.raw.isWhole = true;
    this.raw.responseHeaderMs = 1_000;
    this.port = port;
  }

  /** Sends it; resolves with how it ended. */
  async ask(port = this.port): Promise<string> {
    this.events = [];
    this.body = "";
    this.heads = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#done = resolve;
    this.raw.send("127.0.0.1", port);
    await promise;
    return this.events.join(" ");
  }

  writeHead(): WrittenHead {
    this.heads++;
    const written = Buffer.from(this.head);
    return { written, length: written.length };
  }
  onDrain(): void {
    this.drains++;
    this.during("drain");
  }
  onInterim({ status }: { status: number }): void {
    this.#note(String(status));
  }
  onHead({ status, framing }: { status: number; framing: Framing }): void {
    this.#note(framing === Framing.tunnel ? "tunnel" : String(status));
  }
  onBody(chunk: Uint8Array, start: number, end: number): void {
    this.body += Buffer.from(chunk.subarray(start, end)).toString("latin1");
    this.during("body");
  }
  onFlush(): void {}
  onEnd(): void {
    this.#note("end");
    this.#done();
  }
  onFailed(failure: string, error: string | null): void {
    this.#note(error === null ? failure : `${failure}(${error})`);
    this.#done();
  }
  #note(event: string): void {
    this.events.push(event);
    this.during(event);
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) {
    if (holds()) return;
    await Bun.sleep(5);
  }
  throw new Error(`not so: ${what}`);
}

/** Nothing is left open on either side. */
async function nothingOpen(of: RawPool, upstream: Bare): Promise<void> {
  of.stop();
  await until("no connection is left", () => of.size === 0 && upstream.open.size === 0);
  expect(of.idleCount).toBe(0);
}

afterEach(() => {
  expect(thrown.splice(0)).toEqual([]);
});

afterAll(() => {
  for (const made of pools) made.stop();
  for (const server of servers) server.close();
});

const RESPONSES: readonly (readonly [what: string, bytes: string, events: string, body: string])[] =
  [
    ["by length", OK, "200 end", "hi"],
    [
      "in chunks with trailers",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX-T: 1\r\n\r\n",
      "200 end",
      "abcd",
    ],
    ["without a body", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", "204 end", ""],
    [
      "behind interim ones",
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}`,
      "100 103 200 end",
      "hi",
    ],
  ];

describe("a response", () => {
  test.each(RESPONSES)(
    "%s comes whole and frees its connection",
    async (_what, bytes, events, body) => {
      const upstream = await bare((socket) => socket.write(bytes));
      const of = pool();
      const client = new Client(of, upstream.port);
      for (let n = 0; n < 3; n++) {
        expect(await client.ask()).toBe(events);
        expect(client.body).toBe(body);
        expect([of.size, of.idleCount]).toEqual([1, 1]);
      }
      expect(upstream.connections).toBe(1);
      await nothingOpen(of, upstream);
    },
  );

  test.each(RESPONSES)(
    "%s cut at any byte never looks whole, and its connection is never used again",
    async (_what, bytes, events) => {
      const of = pool();
      let cut = 0;
      let isReset = false;
      const upstream = await bare((socket) => {
        socket.write(bytes.slice(0, cut), () => {
          if (isReset) setTimeout(() => socket.resetAndDestroy(), 1);
          else socket.end();
        });
      });
      for (cut = 0; cut < bytes.length; cut++) {
        for (isReset of [false, true]) {
          const client = new Client(of, upstream.port);
          const outcome = await client.ask();
          expect([cut, outcome]).toEqual([cut, expect.stringMatching(/(^| )broken/)]);
          expect(events.startsWith(outcome.replace(/ ?broken.*$/, ""))).toBe(true);
          expect(of.idleCount).toBe(0);
        }
      }
      expect(upstream.connections).toBe(bytes.length * 2);
      await nothingOpen(of, upstream);
    },
  );

  test("until close ends with the connection, and is broken by a reset", async () => {
    let isReset = false;
    const upstream = await bare((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\nabc", () => {
        if (isReset) setTimeout(() => socket.resetAndDestroy(), 5);
        else socket.end();
      });
    });
    const of = pool();
    const client = new Client(of, upstream.port);
    expect([await client.ask(), client.body]).toEqual(["200 end", "abc"]);
    isReset = true;
    expect([await client.ask(), client.body]).toEqual(["200 broken", "abc"]);
    await nothingOpen(of, upstream);
  });

  const MALFORMED: readonly (readonly [string, string, string])[] = [
    ["garbage", "hello everybody\r\n\r\n", "broken(bad-version)"],
    [
      "two lengths",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
      "broken(length-repeated)",
    ],
    [
      "length and coding",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "broken(length-and-coding)",
    ],
    [
      "a flood of interim responses",
      "HTTP/1.1 103 X\r\n\r\n".repeat(17),
      "broken(too-many-interim)",
    ],
    [
      "101 that was not asked for",
      "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      "broken(unasked-switch)",
    ],
    [
      "a bad chunk",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
      "200 broken(bad-chunk-size)",
    ],
    ["a head without end", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(70_000)}`, "broken(head-too-large)"],
  ];
  test.each(MALFORMED)(
    "that is %s is broken, and its connection is closed",
    async (_what, bytes, outcome) => {
      const upstream = await bare((socket) => socket.write(bytes));
      const of = pool();
      const client = new Client(of, upstream.port);
      expect((await client.ask()).replace(/^(103 )+/, "")).toBe(outcome);
      expect(of.size).toBe(0);
      await until("the upstream is let go", () => upstream.open.size === 0);
    },
  );

  test.each([
    ["bytes behind the end", `${OK}HTTP/1.1 200 OK\r\n`],
    ["a second response", OK + OK],
    ["Connection: close", OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")],
    ["HTTP/1.0", OK.replace("1.1", "1.0")],
  ])("with %s is passed on, and its connection is not used again", async (_what, bytes) => {
    const upstream = await bare((socket) => socket.write(bytes));
    const of = pool();
    const client = new Client(of, upstream.port);
    expect([await client.ask(), client.body]).toEqual(["200 end", "hi"]);
    expect([await client.ask(), client.body]).toEqual(["200 end", "hi"]);
    expect(upstream.connections).toBe(2);
    await nothingOpen(of, upstream);
  });

  test("that nobody asked for ends the idle connection before it reaches anybody", async () => {
    const upstream = await bare((socket, connection) => {
      socket.write(OK);
      if (connection === 1) setTimeout(() => socket.write(OK.replace("hi", "no")), 20);
    });
    const of = pool({ idleMs: 60_000 });
    const client = new Client(of, upstream.port);
    await client.ask();
    await until("it is closed", () => of.size === 0);
    expect([await client.ask(), client.body]).toEqual(["200 end", "hi"]);
    expect(upstream.connections).toBe(2);
    await nothingOpen(of, upstream);
  });

  test("that is late is a timeout; a later one of the rest, too", async () => {
    const upstream = await bare((socket, connection) => {
      if (connection === 2) socket.write(`${HEAD}a`);
    });
    const of = pool();
    const client = new Client(of, upstream.port);
    client.raw.responseHeaderMs = 40;
    expect(await client.ask()).toBe("timeout");
    client.during = (event) => event === "200" && client.raw.limit(40);
    expect(await client.ask()).toBe("200 timeout");
    await nothingOpen(of, upstream);
  });
});

describe("a request", () => {
  /** Hangs up on the second request of the first connection. */
  const hangsUp = (after: string) =>
    bare((socket, connection, read) => {
      if (connection === 1 && read === 2) socket.end(after);
      else socket.write(OK);
    });

  test.each([
    ["GET, whole", Method.GET, true, "", "200 end", 2],
    ["DELETE, whole", Method.DELETE, true, "", "200 end", 2],
    ["POST, whole", Method.POST, true, "", "broken", 1],
    ["an unknown method, whole", Method.other, true, "", "broken", 1],
    ["GET after a byte of a response", Method.GET, true, "H", "broken(truncated)", 1],
  ])("%s on a used connection that ends", async (_what, method, isWhole, after, outcome, heads) => {
    const upstream = await hangsUp(after);
    const of = pool();
    const client = new Client(of, upstream.port);
    await client.ask();
    client.raw.method = method;
    client.raw.isWhole = isWhole;
    expect((await client.ask()).replace("broken(truncated)", "broken")).toBe(
      outcome.replace("broken(truncated)", "broken"),
    );
    expect([client.heads, upstream.connections]).toEqual([heads, heads]);
    await nothingOpen(of, upstream);
  });

  test("is not repeated on a new connection, nor twice", async () => {
    const upstream = await bare((socket, connection, read) => {
      if (connection === 1 && read === 1) socket.write(OK);
      else socket.end();
    });
    const of = pool();
    const client = new Client(of, upstream.port);
    await client.ask();
    expect([await client.ask(), client.heads]).toEqual(["broken", 2]);
    expect([await client.ask(), client.heads]).toEqual(["broken", 1]);
    await nothingOpen(of, upstream);
  });

  test("whose response ends before its body is answered, and its connection is not used again", async () => {
    const upstream = await bare((socket, _connection, read) => read === 1 && socket.write(OK));
    const of = pool();
    const client = new Client(of, upstream.port);
    client.head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n";
    client.raw.isWhole = false;
    expect(await client.ask()).toBe("200 end");
    expect([client.drains, of.size]).toEqual([1, 0]);
    expect(client.raw.write(Buffer.from("late"), 0, 4)).toBe(true);
    await nothingOpen(of, upstream);
  });

  test("whose upstream reads nothing is held: bytes are kept once, then taken in order", async () => {
    const size = 8 * 1024 * 1024;
    const upstream = await bare((socket, connection) => {
      if (upstream.received[connection - 1]?.endsWith("!")) socket.write(OK);
      else socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
    const of = pool();
    const client = new Client(of, upstream.port);
    client.raw.isWhole = false;
    client.head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size + 1}\r\n\r\n`;
    const piece = Buffer.alloc(65_536, "a");
    let left = size;
    let waits = 0;
    client.during = (event) => {
      if (event !== "drain") return;
      while (left > 0) {
        left -= piece.length;
        if (!client.raw.write(piece, 0, piece.length)) {
          waits++;
          return;
        }
      }
      client.raw.write(Buffer.from("!"), 0, 1);
      client.raw.finish();
    };
    expect(await client.ask()).toBe("200 end");
    expect(waits).toBeGreaterThan(1);
    expect(upstream.received[0]?.length).toBe(client.head.length + size + 1);
    expect(of.idleCount).toBe(1);
    await nothingOpen(of, upstream);
  });

  test.each(["drain", "103", "200", "body", "end"])(
    "aborted at %s ends without another call",
    async (when) => {
      const upstream = await bare((socket) => socket.write(`HTTP/1.1 103 X\r\n\r\n${OK}`));
      const of = pool();
      const client = new Client(of, upstream.port);
      client.raw.isWhole = when !== "drain";
      const { promise, resolve } = Promise.withResolvers<void>();
      let after = 0;
      let isAborted = false;
      client.during = (event) => {
        if (isAborted) after++;
        if (event !== when) return;
        isAborted = true;
        client.raw.abort();
        resolve();
      };
      void client.ask();
      await promise;
      await Bun.sleep(20);
      expect([after, of.idleCount]).toEqual([0, when === "end" ? 1 : 0]);
      await nothingOpen(of, upstream);
    },
  );

  test("aborted before its connection is made leaves none", async () => {
    const upstream = await bare((socket) => socket.write(OK));
    const of = pool();
    const client = new Client(of, upstream.port);
    void client.ask();
    client.raw.abort();
    await until("the connection is gone", () => of.size === 0 && upstream.open.size === 0);
    expect([client.heads, client.events]).toEqual([0, []]);
  });

  test("to a port where nothing listens is unreachable", async () => {
    const of = pool();
    const client = new Client(of, 1);
    expect(await client.ask()).toBe("unreachable");
    expect(of.size).toBe(0);
  });

  test("whose receiver throws fails, and takes its connection with it", async () => {
    const upstream = await bare((socket) => socket.write(OK));
    const of = pool();
    const client = new Client(of, upstream.port);
    const error = new Error("a failure of the edge");
    client.during = (event) => {
      if (event === "200") throw error;
    };
    expect(await client.ask()).toBe("200 broken");
    expect(thrown.splice(0)).toEqual([error]);
    await nothingOpen(of, upstream);
  });
});

describe("the pool", () => {
  test("keeps no more idle connections than it may, and none for longer than it may", async () => {
    const upstream = await bare((socket) => socket.write(OK));
    const of = pool({ idlePerUpstreamMax: 3, idleMs: 60 });
    const clients = Array.from({ length: 6 }, () => new Client(of, upstream.port));
    await Promise.all(clients.map((client) => client.ask()));
    expect([upstream.connections, of.size, of.idleCount]).toEqual([6, 3, 3]);
    await until("all are closed", () => of.size === 0 && upstream.open.size === 0);
  });

  test.each([
    ["behind a response", "at once"],
    ["on an idle connection", "later"],
  ])(
    "shares no connection of an upstream that sent something unasked %s, for a while",
    async (_where, when) => {
      for (const outOfStepMs of [60_000, 0]) {
        let isStray = false;
        const upstream = await bare((socket) => {
          socket.write(isStray && when === "at once" ? OK + OK : OK);
          if (isStray && when === "later") setTimeout(() => socket.write(OK), 20);
        });
        const of = pool({ idleMs: 60_000, outOfStepMs });
        const [first, second] = [new Client(of, upstream.port), new Client(of, upstream.port)];
        await Promise.all([first.ask(), second.ask()]);
        expect(of.idleCount).toBe(2);
        isStray = true;
        await first.ask();
        // Idle connections that it has with others end, too.
        await until("all are closed", () => of.size === 0);
        isStray = false;
        expect([await first.ask(), first.body]).toEqual(["200 end", "hi"]);
        expect(of.idleCount).toBe(outOfStepMs === 0 ? 1 : 0);
        await nothingOpen(of, upstream);
      }
    },
  );

  test("uses the connection that became idle last", async () => {
    const upstream = await bare((socket, connection) =>
      socket.write(OK.replace("hi", `${connection}.`)),
    );
    const of = pool();
    const clients = [new Client(of, upstream.port), new Client(of, upstream.port)];
    await Promise.all(clients.map((client) => client.ask()));
    const last = new Client(of, upstream.port);
    await last.ask();
    const first = last.body;
    await last.ask();
    expect([last.body, upstream.connections]).toEqual([first, 2]);
    await nothingOpen(of, upstream);
  });

  test("keeps what may be authenticated for its client alone, until that is gone", async () => {
    const challenge = OK.replace("\r\n\r\n", "\r\nWWW-Authenticate: Negotiate abc=\r\n\r\n");
    for (const [isConnectionBound, bytes] of [
      [true, OK],
      [false, challenge],
    ] as const) {
      const upstream = await bare((socket) => socket.write(bytes));
      const of = pool();
      const client = new Client(of, upstream.port);
      client.raw.isConnectionBound = isConnectionBound;
      await client.ask();
      client.raw.isConnectionBound = false;
      const other = new Client(of, upstream.port);
      await other.ask();
      expect([upstream.connections, of.idleCount]).toEqual([2, isConnectionBound ? 1 : 0]);
      await client.ask();
      expect(upstream.connections).toBe(2);
      client.raw.close();
      other.raw.close();
      await nothingOpen(of, upstream);
    }
  });
});

test("a tunnel carries bytes both ways, and each direction ends for itself", async () => {
  const upstream = await bare((socket, _connection, read) => {
    if (read === 1)
      socket.write("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfirst");
    else socket.write("again");
  });
  const of = pool();
  const client = new Client(of, upstream.port);
  client.raw.isUpgrade = true;
  client.during = (event) => {
    if (event === "tunnel") client.raw.write(Buffer.from("up"), 0, 2);
    if (client.body === "firstagain") client.raw.finish();
  };
  expect(await client.ask()).toBe("tunnel end");
  expect([client.body, upstream.received[0]?.endsWith("up")]).toEqual(["firstagain", true]);
  await until("it is over", () => of.size === 0 && upstream.open.size === 0);
});

test("an upstream that sends as fast as it is read leaves turns to others", async () => {
  const size = 16 * 1024 * 1024;
  const upstream = await bare((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    socket.write(Buffer.alloc(size));
  });
  const of = pool();
  const client = new Client(of, upstream.port);
  client.raw.responseHeaderMs = 20_000;
  let bytes = 0;
  let most = 0;
  let inTurn = 0;
  client.onBody = (_chunk, start, end) => {
    if (inTurn === 0) {
      setImmediate(() => {
        inTurn = 0;
      });
    }
    bytes += end - start;
    inTurn += end - start;
    most = Math.max(most, inTurn);
  };
  expect(await client.ask()).toBe("200 end");
  expect([bytes, most <= 2 * 524_288]).toEqual([size, true]);
  await nothingOpen(of, upstream);
});
