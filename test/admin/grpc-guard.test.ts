// Clients of the gRPC listener that send too little, too much, too slowly, or nothing: what they get, and what others keep.
import { afterEach, describe, expect, test } from "bun:test";
import http2 from "node:http2";
import net from "node:net";
import type { Call, Dispatch } from "../../proto/call.ts";
import { ApiError } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { type GrpcServer, startGrpc } from "../../src/admin/api/grpc-server.ts";
import { trustedProxies } from "../../src/proxy/gate/client-address.ts";
import { publicServices } from "../harness/rest-services.ts";
import { until } from "../harness/until.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Options = Parameters<typeof startGrpc>[0];

/** A listener whose dispatch knows one credential, `good`, and reads the messages of its callers and of public methods. */
async function listener(more: Partial<Options> = {}) {
  const calls: Call[] = [];
  const read: Call[] = [];
  const dispatch: Dispatch = async (call) => {
    calls.push(call);
    const { code, violations, retryAfterS } = await outcome(call, read);
    return { ok: false, code, violations, retryAfterS };
  };
  const server = await startGrpc({
    hostname: "127.0.0.1",
    port: 0,
    services: publicServices,
    proxies: trustedProxies([]),
    dispatch,
    ...more,
  });
  closing.push(() => server.stop());
  return { server, calls, read };
}

async function outcome(call: Call, read: Call[]): Promise<ApiError> {
  const isPublic = call.method.name === "Login";
  if (!isPublic && call.credential !== "Bearer good") return new ApiError(ErrorCode.INVALID_TOKEN);
  try {
    await call.message((work) => work());
    read.push(call);
    return new ApiError(ErrorCode.PROJECT_NOT_FOUND);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

/** `google.rpc.Code`. */
const code = {
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
};
const getMe = "/realmgate.v1.UserService/GetMe";
const login = "/realmgate.v1.UserService/Login";

function connect(port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 100 });
  session.on("error", () => {});
  closing.push(() => session.destroy());
  return session;
}

function open(
  session: http2.ClientHttp2Session,
  path: string,
  metadata: Readonly<Record<string, string>> = {},
): http2.ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...metadata,
  });
  stream.on("error", () => {});
  stream.resume();
  return stream;
}

/** The status of a call; null when its stream ends without one. */
function statusOf(stream: http2.ClientHttp2Stream): Promise<number | null> {
  return new Promise((resolve) => {
    const take = (headers: http2.IncomingHttpHeaders) => {
      const value = headers["grpc-status"];
      if (value !== undefined) resolve(Number(value));
    };
    stream.on("response", take);
    stream.on("trailers", take);
    stream.on("close", () => resolve(null));
  });
}

function message(length: number, sent = length): Buffer {
  const bytes = Buffer.alloc(5 + sent);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** A field that no message has, so that any length decodes (wire type 2, field 1000). */
function padded(length: number): Buffer {
  const bytes = message(length);
  bytes.set([0xc2, 0x3e], 5);
  const value = length - 5;
  bytes.set([(value & 0x7f) | 0x80, ((value >> 7) & 0x7f) | 0x80, value >> 14], 7);
  return bytes;
}

async function socketClosed(port: number, bytes: Buffer | null, repeat = false): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = net.connect(port, "127.0.0.1");
  closing.push(() => socket.destroy());
  socket.on("error", () => {}).on("close", () => resolve());
  socket.resume();
  if (bytes !== null) socket.write(bytes);
  const again = setInterval(
    () => repeat && bytes !== null && socket.write(bytes.subarray(-17)),
    50,
  );
  await promise;
  clearInterval(again);
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const ping = Buffer.concat([Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0]), Buffer.alloc(8)]);

describe("a connection is closed that", () => {
  const short = { firstByteMs: 200, prefaceMs: 200, firstRequestMs: 400 };
  test.each([
    ["sends nothing", null, false],
    ["sends part of the preface", preface.subarray(0, 5), false],
    ["sends only the preface", preface, false],
    ["sends the preface and settings", Buffer.concat([preface, settings]), false],
    ["sends pings alone", Buffer.concat([preface, settings, ping]), true],
    ["speaks HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\n\r\n"), false],
  ])("%s", async (_, bytes, repeat) => {
    const { server } = await listener({ limits: short });
    await socketClosed(server.port, bytes, repeat);
  });

  test("has had no call for a while, whatever it pings", async () => {
    const { server } = await listener({ limits: { idleMs: 300 } });
    const session = connect(server.port);
    const pings = setInterval(() => session.destroyed || session.ping(() => {}), 50);
    expect(await statusOf(open(session, getMe).end(message(0)))).toBe(code.unauthenticated);
    await new Promise((resolve) => session.on("close", resolve));
    clearInterval(pings);
  });

  test("is old, once its calls are over", async () => {
    const { server } = await listener({ limits: { ageMs: 300, ageGraceMs: 300 } });
    const session = connect(server.port);
    const goaway = new Promise((resolve) => session.on("goaway", resolve));
    expect(await statusOf(open(session, getMe).end(message(0)))).toBe(code.unauthenticated);
    await goaway;
    await new Promise((resolve) =>
      session.destroyed ? resolve(null) : session.on("close", resolve),
    );
  });

  test("leaves a request unfinished, even an answered one", async () => {
    const { server } = await listener({ limits: { requestMs: 300 } });
    const session = connect(server.port);
    const stream = open(session, getMe);
    expect(await statusOf(stream)).toBe(code.unauthenticated);
    await new Promise((resolve) => session.on("close", resolve));
  });

  test("leaves more bytes unfinished than one may", async () => {
    const { server } = await listener({ limits: { unfinishedBytesMax: 100_000 } });
    const session = connect(server.port);
    for (let i = 0; i < 10; i++) open(session, login).write(message(60_000, 50_000));
    await new Promise((resolve) => session.on("close", resolve));
  });

  test("is above the cap of its network, while others go on", async () => {
    const { server } = await listener({ limits: { perNetworkMax: 1 } });
    const session = connect(server.port);
    expect(await statusOf(open(session, getMe).end(message(0)))).toBe(code.unauthenticated);
    await socketClosed(server.port, preface);
    expect(await statusOf(open(session, getMe).end(message(0)))).toBe(code.unauthenticated);
  });
});

