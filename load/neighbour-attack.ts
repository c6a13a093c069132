// One client doing its worst, for load/neighbour.ts: `bun load/neighbour-attack.ts ATTACK PORT`, until it is killed.
import net from "node:net";
import tls from "node:tls";
import { callHeaders, frame, messageStart, preface } from "./http2-bytes.ts";

const empty = Buffer.alloc(0);
const settings = frame(4, 0, 0, empty);
const ackedSettings = frame(4, 1, 0, empty);
const streamIdMax = 0x7f_ff_ff_ff;

interface Flood {
  /** Sent once, at the start of each connection. */
  readonly opening: Buffer;
  /** Sent again and again; null: the connection is used up. */
  readonly next: () => Buffer | null;
  /** Whether the answers are read. */
  readonly reads?: boolean;
  readonly connections?: number;
  /** Protocol that is agreed on with TLS; plain text when unset. */
  readonly alpn?: "h2" | "http/1.1";
  /** Milliseconds between two blocks; as fast as they are taken when unset. */
  readonly everyMs?: number;
}

function requests(path: string, more: Partial<Flood> = {}): () => Flood {
  const block = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(1000));
  return () => ({ opening: empty, next: () => block, ...more });
}

function frames(block: Buffer, times = 1000): () => Flood {
  const many = Buffer.concat(Array.from({ length: times }, () => block));
  return () => ({ opening: Buffer.concat([preface, settings]), next: () => many });
}

/** `make` answers with the frames of one stream. */
function streams(make: (stream: number) => Buffer): () => Flood {
  return () => {
    let stream = 1;
    const next = () => {
      if (stream > streamIdMax - 4000) return null;
      const made: Buffer[] = [];
      for (let i = 0; i < 200; i++, stream += 2) made.push(make(stream));
      return Buffer.concat(made);
    };
    return { opening: Buffer.concat([preface, settings, ackedSettings]), next };
  };
}

/** GET of `/` at the host `localhost`, over TLS (RFC 7541 appendix A). */
const getRoot = Buffer.concat([Buffer.from([0x82, 0x87, 0x84, 0x01, 9]), Buffer.from("localhost")]);
const postRoot = Buffer.concat([
  Buffer.from([0x83, 0x87, 0x84, 0x01, 9]),
  Buffer.from("localhost"),
]);
const repeated = (block: Buffer, times: number) =>
  Buffer.concat(Array.from({ length: times }, () => block));
const manyDataFrames = repeated(frame(0, 0, 1, Buffer.from("x")), 10_000);
const manyPings = repeated(frame(6, 0, 0, Buffer.alloc(8)), 10_000);
const manyChunks = repeated(Buffer.from("1\r\nx\r\n"), 20_000);
const getMe = callHeaders("/realmgate.v1.UserService/GetMe");
const login = callHeaders("/realmgate.v1.UserService/Login");
const health = callHeaders("/grpc.health.v1.Health/Check");
const cancel = Buffer.from([0, 0, 0, 8]);
const emptyMessage = Buffer.alloc(5);
const unfinished = messageStart(500_000, 16_384);

/** A WebSocket whose client sends this frame again and again. */
function webSocket(opening: string, block: Buffer): () => Flood {
  return () => ({ opening: Buffer.from(opening), next: () => block });
}

function manyFrames(first: number, masked: boolean): Buffer {
  const one = Buffer.from(masked ? [first, 0x81, 1, 2, 3, 4, 5] : [first, 1, 5]);
  return Buffer.concat(Array.from({ length: 10_000 }, () => one));
}

const [, , , , host = "x"] = process.argv;
const handshake = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
const slowBody = Buffer.from(
  `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`,
);

