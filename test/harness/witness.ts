// An upstream that remembers every connection, every byte and every whole request, and answers in raw bytes.
import net from "node:net";
import { listenLocally } from "./local-server.ts";

/** What a witness answers one request with; null: nothing, the connection stays as it is. */
export type Answering = (request: Seen, socket: net.Socket) => string | null;

export interface Seen {
  /** `GET /path HTTP/1.1`. */
  readonly line: string;
  /** Header lines as they came, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body as it came, framing included. */
  readonly body: string;
  /** Its length in bytes, head included. */
  readonly bytes: number;
  /** Which connection it came on, from 1. */
  readonly connection: number;
}

export interface Witness {
  readonly port: number;
  connections: number;
  bytes: number;
  readonly requests: Seen[];
  /** Sockets that are open now. */
  readonly open: Set<net.Socket>;
  /** Set it to answer differently. */
  answering: Answering;
  /** Values of one header in the latest request, a line each. */
  latest(name: string): string[];
  stop(): void;
}

/** 200 with the text. */
export function ok(text: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text, "latin1")}\r\n\r\n${text}`;
}

/** Starts one. It answers 200 with the request line unless told otherwise. */
export async function startWitness(
  answering: Answering = ({ line }) => ok(line),
): Promise<Witness> {
  const server = net.createServer((socket) => {
    const connection = ++witness.connections;
    witness.open.add(socket);
    let held = "";
    socket.on("error", () => {});
    socket.on("close", () => witness.open.delete(socket));
    socket.on("data", (data) => {
      witness.bytes += data.length;
      held += data.toString("latin1");
      for (;;) {
        const taken = takeRequest(held, connection);
        if (taken === null) return;
        held = taken.rest;
        witness.requests.push(taken.request);
        const answer = witness.answering(taken.request, socket);
        if (answer !== null) socket.write(answer, "latin1");
      }
    });
  });
  const port = await listenLocally(server);
  const witness: Witness = {
    port,
    connections: 0,
    bytes: 0,
    requests: [],
    open: new Set(),
    answering,
    latest: (name) =>
      (witness.requests.at(-1)?.headers ?? [])
        .filter(([found]) => found === name)
        .map(([, value]) => value),
    stop() {
      server.close();
      for (const socket of witness.open) socket.destroy();
    },
  };
  return witness;
}

/** The first whole request of the text and what follows it; null while it is not whole. */
function takeRequest(text: string, connection: number): { request: Seen; rest: string } | null {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return null;
  const [line = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = lines.map((each): [string, string] => {
    const colon = each.indexOf(":");
    return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()];
  });
  const field = (name: string) => headers.find(([found]) => found === name)?.[1];
  const start = end + 4;
  let length = Number(field("content-length") ?? 0);
  if (field("transfer-encoding") !== undefined) {
    const last = /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(start));
    if (last === null) return null;
    length = last.index + last[0].length;
  }
  if (text.length < start + length) return null;
  const body = text.slice(start, start + length);
  const bytes = start + length;
  return { request: { line, headers, body, bytes, connection }, rest: text.slice(bytes) };
}