describe("a message", () => {
  test("is not read before its caller is known", async () => {
    const { server, read } = await listener();
    const session = connect(server.port);
    for (const metadata of [{}, { authorization: "Bearer wrong" }]) {
      const stream = open(session, getMe, metadata);
      stream.write(message(500_000, 30_000));
      // The answer comes though the message does not end.
      expect(await statusOf(stream)).toBe(code.unauthenticated);
    }
    expect(read).toEqual([]);
  });

  test("that does not end is given up", async () => {
    const { server } = await listener({ limits: { messageMs: 200 } });
    const session = connect(server.port);
    for (const [path, metadata] of [
      [login, {}],
      [getMe, { authorization: "Bearer good" }],
    ] as const) {
      const stream = open(session, path, metadata);
      stream.write(message(100, 50));
      expect(await statusOf(stream)).toBe(code.deadlineExceeded);
    }
  });

  test.each([
    [login, 64 * 1024, code.notFound],
    [login, 64 * 1024 + 1, code.resourceExhausted],
    [getMe, 512 * 1024, code.notFound],
    [getMe, 512 * 1024 + 1, code.resourceExhausted],
  ])("of %s with %d bytes is answered %d", async (path, length, expected) => {
    const { server } = await listener();
    const stream = open(connect(server.port), path, { authorization: "Bearer good" });
    stream.end(padded(length));
    expect(await statusOf(stream)).toBe(expected);
  });

  test.each([
    ["none", Buffer.alloc(0), code.unimplemented],
    ["two", Buffer.concat([message(0), message(0)]), code.unimplemented],
    ["nonsense", Buffer.from([0, 0, 0, 0, 1, 0xff]), 13],
  ])("that is %s is refused", async (_, bytes, expected) => {
    const { server } = await listener();
    const stream = open(connect(server.port), getMe, { authorization: "Bearer good" });
    stream.end(bytes);
    expect(await statusOf(stream)).toBe(expected);
  });

  test("of 512 KiB arrives on each of 32 streams of one connection", async () => {
    const { server, read } = await listener();
    const session = connect(server.port);
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    const statuses = await Promise.all(
      Array.from({ length: 32 }, () => {
        const stream = open(session, getMe, { authorization: "Bearer good" });
        stream.end(padded(512 * 1024));
        return statusOf(stream);
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([code.notFound]));
    expect(read).toHaveLength(32);
  });
});

test("a connection has at most 32 calls at a time, and says so", async () => {
  const { server, calls } = await listener();
  const session = connect(server.port);
  const settings = await new Promise<http2.Settings>((resolve) => {
    session.once("remoteSettings", resolve);
  });
  expect(settings.maxConcurrentStreams).toBe(32);
  const streams = Array.from({ length: 40 }, () => open(session, login));
  await until(() => calls.length === 32, "32 calls are going");
  for (const stream of streams) stream.end(message(0));
  const statuses = await Promise.all(streams.map(statusOf));
  expect(statuses.filter((status) => status === code.notFound).length).toBeGreaterThanOrEqual(32);
});

describe("the client's address", () => {
  const forwarded = { "x-forwarded-for": "203.0.113.9" };
  async function addressOf(server: GrpcServer, calls: Call[], port = server.port) {
    const status = await statusOf(open(connect(port), getMe, forwarded).end(message(0)));
    return { status, address: calls.at(-1)?.clientAddress };
  }

  test("is the forwarded one behind a trusted proxy, and the peer's otherwise, as in REST", async () => {
    const plain = await listener();
    expect((await addressOf(plain.server, plain.calls)).address).toBe("127.0.0.1");
    const behind = await listener({ proxies: trustedProxies(["127.0.0.0/8"]) });
    expect((await addressOf(behind.server, behind.calls)).address).toBe("203.0.113.9");
  });

  test("is needed: calls that come around the listener are refused", async () => {
    const { server, calls } = await listener();
    expect(await addressOf(server, calls, server.innerPort)).toEqual({
      status: code.unavailable,
      address: undefined,
    });
  });

  test.each([
    ["a gateway", "right", { status: code.unauthenticated, address: "198.51.100.7" }],
    [
      "whoever guesses a gateway's token",
      "wrong",
      { status: code.unauthenticated, address: undefined },
    ],
    ["whoever sends an empty one", "", { status: code.unauthenticated, address: undefined }],
  ])("is what %s says only when its token is known", async (_who, token, expected) => {
    const { server, calls } = await listener({
      gatewayProblem: async (said) => (said === "right" ? null : "unknown"),
    });
    const said = { "x-realmgate-gateway": token, "x-realmgate-client": "198.51.100.7" };
    const stream = open(connect(server.port), getMe, { ...said, authorization: "Bearer bad" });
    const status = await statusOf(stream.end(message(0)));
    expect({ status, address: calls.at(-1)?.clientAddress }).toEqual(expected);
  });

  test("is the peer's where nobody is a gateway", async () => {
    const { server, calls } = await listener();
    const said = { "x-realmgate-gateway": "right", "x-realmgate-client": "198.51.100.7" };
    const status = await statusOf(open(connect(server.port), getMe, said).end(message(0)));
    expect({ status, calls: calls.length }).toEqual({ status: code.unauthenticated, calls: 0 });
  });
});