const attacks: Readonly<Record<string, () => Flood>> = {
  "rest-pipeline": requests("/api/v1/users/me"),
  "rest-pipeline-20": requests("/api/v1/users/me", { connections: 20 }),
  "rest-openapi-unread": requests("/openapi.json", { reads: false }),
  "proxy-pipeline": requests("/"),
  "proxy-pipeline-20": requests("/", { connections: 20 }),
  "proxy-slow-bodies": () => ({
    opening: slowBody,
    next: () => Buffer.from("1\r\nx\r\n"),
    everyMs: 20,
    connections: 300,
  }),
  "proxy-idle": () => ({ opening: empty, next: () => empty, everyMs: 1000, connections: 2000 }),
  "tls-pipeline": requests("/", { alpn: "http/1.1" }),
  "tls-h2-resets": () => ({
    ...streams((stream) =>
      Buffer.concat([frame(1, 5, stream, getRoot), frame(3, 0, stream, cancel)]),
    )(),
    alpn: "h2",
  }),
  "tls-h2-streams": () => ({
    ...streams((stream) => frame(1, 5, stream, getRoot))(),
    alpn: "h2",
  }),
  "tls-h2-data": () => ({
    opening: Buffer.concat([preface, settings, ackedSettings, frame(1, 4, 1, postRoot)]),
    next: () => manyDataFrames,
    alpn: "h2",
    connections: 20,
  }),
  "tls-h2-pings": () => ({
    opening: Buffer.concat([preface, settings, ackedSettings]),
    next: () => manyPings,
    alpn: "h2",
    connections: 20,
  }),
  "tls-tiny-chunks": () => ({
    opening: slowBody,
    next: () => manyChunks,
    alpn: "http/1.1",
    connections: 50,
  }),
  "websocket-up": webSocket(handshake, manyFrames(0x82, true)),
  "websocket-pings": webSocket(handshake, manyFrames(0x89, true)),
  "websocket-down": () => ({ opening: Buffer.from(handshake), next: () => empty, everyMs: 1000 }),
  "ops-pipeline": requests("/healthz"),
  "ops-metrics": requests("/metrics"),
  "grpc-calls": streams((stream) =>
    Buffer.concat([frame(1, 4, stream, getMe), frame(0, 1, stream, emptyMessage)]),
  ),
  "grpc-health": streams((stream) =>
    Buffer.concat([frame(1, 4, stream, health), frame(0, 1, stream, emptyMessage)]),
  ),
  "grpc-resets": streams((stream) =>
    Buffer.concat([frame(1, 4, stream, getMe), frame(3, 0, stream, cancel)]),
  ),
  "grpc-unfinished": streams((stream) =>
    Buffer.concat([frame(1, 4, stream, login), frame(0, 0, stream, unfinished)]),
  ),
  "grpc-pings": frames(frame(6, 0, 0, Buffer.alloc(8))),
  "grpc-settings": frames(settings),
  "grpc-empty-data": frames(frame(0, 0, 1, empty)),
};

function connect(port: number, make: () => Flood): void {
  const { opening, next, reads = true, alpn, everyMs } = make();
  const where = { port, host: "127.0.0.1" };
  const socket =
    alpn === undefined
      ? net.connect(where)
      : tls.connect({ ...where, ALPNProtocols: [alpn], rejectUnauthorized: false });
  const send = (): void => {
    for (;;) {
      const block = next();
      if (block === null) {
        socket.destroy();
        return;
      }
      if (!socket.write(block)) return;
    }
  };
  socket.once(alpn === undefined ? "connect" : "secureConnect", () => {
    socket.write(opening);
    const isWebSocket = opening.includes("Upgrade: websocket");
    if (everyMs !== undefined) timer = setInterval(() => socket.write(next() ?? empty), everyMs);
    else if (isWebSocket) socket.once("data", send);
    else send();
  });
  let timer: ReturnType<typeof setInterval> | undefined;
  if (everyMs === undefined) socket.on("drain", send);
  socket.on("error", () => {});
  // At once again, as long as it is let in.
  socket.on("close", () => {
    clearInterval(timer);
    setTimeout(() => connect(port, make), 1);
  });
  if (reads) socket.resume();
  else socket.pause();
}

/** The upstream of WebSockets: reads everything, or sends frames of one byte as fast as they are taken. */
function webSocketUpstream(port: number, sends: boolean): void {
  const block = manyFrames(0x82, false);
  net
    .createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (head: Buffer) => {
        const key = /sec-websocket-key: (\S+)/i.exec(head.toString("latin1"))?.[1] ?? "";
        const accept = new Bun.CryptoHasher("sha1")
          .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest("base64");
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        socket.resume();
        const send = () => {
          while (socket.write(block));
        };
        if (sends) {
          socket.on("drain", send);
          send();
        }
      });
    })
    .listen(port, "127.0.0.1");
}

/** Connects and closes as fast as it can. */
function churn(port: number): void {
  const socket = net.connect(port, "127.0.0.1", () => socket.destroy());
  socket.on("error", () => {});
  socket.on("close", () => churn(port));
}

if (import.meta.main) {
  const [attack = "", port = ""] = process.argv.slice(2);
  const make = attacks[attack];
  if (attack.startsWith("websocket")) webSocketUpstream(18_476, attack === "websocket-down");
  if (attack === "churn") for (let i = 0; i < 20; i++) churn(Number(port));
  else if (make === undefined) throw new Error(`no attack ${attack}`);
  else for (let i = 0; i < (make().connections ?? 1); i++) connect(Number(port), make);
  console.log("attacking");
}
