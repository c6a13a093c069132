// One client's worst on a listener, counted: how much of it is carried out, not how long it takes.
import { afterAll, describe, expect, test } from "bun:test";
import net from "node:net";
import tls from "node:tls";
import type { ProxyOptions } from "../../src/proxy/options.ts";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { onEdge } from "../harness/on-edge.ts";
import { parsePrometheusText } from "../harness/prometheus-text.ts";
import { LOCAL, testBench } from "../harness/proxy-bench.ts";
import { H2Client, PairFiles, pairFor, WILDCARD } from "../harness/tls-bench.ts";
import { until } from "../harness/until.ts";

const bench = await testBench();
const files = new PairFiles();
files.write(pairFor(WILDCARD));
const started: ProxyServer[] = [];
afterAll(async () => {
  for (const proxy of started) await proxy.stop(true);
});

async function gate(extra: Partial<ProxyOptions> = {}): Promise<ProxyServer> {
  const proxy = await startProxy(
    bench.options({ tls: files.options(), responseHeaderMs: 60_000, ...extra }),
    bench.registry,
  );
  started.push(proxy);
  return proxy;
}

/** Requests that the gate has carried out. */
async function carriedOut({ metrics }: ProxyServer): Promise<number> {
  const families = parsePrometheusText(await metrics.text());
  const samples = families.get("realmgate_requests_total")?.samples ?? [];
  return samples.reduce((sum, { value }) => sum + value, 0);
}

const pipelined = "GET / HTTP/1.1\r\nHost: nowhere\r\n\r\n".repeat(20_000);

/** Resolves when the gate has closed the connection. */
function flooded(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => {});
    socket.on("data", () => {});
    socket.on("close", () => resolve());
    socket.write(pipelined);
  });
}

/** Turns of the event loop until all these requests of each connection are answered. */
async function turnsToAnswer(sockets: readonly net.Socket[], requests: number): Promise<number> {
  let turns = 0;
  let isCounting = true;
  const count = () => {
    turns++;
    if (isCounting) setImmediate(count);
  };
  setImmediate(count);
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          let answers = 0;
          let rest = "";
          socket.on("data", (data) => {
            const text = rest + data.toString("latin1");
            answers += text.split("HTTP/1.1 4").length - 1;
            rest = text.slice(-9);
            if (answers >= requests) resolve();
          });
          socket.write("GET / HTTP/1.1\r\nHost: nowhere\r\n\r\n".repeat(requests));
        }),
    ),
  );
  isCounting = false;
  return turns;
}

