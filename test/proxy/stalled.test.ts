// Clients and programs that stop reading: what the gate holds for them is bounded in sum, and others do not pay for it.
import { afterAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { parsePrometheusText } from "../harness/prometheus-text.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";

const HELD_MAX = 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, "x");
/** Each holds some hundred KiB: together far more than the maximum. */
const CROWD = 12;

const bench = await testBench();
const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0)) await close();
});

async function series({ metrics }: ProxyServer, name: string): Promise<number> {
  return parsePrometheusText(await metrics.text()).get(name)?.samples[0]?.value ?? 0;
}

/** Writes for ever, as fast as it is taken. */
function flood(socket: net.Socket): void {
  const go = () => {
    while (socket.writable && socket.write(CHUNK)) {}
  };
  socket.on("drain", go);
  go();
}

/** A program that answers GET without end, and reads little of anything else. */
function serve(socket: net.Socket): void {
  closing.push(() => socket.destroy());
  socket.once("data", (head: Buffer) => {
    if (head.toString("latin1").startsWith("GET")) {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/x\r\n\r\n");
      flood(socket);
    } else {
      socket.pause();
    }
  });
}

async function gate() {
  const proxy = await startProxy(
    bench.options({
      trustedProxies: ["127.0.0.0/8"],
      responseHeaderMs: 60_000,
      heldBytesMax: HELD_MAX,
    }),
    bench.registry,
  );
  closing.push(() => proxy.stop(true));
  const { host } = await bench.place({ programs: { terminal: await bench.listen(serve) } });
  await proxy.reached(bench.registry.revision, 5_000);
  const open = (client: string, head: string) => {
    const socket = net.connect(proxy.port, "127.0.0.1");
    socket.on("error", () => {});
    closing.push(() => socket.destroy());
    socket.write(
      `${head} / HTTP/1.1\r\nHost: ${host("terminal")}\r\nX-Forwarded-For: ${client}\r\n`,
    );
    return socket;
  };
  const download = (client: string) => {
    const socket = open(client, "GET");
    socket.write("\r\n");
    return socket;
  };
  const upload = (client: string) => {
    const socket = open(client, "POST");
    socket.write("Transfer-Encoding: chunked\r\n\r\n");
    const line = Buffer.from(`${CHUNK.length.toString(16)}\r\n`);
    const piece = Buffer.concat([line, CHUNK, Buffer.from("\r\n")]);
    const go = () => {
      while (socket.writable && socket.write(piece)) {}
    };
    socket.on("drain", go);
    go();
    return socket;
  };
  return { proxy, download, upload };
}

describe.each(["download", "upload"] as const)("stalled %ss", (kind) => {
  test("of one client network end before too much is held, and a neighbour's goes on", async () => {
    const all = await gate();
    const { proxy } = all;
    const neighbour = all.download("10.0.0.1");
    let received = 0;
    let isOver = false;
    neighbour.on("close", () => {
      isOver = true;
    });
    neighbour.on("data", (data: Buffer) => {
      received += data.length;
      // Reads on slowly.
      neighbour.pause();
      setTimeout(() => neighbour.resume(), 20);
    });
    for (let i = 0; i < CROWD; i++) {
      const socket = all[kind]("10.0.0.2");
      if (kind === "download") socket.pause();
    }
    await until(
      async () => (await series(proxy, "realmgate_stalled_exchanges_ended_total")) > 2,
      "stalled exchanges are ended",
    );
    await until(
      async () => (await series(proxy, "realmgate_held_bytes")) <= HELD_MAX,
      "what is held is bounded",
    );
    const before = received;
    await until(() => received > before, "the neighbour reads on");
    expect(isOver).toBeFalse();
    const stalled = bench.logged.filter(({ message }) =>
      message.startsWith("exchange ended: it stalled"),
    );
    expect(stalled.length).toBeGreaterThan(0);
    expect(stalled.map(({ fields }) => fields)).not.toContainEqual(
      expect.objectContaining({ network: "10.0.0.1" }),
    );
  });
});

test("what is held is given up when clients go away", async () => {
  const { proxy, download } = await gate();
  const sockets = Array.from({ length: 4 }, () => download("10.0.0.3").pause());
  await until(async () => (await series(proxy, "realmgate_held_bytes")) > 0, "something is held");
  for (const socket of sockets) socket.destroy();
  await until(async () => (await series(proxy, "realmgate_held_bytes")) === 0, "nothing is held");
});
