import { describe, expect, test } from "bun:test";
import net from "node:net";
import { PassThrough } from "node:stream";
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
