// One client doing its worst, for load/neighbour.ts: `bun load/neighbour-attack.ts ATTACK PORT`, until it is killed.
import net from "node:net";
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

const getMe = callHeaders("/realmgate.v1.UserService/GetMe");
const login = callHeaders("/realmgate.v1.UserService/Login");
const health = callHeaders("/grpc.health.v1.Health/Check");
const cancel = Buffer.from([0, 0, 0, 8]);
const emptyMessage = Buffer.alloc(5);
const unfinished = messageStart(500_000, 16_384);

const attacks: Readonly<Record<string, () => Flood>> = {
  "rest-pipeline": requests("/api/v1/users/me"),
  "rest-pipeline-20": requests("/api/v1/users/me", { connections: 20 }),
  "rest-openapi-unread": requests("/openapi.json", { reads: false }),
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
  const { opening, next, reads = true } = make();
  const socket = net.connect(port, "127.0.0.1");
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
  socket.on("connect", () => {
    socket.write(opening);
    send();
  });
  socket.on("drain", send);
  socket.on("error", () => {});
  // At once again, as long as it is let in.
  socket.on("close", () => setTimeout(() => connect(port, make), 1));
  if (reads) socket.resume();
  else socket.pause();
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
  if (attack === "churn") for (let i = 0; i < 20; i++) churn(Number(port));
  else if (make === undefined) throw new Error(`no attack ${attack}`);
  else for (let i = 0; i < (make().connections ?? 1); i++) connect(Number(port), make);
  console.log("attacking");
}