/** HTTP/1.1 over TLS. */
function secureSocket(proxy: ProxyServer): tls.TLSSocket {
  return tls.connect({
    port: proxy.tls?.port ?? 0,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
}

describe("a client that pipelines without end, on the wire edge", () => {
  test("on one connection has all its answers, at most 65 in a turn", async () => {
    const proxy = await gate({ plainEdge: "wire" });
    const socket = net.connect(proxy.port, "127.0.0.1");
    expect(await turnsToAnswer([socket], 20_000)).toBeGreaterThanOrEqual(20_000 / 65 - 1);
    expect(await carriedOut(proxy)).toBe(20_000);
    socket.destroy();
  });

  test("over TLS has all its answers, at most 65 in a turn", async () => {
    const proxy = await gate({ plainEdge: "wire" });
    const socket = secureSocket(proxy);
    expect(await turnsToAnswer([socket], 20_000)).toBeGreaterThanOrEqual(20_000 / 65 - 1);
    expect(await carriedOut(proxy)).toBe(20_000);
    socket.destroy();
  });

  test("on twenty connections shares the budget of one network", async () => {
    const proxy = await gate({ plainEdge: "wire" });
    const sockets = Array.from({ length: 20 }, () => net.connect(proxy.port, "127.0.0.1"));
    // In each turn 64 of all, and the first of each.
    expect(await turnsToAnswer(sockets, 1_000)).toBeGreaterThanOrEqual(20_000 / 84 - 1);
    expect(await carriedOut(proxy)).toBe(20_000);
    for (const socket of sockets) socket.destroy();
  });
});

describe("a client that pipelines without end", () => {
  test("on one connection has 65 answers, and the connection ends", async () => {
    const proxy = await gate({ plainEdge: "serve" });
    await flooded(net.connect(proxy.port, "127.0.0.1"));
    expect(await carriedOut(proxy)).toBeLessThanOrEqual(65);
  });

  test("on twenty connections shares the budget of one network", async () => {
    const proxy = await gate({ plainEdge: "serve" });
    const sockets = Array.from({ length: 20 }, () => net.connect(proxy.port, "127.0.0.1"));
    await Promise.all(sockets.map(flooded));
    expect(await carriedOut(proxy)).toBeLessThanOrEqual(20 * 65);
  });

  test("over TLS is cut off", async () => {
    const proxy = await gate({ plainEdge: "serve" });
    await flooded(secureSocket(proxy));
    expect(await carriedOut(proxy)).toBeLessThanOrEqual(66);
  });

  test("leaves requests that wait for their answers alone, however many there are", async () => {
    const proxy = await gate();
    const { host } = await bench.place({ own: { groups: { all: LOCAL }, permissions: {} } });
    await proxy.reached(bench.registry.revision, 5_000);
    const answers = await Promise.all(
      Array.from({ length: 200 }, () =>
        fetch(`http://127.0.0.1:${proxy.port}/`, { headers: { host: host("terminal-1") } }),
      ),
    );
    expect(new Set(answers.map(({ headers }) => headers.get("connection")))).not.toContain("close");
  });
});

describe("streams of HTTP/2", () => {
  test("beyond the budget of a turn are answered later, all of them", async () => {
    const proxy = await gate();
    const { host } = await bench.place({ own: { groups: {}, permissions: {} } });
    await proxy.reached(bench.registry.revision, 5_000);
    const client = new H2Client(proxy.tls?.port ?? 0);
    const asked = Array.from({ length: 200 }, () => client.ask({ ":authority": host("terminal") }));
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    client.close();
    expect(new Set(statuses)).toEqual(new Set([403]));
  });

  test("are what keeps its connection: PING alone does not", async () => {
    const proxy = await gate({ idleS: 1 });
    const { host } = await bench.place();
    await proxy.reached(bench.registry.revision, 5_000);
    const client = new H2Client(proxy.tls?.port ?? 0);
    expect((await client.ask({ ":authority": host("terminal-1") })).status).toBe(200);
    let pings = 0;
    while (!client.session.destroyed) {
      client.session.ping(() => pings++);
      await Bun.sleep(200);
    }
    expect(pings).toBeGreaterThan(0);
  });

  test("that are reset while they wait are not carried out", async () => {
    const proxy = await gate();
    const client = new H2Client(proxy.tls?.port ?? 0);
    await client.ask({ ":authority": "nowhere" });
    const before = await carriedOut(proxy);
    const streams = Array.from({ length: 200 }, () => client.stream({ ":authority": "nowhere" }));
    for (const stream of streams) {
      stream.on("error", () => {});
      stream.end();
      stream.close(8);
    }
    await client.ask({ ":authority": "nowhere" });
    expect((await carriedOut(proxy)) - before).toBeLessThan(200);
    client.close();
  });
});

/** A gate in whose place a WebSocket is open on both sides. */
async function openWebSocket(upstream: (socket: net.Socket) => void, extra = {}) {
  const proxy = await gate(extra);
  const port = await bench.listen((socket) => {
    socket.once("data", (head: Buffer) => {
      const key = /sec-websocket-key: (\S+)/i.exec(head.toString("latin1"))?.[1] ?? "";
      const accept = new Bun.CryptoHasher("sha1")
        .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      upstream(socket);
    });
  });
  const { host } = await bench.place({ programs: { terminal: port } });
  await proxy.reached(bench.registry.revision, 5_000);
  const client = net.connect(proxy.port, "127.0.0.1");
  client.on("error", () => {});
  client.write(
    `GET / HTTP/1.1\r\nHost: ${host("terminal-1")}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  );
  await new Promise((resolve) => client.once("data", resolve));
  return client;
}

const FRAMES = 50_000;

describe("a WebSocket with messages of one byte", () => {
  test.each([
    ["messages", 0x82],
    ["pings", 0x89],
  ])("up: %s reach the upstream, all of them, gathered in few writes", async (_what, first) => {
    let bytes = 0;
    let reads = 0;
    const client = await openWebSocket((socket) =>
      socket.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        reads++;
      }),
    );
    client.on("data", () => {});
    client.write(
      Buffer.concat(
        Array.from({ length: FRAMES }, () => [first, 0x81, 1, 2, 3, 4, 5]).map((frame) =>
          Buffer.from(frame),
        ),
      ),
    );
    await until(() => bytes === FRAMES * 7, "all messages arrive");
    expect(reads).toBeLessThan(FRAMES / 50);
    client.destroy();
  });

  const inTurns = onEdge({ serve: "at most 256 in a turn of the event loop", wire: "as bytes" });
  test(`down: ${inTurns}, and all of them`, async () => {
    let sent: (() => void) | null = null;
    const client = await openWebSocket((socket) => {
      sent = () =>
        socket.write(
          Buffer.concat(Array.from({ length: FRAMES }, () => Buffer.from([0x82, 1, 5]))),
        );
    });
    let bytes = 0;
    let reads = 0;
    let turns = 0;
    let isCounting = true;
    const count = () => {
      turns++;
      if (isCounting) setImmediate(count);
    };
    client.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      reads++;
    });
    setImmediate(count);
    (sent as (() => void) | null)?.();
    await until(() => bytes === FRAMES * 3, "all messages arrive");
    isCounting = false;
    onEdge({
      // The first of them may come before a turn is counted.
      serve: () => expect(turns).toBeGreaterThanOrEqual(Math.floor(FRAMES / 256) - 1),
      wire: () => expect(reads).toBeLessThan(FRAMES / 50),
    })();
    client.destroy();
  });
});

test("upstreams that fail have ten lines a second in the log, and the rest is counted", async () => {
  const proxy = await gate();
  const { host } = await bench.place({ programs: { terminal: 1 } });
  await proxy.reached(bench.registry.revision, 5_000);
  const before = bench.logged.length;
  const statuses: number[] = [];
  for (let i = 0; i < 300; i++) {
    const answer = await fetch(`http://127.0.0.1:${proxy.port}/`, {
      headers: { host: host("terminal-1") },
    });
    statuses.push(answer.status);
  }
  await Bun.sleep(1_100);
  const lines = bench.logged.slice(before).filter(({ level }) => level === "warn");
  const failures = lines.filter(({ message }) => message === "upstream failed").length;
  const leftOut = lines.reduce(
    (sum, { fields }) => sum + ((fields as { leftOut?: number }).leftOut ?? 0),
    0,
  );
  expect(new Set(statuses)).toEqual(new Set([502]));
  expect(failures).toBeLessThan(200);
  expect(failures + leftOut).toBe(300);
});

