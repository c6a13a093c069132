// `bun run load:stalled`: what exchanges cost whose clients or programs stop reading, on each edge.
//   COUNT=500 MB=10 ONLY=wire bun load/stalled.ts
import net from "node:net";
import { loginAdmin, makePlace } from "../test/harness/client.ts";
import { startProgram } from "../test/harness/program.ts";
import { rssBytes } from "./process-memory.ts";

const COUNT = Number(process.env.COUNT ?? 500);
const BYTES = Number(process.env.MB ?? 10) * 1024 * 1024;
/** What the one that stalls reads before it does: buffers of the kernel grow with what is read. */
const READ_BYTES = Number(process.env.READ_MB ?? 4) * 1024 * 1024;
const SETTLE_MS = 2_000;
const SETTLE_LOOKS = 20;
const CHUNK = Buffer.alloc(64 * 1024, "x");

const sockets = new Set<net.Socket>();
/** Bytes that were handed to sockets. */
let moved = 0;

function kept(socket: net.Socket): net.Socket {
  sockets.add(socket);
  socket.on("error", () => {});
  socket.on("close", () => sockets.delete(socket));
  return socket;
}

function readsUntilEnough(socket: net.Socket): void {
  let bytes = 0;
  socket.on("data", (chunk) => {
    bytes += chunk.length;
    if (bytes >= READ_BYTES) socket.pause();
  });
}

/** Answers GET with a body as fast as it is taken; reads other requests in part. */
const program = net.createServer((socket) => {
  kept(socket).once("data", (head) => {
    if (!head.toString("latin1").startsWith("GET")) {
      readsUntilEnough(socket);
      return;
    }
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: ${BYTES}\r\n\r\n`);
    let sent = 0;
    const go = () => {
      while (sent < BYTES) {
        sent += CHUNK.length;
        moved += CHUNK.length;
        if (!socket.write(CHUNK)) return;
      }
    };
    socket.on("drain", go);
    go();
  });
});
await new Promise<void>((resolve) => program.listen(0, "127.0.0.1", resolve));
const { port } = program.address() as net.AddressInfo;

async function open(proxyPort: number, head: string, uploads: boolean): Promise<void> {
  const socket = kept(net.connect(proxyPort, "127.0.0.1"));
  if (!uploads) readsUntilEnough(socket);
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write(head);
  if (!uploads) return;
  let sent = 0;
  const go = () => {
    while (sent < BYTES) {
      sent += CHUNK.length;
      moved += CHUNK.length;
      if (!socket.write(CHUNK)) return;
    }
  };
  socket.on("drain", go);
  go();
}

const inMiB = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);

/** The value once nothing has moved for a while. */
async function settled(value: () => number): Promise<number> {
  let before = -1;
  for (let look = 0; look < SETTLE_LOOKS; look++) {
    await Bun.sleep(SETTLE_MS);
    const now = value();
    if (moved === before) return now;
    before = moved;
  }
  return value();
}

async function measure(edge: "serve" | "wire", direction: "down" | "up"): Promise<void> {
  await using gate = await startProgram({ environment: { REALMGATE_PROXY_EDGE: edge } });
  const place = await makePlace(await loginAdmin(gate.urls), gate.urls, port);
  const proxyPort = Number(new URL(gate.urls.proxy).port);
  const line = direction === "up" ? "POST" : "GET";
  const length = direction === "up" ? `Content-Length: ${BYTES}\r\n` : "";
  const head = `${line} / HTTP/1.1\r\nHost: ${place.host("terminal-1")}\r\n${length}\r\n`;
  const beforeBytes = rssBytes(gate.pid);
  for (let i = 0; i < COUNT; i++) await open(proxyPort, head, direction === "up");
  const addedBytes = (await settled(() => rssBytes(gate.pid))) - beforeBytes;
  const metrics = await (await fetch(new URL("/metrics", gate.urls.ops))).text();
  const [, held = "none"] = /^realmgate_held_bytes (\d+)/m.exec(metrics) ?? [];
  const [, ended = "none"] = /^realmgate_stalled_exchanges_ended_total (\d+)/m.exec(metrics) ?? [];
  const added = `${inMiB(addedBytes)} MiB more, ${(addedBytes / COUNT / 1024).toFixed(0)} KiB each`;
  process.stdout.write(
    `${edge} ${direction}: ${added}; counted as held: ${inMiB(Number(held))} MiB; ended: ${ended}\n`,
  );
  for (const socket of sockets) socket.destroy();
}

for (const edge of ["serve", "wire"] as const) {
  for (const direction of ["down", "up"] as const) {
    if (
      (process.env.ONLY ?? `${edge} ${direction}`)
        .split(",")
        .some((only) => `${edge} ${direction}`.includes(only))
    ) {
      await measure(edge, direction);
    }
  }
}
program.close();
process.exit(0);
