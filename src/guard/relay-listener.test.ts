import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { until } from "../../test/harness/until.ts";
import { RelayListener } from "./relay-listener.ts";
import type { RelayLimits } from "./relayed.ts";

const limits: RelayLimits = {
  connectionsMax: 100,
  perNetworkMax: 50,
  firstByteMs: 60_000,
  silentMs: 60_000,
  bytesPerTurn: 4096,
  lingerMs: 2000,
  lingerBytes: 1 << 30,
};

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** An HTTP server behind a relay; it counts what it answers. */
function place(more: Partial<RelayLimits> = {}) {
  const answered = new Map<string, number>();
  const ports: number[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request, server) {
      const peer = server.requestIP(request);
      if (peer !== null) ports.push(peer.port);
      const client = peer === null ? undefined : relay.clientOf(peer);
      if (client === undefined) return new Response("not through the relay", { status: 403 });
      const { pathname } = new URL(request.url);
      answered.set(pathname, (answered.get(pathname) ?? 0) + 1);
      if (pathname === "/refuse") {
        return new Response("too large", { status: 413, headers: { connection: "close" } });
      }
      if (pathname === "/echo") return new Response(await request.arrayBuffer());
      return new Response(client);
    },
  });
  const relay = new RelayListener({
    hostname: "127.0.0.1",
    port: 0,
    serverPort: server.port ?? 0,
    limits: { ...limits, ...more },
  });
  closing.push(
    () => relay.close(),
    () => void server.stop(true),
  );
  return { relay, server, answered, ports, url: `http://127.0.0.1:${relay.port}` };
}

function connect(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    closing.push(() => socket.destroy());
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Resolves with all that came until the other side ended. */
function read(socket: net.Socket): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    socket.on("data", (part: Buffer) => parts.push(part));
    socket.on("error", () => resolve(Buffer.concat(parts).toString()));
    socket.on("end", () => resolve(Buffer.concat(parts).toString()));
    socket.on("close", () => resolve(Buffer.concat(parts).toString()));
  });
}

