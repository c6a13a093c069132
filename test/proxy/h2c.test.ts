// Programs that speak HTTP/2 in plain text: gRPC among them, from clients of HTTP/1.1 and, over TLS, of HTTP/2.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import http2 from "node:http2";
import type net from "node:net";
import { Metadata, status } from "@grpc/grpc-js";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { caseBench } from "../harness/gate.ts";
import {
  type GrpcEcho,
  GrpcEchoClient,
  type GrpcEnd,
  startGrpcEcho,
} from "../harness/grpc-echo.ts";
import { listenLocally } from "../harness/local-server.ts";
import { onEdge } from "../harness/on-edge.ts";
import { H2Client, PairFiles, pairFor } from "../harness/tls-bench.ts";
import { until } from "../harness/until.ts";
import { answerTo, request, untilClosed, Wire } from "../harness/wire.ts";

const bench = await caseBench();
const files = new PairFiles();
files.write(pairFor());
let secure: ProxyServer;
let grpc: GrpcEcho;
beforeAll(async () => {
  secure = await startProxy(
    bench.options({ tls: files.options(), responseHeaderMs: 60_000 }),
    bench.registry,
  );
  grpc = await startGrpcEcho();
});
afterAll(async () => {
  await secure.stop(true);
  grpc.stop();
});
const tlsPort = () => secure.tls?.port ?? 0;

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A container whose terminal speaks HTTP/2 at this port. */
async function placed(port: number, extra: object = {}) {
  const made = await bench.place({
    programs: { terminal: { port, stride: 0, protocol: "h2c" } },
    ...extra,
  });
  expect(await secure.reached(bench.registry.revision, 10_000)).toBe(true);
  return { ...made, host: made.host("terminal-1") };
}

type Answering = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

async function program(answering: Answering, settings: http2.Settings = {}) {
  const server = http2.createServer({ settings });
  let sessions = 0;
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
  });
  server.on("session", () => {
    sessions++;
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    answering(stream as http2.ServerHttp2Stream, headers);
  });
  const port = await listenLocally(server);
  stops.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port,
    sockets,
    get sessions() {
      return sessions;
    },
  };
}

/** A message of gRPC, length before it. */
function framed(text: string): string {
  return `\0\0\0\0${String.fromCharCode(text.length)}${text}`;
}

describe("gRPC from a client of HTTP/1.1", () => {
  const call = (host: string, name: string, message: string) =>
    untilClosed(
      bench.proxy.port,
      request(
        host,
        `POST /echo.Echo/${name} HTTP/1.1`,
        "Content-Type: application/grpc",
        "TE: trailers",
        "Connection: close",
        `Content-Length: ${framed(message).length}`,
      ) + framed(message),
    );

  test("a unary call has its message, and its status in trailers", async () => {
    const { host } = await placed(grpc.port);
    const text = await call(host, "Say", "hello");
    if (onEdge({ wire: true, serve: false })) {
      expect(text).toStartWith("HTTP/1.1 200 ");
      expect(text).toContain(framed("hello"));
      expect(text.split("\r\n0\r\n")[1]?.split("\r\n").sort().join("|")).toBe(
        "||grpc-message: OK|grpc-status: 0|x-tail: t",
      );
    } else {
      expect(text.toLowerCase()).toContain("grpc-status: 13\r\n");
    }
  });

  test("one that fails has its status in the head", async () => {
    const { host } = await placed(grpc.port);
    const text = (await call(host, "Fail", "hello")).toLowerCase();
    expect(text).toContain("grpc-status: 5\r\n");
  });
});

