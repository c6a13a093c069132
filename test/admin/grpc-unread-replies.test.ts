import { afterEach, expect, test } from "bun:test";
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

/** A client that takes so many bytes of each reply. */
function client({ port }: GrpcServer, window: number) {
  const session = http2.connect(`http://127.0.0.1:${port}`, {
    settings: { initialWindowSize: window },
  });
  session.on("error", () => {});
  closing.push(() => session.destroy());
  const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
  /** Resolves with the bytes of the reply, or what there was of them. */
  const call = () =>
    new Promise<number>((resolve) => {
      const stream = session.request({
        ":method": "POST",
        ":path": "/realmgate.v1.UserService/GetMe",
        "content-type": "application/grpc",
        te: "trailers",
      });
      let bytes = 0;
      stream.on("error", () => {});
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on("close", () => resolve(bytes));
      stream.end(Buffer.alloc(5));
    });
  return { call, closed };
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
