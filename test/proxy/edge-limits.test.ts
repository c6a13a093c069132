// What the runtime makes impossible on this edge (docs/edge-limits.md, Fairness). When one of these fails, the gate can do better.
import { afterEach, expect, test } from "bun:test";
import net from "node:net";
import { H2Client, pairFor } from "../harness/tls-bench.ts";

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

function serveTls(): number {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: pairFor("localhost"),
    http2: true,
    fetch: () => new Response("ok", { headers: { connection: "close" } }),
  } as Bun.Serve.Options<undefined>);
  servers.push(server as Bun.Server<undefined>);
  return server.port ?? 0;
}

test("no answer ends a connection of HTTP/2", async () => {
  const client = new H2Client(serveTls());
  for (let i = 0; i < 3; i++) {
    const { status, headers } = await client.ask({});
    expect([status, headers.connection]).toEqual([200, undefined]);
  }
  expect(client.session.closed).toBe(false);
  client.close();
});

test("a message that a client has half sent is kept unseen", async () => {
  let seen = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response()),
    websocket: {
      maxPayloadLength: 1 << 24,
      message: () => void seen++,
      ping: () => void seen++,
    },
  });
  servers.push(server);
  const client = net.connect(server.port ?? 0, "127.0.0.1");
  client.write(
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  await new Promise((resolve) => client.once("data", resolve));
  // A text message of many fragments, none of which is the last.
  const fragment = Buffer.concat([
    Buffer.from([0x00, 0xfe, 0xff, 0xff, 0, 0, 0, 0]),
    Buffer.alloc(65_535, 0x61),
  ]);
  client.write(Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x61]));
  for (let i = 0; i < 64; i++) client.write(fragment);
  // Its pong says that all of it was read.
  client.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0]));
  await new Promise((resolve) => client.once("data", resolve));
  expect(seen).toBeLessThanOrEqual(1);
  client.destroy();
});