describe("gRPC from a client of HTTP/2 over TLS", () => {
  const LOST: GrpcEnd = {
    code: status.INTERNAL,
    details: "The gate cannot pass on the status of this call to clients of HTTP/2: use gRPC-Web",
    messages: [],
  };

  test("a call that fails at once has its status", async () => {
    const { host } = await placed(grpc.port);
    using client = new GrpcEchoClient(tlsPort(), host);
    expect(await client.unary("Fail", "x")).toEqual({
      code: status.NOT_FOUND,
      details: "no such thing",
      messages: [],
    });
  });

  test("a call with messages is INTERNAL, and says why", async () => {
    const { host } = await placed(grpc.port);
    using client = new GrpcEchoClient(tlsPort(), host);
    expect(await client.unary("Say", "hello")).toEqual(LOST);
    const before = grpc.calls.length;
    const talk = client.talk();
    const ended = new Promise<GrpcEnd>((resolve) => {
      talk.on("status", ({ code, details }) => resolve({ code, details, messages: [] }));
    });
    talk.on("error", () => {});
    talk.on("data", () => {});
    talk.write(Buffer.from("a"));
    expect(await ended).toEqual(LOST);
    expect(grpc.calls.length).toBe(before + 1);
  });

  test("the runtime's server has no trailers for it: whatever a program sends behind its response is lost", async () => {
    const { port } = await program((stream) => {
      stream.respond({ ":status": 200, "content-type": "text/plain" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "x-tail": "t" }));
      stream.end("hello");
    });
    const { host } = await placed(port);
    const client = new H2Client(tlsPort());
    stops.push(() => client.close());
    const stream = client.stream({ ":authority": host, te: "trailers" });
    let trailers = 0;
    stream.on("trailers", () => {
      trailers++;
    });
    let text = "";
    stream.on("data", (data) => {
      text += data;
    });
    await new Promise<void>((resolve) => stream.on("end", () => resolve()));
    expect(text).toBe("hello");
    // When this fails the runtime can, and what is said of gRPC in docs/edge-limits.md has an end.
    expect(trailers).toBe(0);
  });

  test("gRPC-Web passes as it is: its status is in its body", async () => {
    const body = `${framed("hello")}\x80\0\0\0\x0fgrpc-status:0\r\n`;
    const { port } = await program((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc-web+proto" });
      stream.end(Buffer.from(body, "latin1"));
    });
    const { host } = await placed(port);
    const client = new H2Client(tlsPort());
    stops.push(() => client.close());
    const answer = await client.ask(
      { ":authority": host, ":method": "POST", "content-type": "application/grpc-web+proto" },
      framed("x"),
    );
    expect(answer.status).toBe(200);
    expect(Buffer.from(answer.body).length).toBe(
      Buffer.from(Buffer.from(body, "latin1").toString()).length,
    );
    expect(answer.body).toContain("grpc-status:0");
  });
});

