import { afterAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { ReceiveWindows } from "./receive-windows.ts";
import { type SocketCalls, socketCalls } from "./socket-calls.ts";

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Connections by descriptor: the port at the far end, all of 127.0.0.1 to port 1. */
function fakeCalls(ports: Map<number, number>) {
  const set: [descriptor: number, bytes: number][] = [];
  const calls: SocketCalls = {
    descriptors: () => [...ports.keys()],
    peer(descriptor) {
      const port = ports.get(descriptor);
      return port === undefined ? null : { octets: new Uint8Array([127, 0, 0, 1]), port };
    },
    localPort: () => 1,
    setReceiveBuffer: (descriptor, bytes) => set.push([descriptor, bytes]) > 0,
  };
  return { calls, set };
}

const limits = { slowMs: -1, slowTurnsMax: 2, narrowBytes: 8, wideBytes: 80, narrowMs: 1000 };
const me = "127.0.0.1";

async function turns(windows: ReceiveWindows, count: number, port: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    windows.exceeded(me, port, 1);
    await nextTurn();
  }
}

describe("a connection with requests beyond its budget", () => {
  test("is narrowed after some slow turns, and only once", async () => {
    const { calls, set } = fakeCalls(
      new Map([
        [7, 5000],
        [8, 5001],
      ]),
    );
    const windows = new ReceiveWindows(limits, calls);
    await turns(windows, 2, 5000);
    expect(set).toEqual([]);
    await turns(windows, 5, 5000);
    expect(set).toEqual([[7, 8]]);
    expect(windows.narrowed).toBe(1);
  });

  test("is left alone where its turns are short", async () => {
    const { calls, set } = fakeCalls(new Map([[7, 5000]]));
    await turns(new ReceiveWindows({ ...limits, slowMs: 60_000 }, calls), 10, 5000);
    expect(set).toEqual([]);
  });

  test("is narrowed at the first slow turn where another one of its network was", async () => {
    const { calls, set } = fakeCalls(
      new Map([
        [7, 5000],
        [8, 5001],
      ]),
    );
    const windows = new ReceiveWindows(limits, calls);
    await turns(windows, 3, 5000);
    // Searches are not made more often than this.
    await Bun.sleep(120);
    await turns(windows, 1, 5001);
    expect(set).toEqual([
      [7, 8],
      [8, 8],
    ]);
  });

  test("gets its window back when it behaves, unless the descriptor is another connection's", async () => {
    const ports = new Map([
      [7, 5000],
      [8, 5001],
    ]);
    const { calls, set } = fakeCalls(ports);
    const windows = new ReceiveWindows({ ...limits, slowTurnsMax: 0 }, calls);
    windows.exceeded(me, 5000, 1);
    windows.exceeded(me, 5001, 1);
    await nextTurn();
    ports.set(8, 6000);
    windows.tick(performance.now() + 500);
    expect(windows.narrowed).toBe(2);
    windows.tick(performance.now() + 1001);
    expect(set).toEqual([
      [7, 8],
      [8, 8],
      [7, 80],
    ]);
    expect(windows.narrowed).toBe(0);
  });

  test("is not searched for where the system has no such calls", async () => {
    const windows = new ReceiveWindows(limits, null);
    await turns(windows, 10, 5000);
    expect(windows.narrowed).toBe(0);
  });
});

describe.skipIf(process.platform !== "linux")("the calls of Linux", () => {
  const calls = socketCalls();
  const sockets: net.Socket[] = [];
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
  });

  /** The longest chunk that a server gets of a client that writes 8 MiB at once. */
  async function longestChunk(hostname: string, isNarrow: boolean): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    let received = 0;
    let longest = 0;
    const all = 8 * 1024 * 1024;
    using server = Bun.listen<undefined>({
      hostname,
      port: 0,
      socket: {
        open(socket) {
          if (!isNarrow || calls === null) return;
          const peer = socket.remoteAddress;
          const windows = new ReceiveWindows(
            { ...limits, slowTurnsMax: 0, narrowBytes: 16 * 1024 },
            calls,
          );
          windows.exceeded(peer, socket.remotePort, socket.localPort);
        },
        data(_, bytes) {
          received += bytes.length;
          longest = Math.max(longest, bytes.length);
          // So that more than one packet waits.
          Bun.sleepSync(1);
          if (received >= all) resolve(longest);
        },
      },
    });
    const client = net.connect(server.port, hostname);
    sockets.push(client);
    client.once("connect", () => setTimeout(() => client.write(Buffer.alloc(all)), 20));
    return await promise;
  }

  test.each(["127.0.0.1", "::1"])("make what %s sends arrive in small pieces", async (hostname) => {
    expect(calls).not.toBeNull();
    expect(await longestChunk(hostname, false)).toBeGreaterThan(64 * 1024);
    expect(await longestChunk(hostname, true)).toBeLessThanOrEqual(32 * 1024);
  });

  test("name no end of what is no connected socket", () => {
    expect(calls?.peer(1)).toBeNull();
    expect(calls?.peer(1_000_000)).toBeNull();
    expect(calls?.localPort(1_000_000)).toBeNull();
  });
});