describe("an exchange in which nothing moves", () => {
  test("ends: an answer that streams is cut off, upstream and client", async () => {
    const proxy = await gate({ streamSilenceMs: 100 });
    const { promise: upstreamClosed, resolve } = Promise.withResolvers<void>();
    const port = await bench.listen((socket) => {
      socket.on("close", () => resolve());
      socket.once("data", () =>
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
      );
    });
    const { host } = await bench.place({ programs: { terminal: port } });
    await proxy.reached(bench.registry.revision, 5_000);
    const client = net.connect(proxy.port, "127.0.0.1");
    client.on("error", () => {});
    client.on("data", () => {});
    const closed = new Promise((done) => client.on("close", done));
    client.write(`GET / HTTP/1.1\r\nHost: ${host("terminal-1")}\r\n\r\n`);
    await Promise.all([closed, upstreamClosed]);
  });

  test("ends: a WebSocket is closed with 1001", async () => {
    const client = await openWebSocket((socket) => socket.resume(), { streamSilenceMs: 100 });
    const frame = await new Promise<Buffer>((resolve) => client.once("data", resolve));
    expect([frame[0], frame.readUInt16BE(2)]).toEqual([0x88, 1001]);
    client.destroy();
  });

  test("goes on as long as pings come", async () => {
    const client = await openWebSocket((socket) => socket.resume(), { streamSilenceMs: 1_000 });
    let isClosed = false;
    client.on("data", (chunk: Buffer) => {
      isClosed ||= chunk[0] === 0x88;
    });
    for (let i = 0; i < 30; i++) {
      client.write(Buffer.from([0x89, 0x80, 1, 2, 3, 4]));
      await Bun.sleep(100);
    }
    expect(isClosed).toBe(false);
    client.destroy();
  });
});