test("both directions stream at once, over TLS and HTTP/2", async () => {
  const { port } = await program((stream) => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  const { host } = await placed(port);
  const client = new H2Client(tlsPort());
  stops.push(() => client.close());
  const stream = client.stream({ ":authority": host, ":method": "POST" }, { endStream: false });
  let text = "";
  stream.on("data", (data) => {
    text += data;
  });
  for (const part of ["a", "b", "c"]) {
    stream.write(part);
    await until(() => text.endsWith(part), `${part} came back`);
  }
  stream.end();
  await new Promise<void>((resolve) => stream.on("end", () => resolve()));
  expect(text).toBe("abc");
});

test("a program gets the fields that any other gets", async () => {
  let seen: http2.IncomingHttpHeaders = {};
  const { port } = await program((stream, headers) => {
    seen = headers;
    stream.respond({ ":status": 200, "set-cookie": ["a=1; Domain=example.test", "b=2"] });
    stream.end("ok");
  });
  const { host } = await placed(port, {
    own: {
      groups: { g: { type: "token", header: "x-key", value: "good" } },
      permissions: { g: { terminal: true } },
    },
  });
  const lines = [
    "X-Key: good",
    "X-Realmgate-Groups: root",
    "X_Realmgate_Groups: root",
    "X-Forwarded-For: 10.9.9.9",
    "X-Original-URL: /admin",
    "Connection: close, x-gone",
    "X-Gone: 1",
    "Keep-Alive: 5",
    "TE: gzip",
    "X-Sum: 7",
  ];
  const text = await untilClosed(bench.proxy.port, request(host, "GET /a?b=1 HTTP/1.1", ...lines));
  expect(text).toStartWith("HTTP/1.1 200 ");
  expect(text.match(/set-cookie: [^\r]+/gi)).toEqual(["set-cookie: a=1", "set-cookie: b=2"]);
  const { "x-realmgate-request-id": id, ...rest } = seen;
  expect(id).toMatch(/^[0-9a-f]{24}$/);
  expect(Object.fromEntries(Object.entries(rest))).toEqual({
    ":method": "GET",
    ":scheme": "http",
    ":authority": host,
    ":path": "/a?b=1",
    te: "trailers",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-host": host,
    "x-forwarded-proto": "http",
    "x-realmgate-groups": "g",
    "x-realmgate-instance": "1",
    "x-realmgate-program": "terminal",
    "x-sum": "7",
  });
});

test("HEAD, 204 and 304 have no body, and POST has its length", async () => {
  const { port } = await program((stream, headers) => {
    const code = Number(headers[":path"]?.slice(1));
    stream.respond({
      ":status": code,
      "x-length": headers["content-length"] ?? "none",
      ...(code === 200 ? { "content-length": 2 } : {}),
    });
    stream.end(code === 200 && headers[":method"] !== "HEAD" ? "ok" : undefined);
  });
  const { host } = await placed(port);
  const seen: unknown[] = [];
  for (const line of ["HEAD /200", "GET /204", "GET /304", "GET /200"]) {
    const text = await untilClosed(
      bench.proxy.port,
      request(host, `${line} HTTP/1.1`, "Connection: close"),
    );
    seen.push([text.slice(9, 12), text.split("\r\n\r\n")[1]]);
  }
  expect(seen).toEqual([
    ["200", ""],
    ["204", ""],
    ["304", ""],
    ["200", "ok"],
  ]);
  const post = `${request(host, "POST /200 HTTP/1.1", "Content-Length: 3")}abc`;
  expect((await answerTo(bench.proxy.port, post))?.headers.get("x-length")).toBe("3");
});

test("a response with a Content-Length goes on without its trailers, whole", async () => {
  const { port } = await program((stream) => {
    stream.respond({ ":status": 200, "content-length": 2 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-tail": "t" }));
    stream.end("ok");
  });
  const { host } = await placed(port);
  const asked = request(host, "GET / HTTP/1.1", "TE: trailers", "Connection: close");
  const text = await untilClosed(bench.proxy.port, asked);
  expect(text.toLowerCase()).toContain("content-length: 2\r\n");
  expect(text.split("\r\n\r\n")[1]).toBe("ok");
  expect(text).not.toContain("x-tail");
});

describe("sessions", () => {
  test("are shared, and there are more where the program takes fewer streams", async () => {
    let most = 0;
    let open = 0;
    const answering: Answering = (stream) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        stream.respond({ ":status": 200 });
        stream.end("ok");
      }, 100);
    };
    for (const [streams, sessions] of [
      [100, 1],
      [2, 3],
    ] as const) {
      const upstream = await program(answering, { maxConcurrentStreams: streams });
      const { host } = await placed(upstream.port);
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => answerTo(bench.proxy.port, request(host))),
      );
      expect(answers.map((answer) => answer?.body)).toEqual(Array(6).fill("ok"));
      expect(upstream.sessions).toBe(sessions);
    }
    expect(most).toBe(6);
  });

  test("one that the program closed is not missed", async () => {
    const upstream = await program((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("ok");
    });
    const { host } = await placed(upstream.port);
    for (let n = 1; n <= 3; n++) {
      expect((await answerTo(bench.proxy.port, request(host)))?.body).toBe("ok");
      expect(upstream.sessions).toBe(n);
      for (const socket of upstream.sockets) socket.destroy();
      await Bun.sleep(20);
    }
  });

  test("credentials of a connection have one of their own, which ends with them", async () => {
    const upstream = await program((stream) => {
      stream.respond({ ":status": 200 });
      stream.end("ok");
    });
    const { host } = await placed(upstream.port);
    for (const [authorization, sessions] of [
      ["Basic YTpi", 1],
      ["NTLM abc", 2],
      ["Basic YTpi", 2],
      ["NTLM abc", 3],
    ] as const) {
      const answer = await answerTo(
        bench.proxy.port,
        request(host, "GET / HTTP/1.1", `Authorization: ${authorization}`),
      );
      expect(answer?.body).toBe("ok");
      expect(upstream.sessions).toBe(sessions);
    }
  });
});

