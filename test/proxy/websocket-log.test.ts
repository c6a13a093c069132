// Every WebSocket is told of once when it is over, however it ends: in the access log, and in the counters.
import { expect, test } from "bun:test";
import type { Socket } from "bun";
import { AccessLog } from "../../src/proxy/observe/access-log.ts";
import { startProxy } from "../../src/proxy/proxy.ts";
import { LOCAL, type Placed, testBench } from "../harness/proxy-bench.ts";
import { until, within } from "../harness/until.ts";
import { encoded } from "../harness/websocket-frames.ts";

const { listen, listening, options, place, registry } = await testBench();

interface Line {
  readonly status: number | null;
  readonly reason: string;
  readonly ended: string;
  readonly bytes: number | null;
  readonly method: string;
}

const OPEN = { groups: { here: LOCAL }, permissions: { here: { terminal: true } } };

const GOODBYE = encoded({ opcode: 8, payload: Buffer.from([3, 232]), mask: [1, 2, 3, 4] });

interface Opened {
  readonly client: Socket;
  readonly hears: (text: string) => Promise<void>;
  readonly closed: Promise<void>;
}

/** Asks for a WebSocket. */
async function open(port: number, placed: Placed, path: string): Promise<Opened> {
  const closed = Promise.withResolvers<void>();
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${placed.host("terminal-1")}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  let received = "";
  let look = () => {};
  const data = (_client: Socket, bytes: Buffer) => {
    received += bytes.toString("latin1");
    look();
  };
  const client = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data, close: () => closed.resolve() },
  });
  client.write(`${lines.join("\r\n")}\r\n\r\n`);
  const hears = async (text: string) => {
    while (!received.includes(text)) {
      await new Promise<void>((resolve) => {
        look = resolve;
      });
    }
  };
  return { client, hears, closed: closed.promise };
}

interface Scene {
  readonly client: Socket;
  readonly placed: Placed;
  readonly port: number;
  readonly far: () => Bun.ServerWebSocket | null;
  readonly stop: () => Promise<void>;
}

/** How it ends, and what the log says of it. */
const endings: readonly (readonly [string, (scene: Scene) => unknown, Partial<Line>])[] = [
  ["the client says goodbye", ({ client }) => client.write(GOODBYE), { ended: "complete" }],
  ["the client breaks off", ({ client }) => client.terminate(), { ended: "client_gone" }],
  ["the upstream says goodbye", ({ far }) => far()?.close(4000), { ended: "complete" }],
  ["the upstream breaks off", ({ far }) => far()?.terminate(), { ended: "broken" }],
  [
    "permission goes",
    ({ placed, port }) => placed.change({ own: { default: "deny" }, programs: { terminal: port } }),
    { ended: "revoked" },
  ],
  ["the gate stops", ({ stop }) => stop(), { ended: "complete" }],
];

test.each(endings)("when %s", async (_how, end, expected) => {
  const lines: Line[] = [];
  const { log } = options();
  const write = async (batch: readonly string[]) => {
    lines.push(...batch.map((line) => JSON.parse(line) as Line));
  };
  const accessLog = new AccessLog({ write, close: async () => {} }, log);
  const proxy = await startProxy(options({ accessLog }), registry);
  let far: Bun.ServerWebSocket | null = null;
  const upstream = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null)),
    websocket: {
      open(socket) {
        far = socket as Bun.ServerWebSocket;
        socket.send("12345");
      },
      message() {},
    },
  });
  const port = upstream.port ?? 0;
  const placed = await place({ own: OPEN, programs: { terminal: port } });
  const { client, hears, closed } = await open(proxy.port, placed, "/x?secret=1");
  await hears("12345");
  let stopped: Promise<void> | null = null;
  const stop = () => {
    stopped ??= proxy.stop();
    return stopped;
  };
  await end({ client, placed, port, far: () => far, stop });
  await closed;
  await until(
    async () => /^realmgate_websockets_open 0$/m.test(await proxy.metrics.text()),
    "no WebSocket is counted as open",
  );
  await stop();
  await accessLog.close();
  const text = await proxy.metrics.text();
  const left = text.match(/^realmgate_(?:websockets|exchanges)_open \d+$/gm);
  expect(left).toEqual(["realmgate_exchanges_open 0", "realmgate_websockets_open 0"]);
  expect(text).toMatch(/^realmgate_websockets_total 1$/m);
  const line = { method: "GET", status: 101, reason: "granted", path: "/x", bytes: 5, ...expected };
  expect(lines).toEqual([expect.objectContaining(line)]);
  await upstream.stop(true);
});

test("a client that went while its upstream was asked has no status", async () => {
  const lines: Line[] = [];
  const { log } = options();
  const write = async (batch: readonly string[]) => {
    lines.push(...batch.map((line) => JSON.parse(line) as Line));
  };
  const accessLog = new AccessLog({ write, close: async () => {} }, log);
  const proxy = await startProxy(options({ accessLog, responseHeaderMs: 5_000 }), registry);
  const asked = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const port = await listen((socket) => {
    socket.once("data", () => asked.resolve());
    socket.once("close", () => gone.resolve());
  });
  const placed = await place({ own: OPEN, programs: { terminal: port } });
  const { client } = await open(proxy.port, placed, "/");
  await within(asked.promise, "the upstream is asked");
  client.terminate();
  await within(gone.promise, "the upstream is let go");
  await proxy.stop();
  await accessLog.close();
  expect(lines).toEqual([
    expect.objectContaining({ status: null, reason: "client_gone", ended: "client_gone" }),
  ]);
  expect(listening).toHaveLength(1);
});