describe("a server behind a relay", () => {
  test("that is stopped loses no answer that it has given", async () => {
    for (let round = 0; round < 20; round++) {
      const { promise: may, resolve: answerAll } = Promise.withResolvers<void>();
      let asked = 0;
      const body = "x".repeat(round % 2 === 0 ? 10 : 200_000);
      const server = Bun.serve({
        hostname: "127.0.0.1",
        port: 0,
        async fetch() {
          asked++;
          await may;
          return new Response(body);
        },
      });
      const place = { hostname: "127.0.0.1", port: 0, serverPort: server.port ?? 0, limits };
      const relay = new RelayListener(place);
      const answers = Promise.all(
        Array.from({ length: 5 }, async () =>
          (await fetch(`http://127.0.0.1:${relay.port}`, { keepalive: false })).text(),
        ),
      );
      await until(() => asked === 5, "all are asked");
      relay.stopAccepting();
      void server.stop();
      answerAll();
      while (server.pendingRequests > 0) await Bun.sleep(0);
      await server.stop(true);
      await relay.ended(1_000);
      relay.close();
      expect((await answers).every((each) => each === body)).toBe(true);
    }
  });

  test("learns the client of each connection, and that one came by another way", async () => {
    const { url, server } = place();
    expect(await (await fetch(url)).text()).toBe("127.0.0.1");
    expect((await fetch(`http://127.0.0.1:${server.port}`)).status).toBe(403);
  });

  test("takes nobody for a client who comes from the client's port with another address of loopback", async () => {
    const { relay, server, ports } = place();
    const client = await connect(relay.port);
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await until(() => ports.length === 1, "the request has arrived");
    const intruder = net.connect({
      host: "127.0.0.1",
      port: server.port ?? 0,
      localAddress: "127.0.0.2",
      localPort: ports[0] ?? 0,
    });
    closing.push(() => intruder.destroy());
    const answer = read(intruder);
    intruder.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await answer).toStartWith("HTTP/1.1 403");
  });

  test("gets large bodies whole, and gives large answers whole", async () => {
    const { url } = place();
    const body = crypto.getRandomValues(new Uint8Array(65_536));
    const large = Buffer.concat(Array.from({ length: 64 }, () => body));
    const answer = await fetch(`${url}/echo`, { method: "POST", body: large });
    expect(Buffer.from(await answer.arrayBuffer()).equals(large)).toBe(true);
  });

  test("can refuse an upload so that the client, which sends on, reads the answer", async () => {
    const { relay, url } = place();
    const socket = await connect(relay.port);
    const answer = read(socket);
    const { host } = new URL(url);
    const bytes = 8 * 1024 * 1024;
    socket.write(`POST /refuse HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${bytes}\r\n\r\n`);
    socket.end(Buffer.alloc(bytes));
    expect(await answer).toStartWith("HTTP/1.1 413 ");
  });

  test("is not reached for longer than a turn by one client that pipelines without end", async () => {
    const { relay, answered } = place();
    const flood = await connect(relay.port);
    flood.on("data", () => {});
    flood.on("error", () => {});
    const requests = Buffer.from("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20_000));
    flood.write(requests);
    while ((answered.get("/flood") ?? 0) === 0) await Bun.sleep(0);
    const neighbour = await connect(relay.port);
    const before = answered.get("/flood") ?? 0;
    neighbour.write("GET /neighbour HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await read(neighbour)).toStartWith("HTTP/1.1 200 ");
    const meanwhile = (answered.get("/flood") ?? 0) - before;
    // Without a relay it is all of them.
    expect(meanwhile).toBeLessThan(10_000);
  });
});

test("a neighbour in the network of many that flood does not wait for each of them", async () => {
  const { relay, answered } = place({ bytesPerTurn: 256 });
  const requests = Buffer.from("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20_000));
  for (let i = 0; i < 40; i++) {
    const flood = await connect(relay.port);
    flood.on("data", () => {});
    flood.on("error", () => {});
    flood.write(requests);
  }
  while ((answered.get("/flood") ?? 0) < 1000) await Bun.sleep(0);
  const neighbour = await connect(relay.port);
  const before = answered.get("/flood") ?? 0;
  neighbour.write("GET /neighbour HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  expect(await read(neighbour)).toStartWith("HTTP/1.1 200 ");
  // Eight a turn: one round of all that wait would be 320.
  expect((answered.get("/flood") ?? 0) - before).toBeLessThan(200);
});

describe("connections", () => {
  test("that send nothing are closed, and nothing is dialled for them", async () => {
    const { relay } = place({ firstByteMs: 1 });
    const socket = await connect(relay.port);
    expect(await read(socket)).toBe("");
    expect(relay.connections.open).toBe(0);
  });

  test("that fall silent in the middle are closed", async () => {
    const { relay } = place({ silentMs: 1 });
    const socket = await connect(relay.port);
    socket.write("GET / HTTP/1.1\r\n");
    expect(await read(socket)).toBe("");
  });

  test("above the cap of a network are closed at once, and there is room again when one goes", async () => {
    const { relay, url } = place({ perNetworkMax: 1 });
    const first = await connect(relay.port);
    const second = await connect(relay.port);
    expect(await read(second)).toBe("");
    expect(relay.connections).toEqual({ open: 1, refused: 1 });
    first.destroy();
    while (relay.connections.open > 0) await Bun.sleep(1);
    expect((await fetch(url)).status).toBe(200);
  });

  test("have what a guard allows, and end when it says so", async () => {
    const seen: string[] = [];
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket) => void socket.write("answer") },
    });
    const relay = new RelayListener({
      hostname: "127.0.0.1",
      port: 0,
      serverPort: server.port,
      limits,
      guard: (network, close) => ({
        fromClient(bytes) {
          seen.push(Buffer.from(bytes).toString());
          return !bytes.includes("!".charCodeAt(0));
        },
        fromServer(bytes) {
          seen.push(Buffer.from(bytes).toString());
          if (seen.includes("close me")) close();
        },
        isLate: () => seen.includes("be late"),
        closed: () => void seen.push(`closed ${network}`),
      }),
    });
    closing.push(
      () => relay.close(),
      () => server.stop(true),
    );
    for (const [sent, came] of [
      ["fine!", ""],
      ["be late", "answer"],
      ["close me", ""],
    ] as const) {
      seen.splice(0);
      const socket = await connect(relay.port);
      socket.write(sent);
      expect(await read(socket)).toBe(came);
      expect(seen).toContain(sent);
      expect(seen.filter((each) => each === "closed 127.0.0.1")).toHaveLength(1);
    }
    expect(relay.connections.open).toBe(0);
  });

  test("of a client that does not read its answers are not read either", async () => {
    let received = 0;
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, bytes) {
          received += bytes.length;
          socket.write(Buffer.alloc(1 << 20));
        },
      },
    });
    const relay = new RelayListener({
      hostname: "127.0.0.1",
      port: 0,
      serverPort: server.port,
      limits: { ...limits, bytesPerTurn: 1 << 20 },
    });
    closing.push(
      () => relay.close(),
      () => server.stop(true),
    );
    const socket = await connect(relay.port);
    socket.pause();
    socket.write(Buffer.alloc(64 << 20));
    for (let before = -1; before !== received || received === 0; await Bun.sleep(100)) {
      before = received;
    }
    expect(received).toBeLessThan(32 << 20);
  });

  test("that an upload has left are read within bounds", async () => {
    const { relay } = place({ lingerBytes: 1 << 20 });
    const socket = await connect(relay.port);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    const bytes = 1 << 28;
    socket.write(`POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`);
    const block = Buffer.alloc(1 << 16);
    let sent = 0;
    while (!socket.destroyed && sent < bytes) {
      sent += block.length;
      if (!socket.write(block)) {
        const drained = new Promise((resolve) => socket.once("drain", resolve));
        await Promise.race([drained, closed]);
      }
    }
    await closed;
    expect(sent).toBeLessThan(bytes);
  });

  test("leave nothing behind when the client vanishes at any moment", async () => {
    const { relay } = place();
    for (const sent of ["", "GET", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"]) {
      const socket = await connect(relay.port);
      if (sent !== "") socket.write(sent);
      await Bun.sleep(1);
      socket.resetAndDestroy();
    }
    while (relay.connections.open > 0) await Bun.sleep(1);
    expect(relay.clientOf({ address: "127.0.0.1", port: 0 })).toBeUndefined();
  });

  test("speak for no client any more once the server has closed them: others may get their port", async () => {
    const peers: { port: number; socket: { terminate(): unknown } }[] = [];
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket) => void peers.push({ port: socket.remotePort, socket }) },
    });
    const relay = new RelayListener({
      hostname: "127.0.0.1",
      port: 0,
      serverPort: server.port,
      limits,
    });
    closing.push(
      () => relay.close(),
      () => void server.stop(true),
    );
    (await connect(relay.port)).write("x");
    const [peer] = await until(() => peers.length > 0 && peers, "the server has a connection");
    const from = { address: "127.0.0.1", port: peer?.port ?? 0 };
    expect(relay.clientOf(from)).toBe("127.0.0.1");
    peer?.socket.terminate();
    await until(() => relay.clientOf(from) === undefined, "the client is forgotten");
    // The client is still read out.
    expect(relay.connections.open).toBe(1);
  });

  test("whose client does not read hold back the server, not fill our memory", async () => {
    let written = 0;
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          const block = Buffer.alloc(1 << 20);
          for (let taken = block.length; taken === block.length && written < 1 << 30; ) {
            taken = socket.write(block);
            written += Math.max(0, taken);
          }
        },
        drain(socket) {
          written += Math.max(0, socket.write(Buffer.alloc(1 << 20)));
        },
      },
    });
    const relay = new RelayListener({
      hostname: "127.0.0.1",
      port: 0,
      serverPort: server.port,
      limits,
    });
    closing.push(
      () => relay.close(),
      () => server.stop(true),
    );
    const socket = await connect(relay.port);
    socket.pause();
    socket.write("go");
    for (let before = -1; before !== written; await Bun.sleep(100)) before = written;
    expect(written).toBeLessThan(64 << 20);
  });
});