describe("clients that read nothing", () => {
  let sent = 0;
  const endless: Answering = (stream, headers) => {
    stream.respond({ ":status": 200 });
    if (headers[":path"] !== "/endless") {
      stream.end("ok");
      return;
    }
    const piece = Buffer.alloc(16_384, 97);
    const send = () => {
      if (stream.destroyed) return;
      sent += piece.length;
      if (stream.write(piece)) setImmediate(send);
      else stream.once("drain", send);
    };
    send();
  };

  test("hold the program up, and nobody else in the session", async () => {
    const upstream = await program(endless);
    const { host } = await placed(upstream.port);
    const stalled = Array.from({ length: 20 }, () => {
      const wire = new Wire(bench.proxy.port);
      wire.socket.pause();
      stops.push(() => wire.end());
      return wire.send(request(host, "GET /endless HTTP/1.1"));
    });
    let last = -1;
    await until(async () => {
      await Bun.sleep(300);
      const before = last;
      last = sent;
      return last === before;
    }, "the program is held up");
    expect(stalled.length).toBe(20);
    expect((await answerTo(bench.proxy.port, request(host)))?.body).toBe("ok");
    expect(upstream.sessions).toBe(1);
  });

  test("and go away: their streams are reset, and the session goes on", async () => {
    let closed = 0;
    const upstream = await program((stream, headers) => {
      stream.on("close", () => {
        closed++;
      });
      endless(stream, headers);
    });
    const { host } = await placed(upstream.port);
    for (let n = 1; n <= 60; n++) {
      const wire = new Wire(bench.proxy.port).send(request(host, "GET /endless HTTP/1.1"));
      expect(await wire.saw("aaaa")).toBe(true);
      wire.socket.destroy();
      await until(() => closed >= n, "the stream is closed");
    }
    expect((await answerTo(bench.proxy.port, request(host)))?.body).toBe("ok");
    expect(upstream.sessions).toBe(1);
  });
});

test("what is revoked is cut off, and the program's stream with it", async () => {
  let closed = false;
  const { port } = await program((stream) => {
    stream.on("close", () => {
      closed = true;
    });
    stream.respond({ ":status": 200 });
    stream.write("part");
  });
  const made = await placed(port);
  const wire = new Wire(bench.proxy.port).send(request(made.host));
  expect(await wire.saw("part")).toBe(true);
  await made.change({
    own: { groups: {}, permissions: {}, default: "deny" },
    programs: { terminal: { port, stride: 0, protocol: "h2c" } },
  });
  await wire.closed;
  expect(wire.received).not.toContain("0\r\n\r\n");
  await until(() => closed, "the stream is closed");
});

test("metadata reaches the program", async () => {
  const { host } = await placed(grpc.port);
  using client = new GrpcEchoClient(tlsPort(), host);
  const metadata = new Metadata();
  metadata.set("x-mine", "1");
  metadata.set("x-realmgate-groups", "root");
  await client.unary("Fail", "x", metadata);
  expect(grpc.calls.at(-1)?.get("x-mine")).toEqual(["1"]);
  expect(grpc.calls.at(-1)?.get("x-realmgate-groups")).toEqual([]);
});
