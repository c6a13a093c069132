import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import http2 from "node:http2";
import { create } from "@bufbuild/protobuf";
import { UserSchema } from "../../proto/gen/realmgate/v1/users_pb.ts";
import type { GrpcLimits } from "../../src/admin/api/grpc-limits.ts";
import { type GrpcServer, startGrpc } from "../../src/admin/api/grpc-server.ts";
import { trustedProxies } from "../../src/proxy/gate/client-address.ts";
import { publicServices } from "../harness/rest-services.ts";
import { within } from "../harness/until.ts";

const KIB = 1024;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A server whose replies have some 400 KiB. */
async function place(limits: Partial<GrpcLimits>): Promise<GrpcServer> {
  const server = await startGrpc({
    hostname: "127.0.0.1",
    port: 0,
    services: publicServices,
    proxies: trustedProxies([]),
    limits,
    dispatch: async () => ({
      ok: true,
      message: create(UserSchema, { username: "x".repeat(400 * KIB) }),
      revision: null,
      etag: null,
      dryRun: false,
    }),
  });
  closing.push(() => server.stop());
  return server;
}

/** A message of gRPC, uncompressed. */
function message(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** A call: its path, and its message with its length. */
interface Question {
  readonly path: string;
  readonly message: Buffer;
}

const getMe: Question = { path: "/realmgate.v1.UserService/GetMe", message: Buffer.alloc(5) };

/** Asks reflection for the files of a service of ours. */
function reflection(version: string, symbol = "realmgate.v1.ContainerService"): Question {
  const question = Buffer.concat([
    Buffer.of(4 * 8 + 2),
    varint(symbol.length),
    Buffer.from(symbol),
  ]);
  return {
    path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    message: message(question),
  };
}

/** Below 16,384. */
function varint(value: number): Buffer {
  return value < 128 ? Buffer.of(value) : Buffer.of((value & 127) | 128, value >> 7);
}

/** A client that takes so many bytes of each reply. */
function client({ port }: GrpcServer, window: number) {
  const session = http2.connect(`http://127.0.0.1:${port}`, {
    settings: { initialWindowSize: window },
  });
  session.on("error", () => {});
  closing.push(() => session.destroy());
  const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
  const open = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
  /** Resolves with the bytes of the reply, or what there was of them. */
  const call = ({ path, message } = getMe) =>
    new Promise<number>((resolve) => {
      const stream = open(path);
      let bytes = 0;
      stream.on("error", () => {});
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on("close", () => resolve(bytes));
      stream.end(message);
    });
  return { open, call, closed };
}

test("replies that are taken count for nothing, however many they are", async () => {
  const server = await place({ unsentBytesSumMax: 1024 * KIB });
  const { call } = client(server, 1024 * KIB);
  for (let calls = 0; calls < 10; calls++) expect(await call()).toBeGreaterThan(400 * KIB);
});

test("a client that takes none of its replies loses its connection when they are too many", async () => {
  const server = await place({ unsentBytesSumMax: 1024 * KIB });
  const { call, closed } = client(server, 0);
  for (let calls = 0; calls < 4; calls++) void call();
  await within(closed, "the connection ends");
  // What it had not taken is given back.
  const other = client(server, 1024 * KIB);
  expect(await Promise.all([other.call(), other.call()])).toEqual([
    expect.any(Number),
    expect.any(Number),
  ]);
});

test("a client that takes too long for one reply loses its connection", async () => {
  const server = await place({ replyMs: 50 });
  const { call, closed } = client(server, 0);
  void call();
  await within(closed, "the connection ends");
});

describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  test("answers that are taken count for nothing, however many they are", async () => {
    const server = await place({ openUnsentBytesSumMax: 256 * KIB });
    const { call } = client(server, 1024 * KIB);
    for (let calls = 0; calls < 10; calls++) {
      expect(await call(reflection(version))).toBeGreaterThan(16 * KIB);
    }
  });

  test("who takes no answers loses the connection when they are too many", async () => {
    const server = await place({ openUnsentBytesSumMax: 256 * KIB });
    const { call, closed } = client(server, 0);
    for (let calls = 0; calls < 20; calls++) void call(reflection(version));
    await within(closed, "the connection ends");
    const other = client(server, 1024 * KIB);
    expect(await other.call(reflection(version))).toBeGreaterThan(16 * KIB);
  });

  test("who takes too long for one answer loses the connection", async () => {
    const server = await place({ replyMs: 50 });
    const { call, closed } = client(server, 0);
    void call(reflection(version));
    await within(closed, "the connection ends");
  });

  test("an answer that waits counts when the library takes its call for cancelled, too", async () => {
    const server = await place({ replyMs: 500 });
    const { open, closed } = client(server, 0);
    const { path, message } = reflection(version);
    const stream = open(path, { "grpc-timeout": "200m" });
    stream.on("error", () => {});
    stream.write(message);
    await once(stream, "response");
    // A message that is too long ends the call, and the deadline ends it once more.
    stream.end(Buffer.of(0, 255, 255, 255, 255));
    await within(closed, "the connection ends");
  });

  test("a client that resets its streams has nothing that waits", async () => {
    const server = await place({ openUnsentBytesSumMax: 256 * KIB, replyMs: 300 });
    const { open, closed } = client(server, 0);
    const { path, message } = reflection(version);
    for (let calls = 0; calls < 20; calls++) {
      const stream = open(path);
      stream.on("error", () => {});
      stream.end(message);
      await once(stream, "response");
      stream.close(http2.constants.NGHTTP2_CANCEL);
      await once(stream, "close");
    }
    expect(await Promise.race([closed, Bun.sleep(500).then(() => "open")])).toBe("open");
  });

  test("a question has 1 KiB at most", async () => {
    const server = await place({});
    const { call } = client(server, 1024 * KIB);
    expect(await call(reflection(version, "x".repeat(KIB - 3)))).toBeGreaterThan(KIB);
    expect(await call(reflection(version, "x".repeat(KIB - 2)))).toBe(0);
  });
});

test("what anybody left unread takes nothing from the replies of callers", async () => {
  const server = await place({ unsentBytesSumMax: 1024 * KIB });
  const { open } = client(server, 0);
  const { path, message } = reflection("v1");
  for (let calls = 0; calls < 32; calls++) {
    const stream = open(path);
    stream.on("error", () => {});
    stream.end(message);
    await once(stream, "response");
  }
  const { call } = client(server, 1024 * KIB);
  expect(await call()).toBeGreaterThan(400 * KIB);
  expect(await call()).toBeGreaterThan(400 * KIB);
});
