// Runs in Node: the `ws` package as upstream and as client, told what to do by lines of JSON. Bun has a `ws` of its own, and two
// halves of one implementation would agree about anything. Prints {"port"} first, then what happens; see foreign-websockets.ts.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { WebSocket, WebSocketServer } from "ws";

const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;
const sockets = new Map<string, WebSocket>();

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function watch(id: string, socket: WebSocket): void {
  sockets.set(id, socket);
  socket.on("message", (data: Buffer, isBinary) => {
    const short = data.length <= 4_096;
    const sha256 = createHash("sha256").update(data).digest("hex");
    const text = short && !isBinary ? data.toString() : null;
    const hex = short && isBinary ? data.toString("hex") : null;
    say({ id, event: "message", text, hex, bytes: data.length, isBinary, sha256 });
  });
  socket.on("ping", (data) => say({ id, event: "ping", text: data.toString() }));
  socket.on("pong", (data) => say({ id, event: "pong", text: data.toString() }));
  socket.on("error", (error) => say({ id, event: "error", text: error.message }));
  socket.on("close", (code, reason) =>
    say({ id, event: "close", code, reason: reason.toString() }),
  );
}

const http = createServer();
const server = new WebSocketServer({
  server: http,
  maxPayload: MESSAGE_BYTES_MAX,
  perMessageDeflate: true,
  // Of what is offered the last, so that a choice can be told from an echo.
  handleProtocols: (protocols) => [...protocols].at(-1) ?? false,
});
server.on("headers", (headers) => headers.push("Set-Cookie: a=1", "Set-Cookie: b=2; Path=/"));
let accepted = 0;
server.on("connection", (socket, request) => {
  const id = `upstream-${++accepted}`;
  watch(id, socket);
  const { url, headers } = request;
  say({ id, event: "open", url, headers, protocol: socket.protocol });
});

interface Command {
  readonly id: string;
  readonly op: string;
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly protocols?: string[];
  readonly text?: string;
  readonly hex?: string;
  readonly bytes?: number;
  readonly count?: number;
  readonly fin?: boolean;
  readonly code?: number;
  readonly reason?: string;
}

function open({ id, url = "", headers = {}, protocols = [] }: Command): void {
  const socket = new WebSocket(url, protocols, { headers, maxPayload: MESSAGE_BYTES_MAX });
  watch(id, socket);
  socket.on("upgrade", (message) =>
    say({ id, event: "upgrade", headers: message.headers, raw: message.rawHeaders }),
  );
  socket.on("open", () => say({ id, event: "open", protocol: socket.protocol }));
  socket.on("unexpected-response", (_request, message) => {
    const parts: Buffer[] = [];
    message.on("data", (part: Buffer) => parts.push(part));
    message.on("end", () => {
      const { statusCode: code, headers, rawHeaders: raw } = message;
      const text = Buffer.concat(parts).toString();
      say({ id, event: "refused", code, headers, raw, text });
    });
  });
}

/** Sends until the other side takes no more, then says how many bytes it took. */
function flood(id: string, socket: WebSocket, bytes: number, count: number): void {
  const message = Buffer.alloc(bytes, 7);
  let sent = 0;
  const next = (): void => {
    if (sent === count || socket.readyState !== WebSocket.OPEN) {
      say({ id, event: "flooded", bytes: sent * bytes });
      return;
    }
    socket.send(message, { compress: false }, () => {
      sent++;
      say({ id, event: "took", bytes: sent * bytes });
      setImmediate(next);
    });
  };
  next();
}

const commands: Record<string, (socket: WebSocket, command: Command) => void> = {
  text: (socket, { text = "", fin = true }) => socket.send(text, { fin }),
  binary: (socket, { hex = "", fin = true }) => socket.send(Buffer.from(hex, "hex"), { fin }),
  many: (socket, { text = "", count = 0 }) => {
    for (let i = 0; i < count; i++) {
      socket.send(`${text}${i}`);
    }
  },
  big: (socket, { bytes = 0 }) => socket.send(Buffer.alloc(bytes, 7), { compress: false }),
  flood: (socket, { id, bytes = 0, count = 0 }) => flood(id, socket, bytes, count),
  ping: (socket, { text = "" }) => socket.ping(text),
  pong: (socket, { text = "" }) => socket.pong(text),
  pause: (socket) => socket.pause(),
  resume: (socket) => socket.resume(),
  close: (socket, { code, reason = "" }) =>
    code === undefined ? socket.close() : socket.close(code, reason),
  terminate: (socket) => socket.terminate(),
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line) as Command;
  const socket = sockets.get(command.id);
  if (command.op === "open") {
    open(command);
  } else if (socket !== undefined) {
    commands[command.op]?.(socket, command);
  }
});
process.stdin.on("end", () => process.exit(0));
http.listen(0, "127.0.0.1", () => say({ port: (http.address() as AddressInfo).port }));
