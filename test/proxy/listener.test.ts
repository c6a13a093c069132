// Who listens on one address changes: what the runtime does with WebSockets and connections of the one that goes.
import { expect, test } from "bun:test";
import type { Serving } from "../../src/proxy/edge/edge.ts";
import { Listener } from "../../src/proxy/edge/listener.ts";
import { pairFor, servedSerial } from "../harness/tls-bench.ts";

const pairOf = () => ({ ...pairFor(), names: [], notAfterMs: 0 });

function open({ pair }: Serving, port: number, reusePort: boolean) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port,
    reusePort,
    ...(pair === null ? {} : { tls: { cert: pair.cert, key: pair.key } }),
    websocket: {
      message: (socket, message) => void socket.send(`echo ${message}`),
    },
    fetch: (request, server) =>
      server.upgrade(request) ? undefined : new Response("plain", { status: 426 }),
  }) as Bun.Server<undefined>;
}

function connected(port: number) {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/`, {
    tls: { rejectUnauthorized: false },
  } as never);
  const closed = new Promise<number>((resolve) => {
    socket.onclose = ({ code }) => resolve(code);
  });
  const opened = new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("not opened"));
  });
  return {
    opened,
    closed,
    ask(text: string): Promise<string> {
      socket.send(text);
      return new Promise((resolve) => {
        socket.onmessage = ({ data }) => resolve(String(data));
      });
    },
  };
}

test("a WebSocket of the old one goes on, counts as pending, and ends with 1001 when it is cut", async () => {
  const listener = new Listener({ port: 0, pair: pairOf(), shared: false, open });
  const { port } = listener;
  const before = await servedSerial(port);
  const socket = connected(port);
  await socket.opened;
  await listener.replace(pairOf(), () => Promise.resolve());
  expect(await servedSerial(port)).not.toBe(before);
  expect(await socket.ask("still there?")).toBe("echo still there?");
  expect(listener.pending).toBe(1);
  await listener.stop(true);
  expect(await socket.closed).toBe(1001);
});

test("a successor that cannot listen changes nothing", async () => {
  let refuse = false;
  const listener = new Listener({
    port: 0,
    pair: pairOf(),
    shared: false,
    open(serving, port, reusePort) {
      if (refuse) throw new Error("no");
      return open(serving, port, reusePort);
    },
  });
  const before = await servedSerial(listener.port);
  refuse = true;
  expect(() => listener.replace(pairOf(), () => Promise.resolve())).toThrow("no");
  expect(await servedSerial(listener.port)).toBe(before);
  const socket = connected(listener.port);
  await socket.opened;
  expect(await socket.ask("x")).toBe("echo x");
  await listener.stop(true);
});
