// Both ends of the WebSockets of a load run, each a process of its own.
//
// `upstream`: agrees to every WebSocket, answers every request with 128 bytes; prints its port.
// `clients PORT HOST COUNT TOKEN…`: opens so many through the gate, tokens in turn; prints a line of JSON when all are open, then
// one whenever some were closed: how many so far by code, and when the last one was (Unix milliseconds).
import type { Socket } from "bun";

const body = "x".repeat(128);
/** Handshakes that wait for their answer at a time. */
const openingMax = 64;
const key = "dGhlIHNhbXBsZSBub25jZQ==";

function serve(): void {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    fetch(request, self) {
      return self.upgrade(request) ? undefined : new Response(body);
    },
    websocket: { idleTimeout: 0, message() {} },
  });
  console.log(server.port);
}

const closed: Record<string, number> = {};
let said = "";

function isClosed(code: string): void {
  closed[code] = (closed[code] ?? 0) + 1;
  const lastMs = performance.timeOrigin + performance.now();
  said = JSON.stringify({ closed, lastMs });
}

/** The head of the answer, then perhaps a Close frame: nothing else is ever sent. */
function open(port: number, host: string, token: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isOpen = false;
  let code = "none";
  const data = (_socket: Socket, bytes: Buffer) => {
    if (isOpen) {
      code = bytes[0] === 0x88 && bytes.length >= 4 ? String(bytes.readUInt16BE(2)) : "garbage";
    } else if (bytes.toString("latin1").startsWith("HTTP/1.1 101 ")) {
      isOpen = true;
      resolve();
    } else {
      reject(new Error(bytes.toString("latin1").split("\r\n")[0]));
    }
  };
  const head = [
    "GET / HTTP/1.1",
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
    `X-Api-Token: ${token}`,
  ];
  void Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data,
      open: (socket) => {
        socket.write(`${head.join("\r\n")}\r\n\r\n`);
      },
      close: () => (isOpen ? isClosed(code) : reject(new Error("closed during the handshake"))),
      connectError: (_socket, error) => reject(error),
    },
  });
  return promise;
}

async function openAll(port: number, host: string, count: number, tokens: string[]): Promise<void> {
  let next = 0;
  const opener = async () => {
    while (next < count) {
      await open(port, host, tokens[next++ % tokens.length] ?? "");
    }
  };
  await Promise.all(Array.from({ length: openingMax }, opener));
  console.log(JSON.stringify({ opened: count }));
  setInterval(() => {
    if (said !== "") {
      console.log(said);
      said = "";
    }
  }, 50);
}

const [role, port = "", host = "", count = "", ...tokens] = process.argv.slice(2);
if (role === "upstream") {
  serve();
} else {
  await openAll(Number(port), host, Number(count), tokens);
}
