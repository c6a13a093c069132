// Upstreams of HTTP/2 that send frames as they are (RFC 9113 §4, §6).
import net from "node:net";
import { listenLocally } from "./local-server.ts";

export const Type = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

export const END_STREAM = 1;
export const END_HEADERS = 4;
const PREFACE_BYTES = 24;
const HEAD_BYTES = 9;

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(),
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export type Field = readonly [name: string, value: string];

/** Literal fields without indexing (RFC 7541 §6.2.2). */
export function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]),
  );
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** With a prefix of seven bits (RFC 7541 §5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const octets = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>= 7) octets.push((rest & 127) | 128);
  return Buffer.from([...octets, rest]);
}

export function head(stream: number, fields: readonly Field[], flags = 0): Buffer {
  return frame(Type.headers, END_HEADERS | flags, stream, block(fields));
}

export function data(stream: number, text: string, flags = 0): Buffer {
  return frame(Type.data, flags, stream, Buffer.from(text, "latin1"));
}

export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export const SETTINGS = frame(Type.settings, 0, 0);
const ACKNOWLEDGED = frame(Type.settings, 1, 0);

export interface FrameUpstream {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /** Types of the frames that came, over all connections. */
  readonly types: readonly number[];
  /** Streams that were reset by the gate. */
  readonly resets: readonly number[];
  stop(): void;
}

export interface FrameScript {
  /** The first bytes of a connection; SETTINGS unless said otherwise. */
  readonly preface?: Buffer;
  /** A request began on this stream, the n-th (from 1) of the connection. */
  readonly asked: (stream: number, socket: net.Socket, nth: number) => void;
}

export async function startFrameUpstream(script: FrameScript): Promise<FrameUpstream> {
  const seen = { connections: 0, types: [] as number[], resets: [] as number[] };
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    seen.connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.write(script.preface ?? SETTINGS);
    let kept: Buffer = Buffer.alloc(0);
    let isPreface = true;
    let requests = 0;
    socket.on("data", (chunk: Buffer) => {
      kept = Buffer.concat([kept, chunk]);
      if (isPreface && kept.length >= PREFACE_BYTES) {
        isPreface = false;
        kept = kept.subarray(PREFACE_BYTES);
      }
      while (!isPreface && kept.length >= HEAD_BYTES) {
        const length = kept.readUIntBE(0, 3);
        if (kept.length < HEAD_BYTES + length) return;
        const [type = 0, flags = 0] = [kept[3], kept[4]];
        const stream = kept.readUInt32BE(5);
        kept = kept.subarray(HEAD_BYTES + length);
        seen.types.push(type);
        if (type === Type.settings && flags === 0) socket.write(ACKNOWLEDGED);
        if (type === Type.reset) seen.resets.push(stream);
        if (type === Type.headers) script.asked(stream, socket, ++requests);
      }
    });
  });
  const port = await listenLocally(server);
  return {
    port,
    get connections() {
      return seen.connections;
    },
    types: seen.types,
    resets: seen.resets,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
