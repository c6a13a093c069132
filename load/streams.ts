// `bun run load:streams`: 1 GB through the gate in each direction; what it takes of memory. Fails when that is not flat.
//   MB=1024 ONLY=HTTP/2 bun load/streams.ts
import { mkdtempSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { certificate } from "../test/harness/certificate.ts";
import { loginAdmin, makePlace } from "../test/harness/client.ts";
import { startProgram } from "../test/harness/program.ts";
import { rssBytes } from "./process-memory.ts";

const BYTES = Number(process.env.MB ?? 1024) * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, "x");
const STALL_MS = 2_000;
/** What a stream may add to what the process had before the first: buffers, and a heap that is not swept at once. */
const GROWTH_MB_MAX = 160;

interface Direction {
  /** A header that says how long the body is, or that it is chunked. */
  readonly chunked: boolean;
  /** Who takes nothing for a while in the middle. */
  readonly stalled: boolean;
}

function framed(chunked: boolean): string {
  return chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${BYTES}`;
}

/** Writes the body at the pace it is taken. */
async function writeBody(socket: net.Socket, chunked: boolean): Promise<void> {
  const prefix = Buffer.from(`${CHUNK.length.toString(16)}\r\n`);
  const part = chunked ? Buffer.concat([prefix, CHUNK, Buffer.from("\r\n")]) : CHUNK;
  for (let sent = 0; sent < BYTES; sent += CHUNK.length) {
    if (!socket.write(part)) await new Promise((resolve) => socket.once("drain", resolve));
  }
  if (chunked) socket.write("0\r\n\r\n");
}

/** Counts what comes; with `stalled` takes nothing for a while in the middle. */
function counted(stream: NodeJS.ReadableStream, stalled: boolean, enough: (bytes: number) => void) {
  let bytes = 0;
  let stalls = stalled;
  stream.on("data", (data: Buffer) => {
    bytes += data.length;
    if (stalls && bytes > BYTES / 4) {
      stalls = false;
      stream.pause();
      setTimeout(() => stream.resume(), STALL_MS);
    }
    if (bytes >= BYTES) enough(bytes);
  });
  return () => bytes;
}

let serve: (socket: net.Socket) => void = () => {};
const upstream = net.createServer((socket) => {
  socket.on("error", () => {});
  serve(socket);
});
await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
const upstreamPort = (upstream.address() as net.AddressInfo).port;

const folder = mkdtempSync(join(tmpdir(), "realmgate-load-"));
const pair = certificate({ names: ["*.local.containers.localhost"] });
writeFileSync(join(folder, "cert.pem"), pair.cert);
writeFileSync(join(folder, "key.pem"), pair.key);
await using program = await startProgram({
  environment: {
    REALMGATE_PROXY_TLS_LISTEN: "127.0.0.1:0",
    REALMGATE_TLS_CERT: join(folder, "cert.pem"),
    REALMGATE_TLS_KEY: join(folder, "key.pem"),
  },
});
const place = await makePlace(await loginAdmin(program.urls), program.urls, upstreamPort);
const host = place.host("terminal-1");
const plainPort = Number(new URL(program.urls.proxy).port);
const tlsPort = Number(new URL(program.urls.proxyTls ?? "").port);

const rssMb = (): number => rssBytes(program.pid) / 1024 / 1024;

const serveDown = (chunked: boolean) => (socket: net.Socket) => {
  socket.once("data", async () => {
    socket.write(
      `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/x\r\n${framed(chunked)}\r\n\r\n`,
    );
    await writeBody(socket, chunked);
    socket.end();
  });
};

function connected(secure: boolean): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = secure
      ? tls.connect({ host: "127.0.0.1", port: tlsPort, rejectUnauthorized: false })
      : net.connect(plainPort, "127.0.0.1");
    socket.once(secure ? "secureConnect" : "connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

async function down(secure: boolean, { chunked, stalled }: Direction): Promise<void> {
  serve = serveDown(chunked);
  const socket = await connected(secure);
  await new Promise<void>((resolve, reject) => {
    counted(socket, stalled, () => resolve());
    socket.on("close", () => reject(new Error("broken off")));
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  });
  socket.destroy();
}

async function up(secure: boolean, { chunked, stalled }: Direction): Promise<void> {
  const received = Promise.withResolvers<void>();
  serve = (socket) => {
    counted(socket, stalled, () => {
      socket.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
      received.resolve();
    });
  };
  const socket = await connected(secure);
  socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\n${framed(chunked)}\r\n\r\n`);
  await writeBody(socket, chunked);
  await received.promise;
  socket.destroy();
}

async function downH2(stalled: boolean): Promise<void> {
  serve = serveDown(true);
  const session = http2.connect(`https://127.0.0.1:${tlsPort}`, { rejectUnauthorized: false });
  const stream = session.request({ ":path": "/", ":authority": host });
  await new Promise<void>((resolve, reject) => {
    counted(stream, stalled, () => resolve());
    stream.on("error", reject);
  });
  session.destroy();
}

async function upH2(stalled: boolean): Promise<void> {
  const received = Promise.withResolvers<void>();
  serve = (socket) => {
    counted(socket, stalled, () => received.resolve());
  };
  const session = http2.connect(`https://127.0.0.1:${tlsPort}`, { rejectUnauthorized: false });
  session.on("error", () => {});
  const stream = session.request({ ":path": "/", ":method": "POST", ":authority": host });
  stream.on("error", () => {});
  for (let sent = 0; sent < BYTES; sent += CHUNK.length) {
    if (!stream.write(CHUNK)) await new Promise((resolve) => stream.once("drain", resolve));
  }
  stream.end();
  await received.promise;
  session.destroy();
}

const whole = { chunked: false, stalled: false };
const cases: Readonly<Record<string, () => Promise<void>>> = {
  "down, length known": () => down(false, whole),
  "down, chunked": () => down(false, { chunked: true, stalled: false }),
  "down, client stalls": () => down(false, { chunked: false, stalled: true }),
  "up, length known": () => up(false, whole),
  "up, chunked": () => up(false, { chunked: true, stalled: false }),
  "up, upstream stalls": () => up(false, { chunked: false, stalled: true }),
  "down, TLS": () => down(true, whole),
  "up, TLS": () => up(true, whole),
  "down, HTTP/2": () => downH2(false),
  "down, HTTP/2, client stalls": () => downH2(true),
  "up, HTTP/2": () => upH2(false),
  "up, HTTP/2, upstream stalls": () => upH2(true),
};

const beforeMb = rssMb();
console.log(`${BYTES / 1024 / 1024} MB each; the gate has ${beforeMb.toFixed(0)} MB before`);
let failed = false;
for (const [name, run] of Object.entries(cases)) {
  if (!name.includes(process.env.ONLY ?? "")) continue;
  let mostMb = 0;
  const looking = setInterval(() => {
    mostMb = Math.max(mostMb, rssMb());
  }, 20);
  const startedMs = performance.now();
  await run();
  clearInterval(looking);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const flat = mostMb - beforeMb <= GROWTH_MB_MAX;
  failed ||= !flat;
  console.log(
    `  ${name}: ${seconds} s, at most ${mostMb.toFixed(0)} MB${flat ? "" : ": NOT FLAT"}`,
  );
}
upstream.close();
if (failed) process.exitCode = 1;
