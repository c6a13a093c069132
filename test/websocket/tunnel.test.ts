import { describe, expect, test } from "bun:test";
import net from "node:net";
import { PassThrough, Readable } from "node:stream";
import { acceptOf } from "../../src/websocket/handshake.ts";
import { openTunnel, type TunnelFailure } from "../../src/websocket/tunnel.ts";
import { selfSigned } from "../harness/certificate.ts";

const certificate = selfSigned();

interface Far {
  readonly port: number;
  stop(): Promise<void>;
}

/** An echo over WebSocket, or whatever else `answer` says. */
function far(tls: boolean, answer: Response | null = null): Far {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    ...(tls ? { tls: certificate } : {}),
    fetch(request, self) {
      if (answer === null && self.upgrade(request)) {
        return undefined;
      }
      return answer ?? new Response("no", { status: 400 });
    },
    websocket: {
      message(socket, message) {
        if (String(message) === "text") {
          socket.send("text");
        } else if (String(message) === "kill") {
          socket.terminate();
        } else if (String(message) === "leave") {
          socket.close(1008, "access\u001b[31m ended");
        } else {
          socket.send(message);
        }
      },
    },
  });
  return { port: server.port ?? 0, stop: () => server.stop(true) };
}

interface Went {
  readonly failure: TunnelFailure;
  readonly output: string;
}

async function go(
  url: string,
  { host = "localhost", ca = null as string | null, says = "hello", limitMs = 3_000 } = {},
): Promise<Went> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const headers = { host };
  const over = openTunnel({ url: new URL(url), headers, input, output, ca, limitMs });
  let received = "";
  output.on("data", (chunk: Buffer) => {
    received += chunk.toString();
    if (received === says) {
      input.end();
    }
  });
  input.write(says);
  return { failure: await over, output: received };
}

describe("a tunnel", () => {
  test.each([false, true])("carries bytes; over TLS: %p", async (secure) => {
    const { port, stop } = far(secure);
    const url = `${secure ? "wss" : "ws"}://127.0.0.1:${port}/`;
    const ca = secure ? certificate.cert : null;
    expect(await go(url, { ca })).toEqual({ failure: null, output: "hello" });
    await stop();
  });

  test.each([
    ["text", "the gate sent a text message, which a tunnel does not use"],
    ["kill", "the connection was lost"],
    ["leave", "closed by the gate: 1008 access?[31m ended"],
  ])("that the gate ends by %p says so", async (says, failure) => {
    const { port, stop } = far(false);
    expect((await go(`ws://127.0.0.1:${port}/`, { says })).failure).toBe(failure);
    await stop();
  });
});

describe("a tunnel whose input ends", () => {
  const bytes = 4_000_000;

  /** A gate that reads slowly, and what it has got when the tunnel is over. */
  async function slowly(atEnd: (socket: net.Socket) => void) {
    let received = 0;
    let hasClosed = false;
    let tail: Buffer = Buffer.alloc(0);
    const server = net.createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (head) => {
        const key = /^sec-websocket-key: (.*)\r$/im.exec(head.toString())?.[1] ?? "";
        const lines = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}`;
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n\r\n`);
        socket.on("data", (chunk: Buffer) => {
          received += chunk.length;
          socket.pause();
          setTimeout(() => socket.resume(), 1);
          // A masked Close frame with a code.
          tail = Buffer.concat([tail, chunk]).subarray(-8);
          hasClosed = tail[0] === 0x88 && tail[1] === 0x82;
          if (hasClosed || received > bytes / 2) atEnd(socket);
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    const input = Readable.from([Buffer.alloc(bytes)]);
    const url = new URL(`ws://127.0.0.1:${port}/`);
    const headers = { host: "localhost" };
    const output = new PassThrough();
    const over = openTunnel({ url, headers, input, output, ca: null, limitMs: 3_000 });
    const failure = await over;
    const went = { failure, isWhole: received > bytes, hasClosed };
    server.close();
    return went;
  }

  test("is over when the gate has all of it", async () => {
    const answered = (socket: net.Socket) => {
      if (socket.bytesRead > bytes) socket.end(Buffer.from([0x88, 2, 3, 0xe8]));
    };
    expect(await slowly(answered)).toEqual({ failure: null, isWhole: true, hasClosed: true });
  });

  test("fails when the gate is gone before it has all of it", async () => {
    const { failure, isWhole } = await slowly((socket) => socket.resetAndDestroy());
    expect([failure, isWhole]).toEqual(["the connection was lost", false]);
  });
});

describe("no tunnel is opened", () => {
  test.each([
    ["whose certificate nobody vouches for", "localhost", null],
    ["whose certificate is for another name", "elsewhere.example", certificate.cert],
  ])("to a gate %s, and no credential is sent", async (_what, host, ca) => {
    const { port, stop } = far(true);
    const { failure } = await go(`wss://127.0.0.1:${port}/`, { host, ca });
    expect(failure).toMatch(/^127\.0\.0\.1:\d+: its certificate is not trusted \([A-Z_]+\)$/);
    await stop();
  });

  test("through a refusal: its status and code are told", async () => {
    const body = { statusCode: 403, code: "not_granted", message: "Access is denied" };
    const { port, stop } = far(false, Response.json(body, { status: 403 }));
    const { failure } = await go(`ws://127.0.0.1:${port}/`);
    expect(failure).toBe("refused: 403 not_granted (Access is denied)");
    await stop();
  });

  test("through an answer of somebody else", async () => {
    const { port, stop } = far(false, new Response("<h1>x".repeat(10_000), { status: 200 }));
    expect((await go(`ws://127.0.0.1:${port}/`)).failure).toBe("refused: 200");
    await stop();
  });

  test("where nobody listens, there is no such host, or nobody answers", async () => {
    const server = net.createServer((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    const silent = await go(`ws://127.0.0.1:${port}/`, { limitMs: 100 });
    expect(silent.failure).toBe(`no answer from 127.0.0.1:${port} within 0.1 s`);
    server.close();
    expect((await go("ws://127.0.0.1:1/")).failure).toBe(
      "127.0.0.1:1: nothing listens there (ECONNREFUSED)",
    );
    const { failure } = await go("ws://nowhere.invalid/", { host: "nowhere.invalid" });
    // Without a network the resolver itself is out of reach.
    expect(failure).toMatch(/^nowhere\.invalid:80: .*\((ENOTFOUND|EAI_AGAIN)\)$/);
  });
});
