// What a message that is too long is answered, by who reads it: our dispatch, or the library's health and reflection.
import { afterAll, beforeAll, expect, test } from "bun:test";
import http2 from "node:http2";
import { type Program, startProgram } from "../harness/program.ts";

let program: Program;
let session: http2.ClientHttp2Session;

beforeAll(async () => {
  program = await startProgram();
  const { host } = new URL(program.urls.grpc.replace(/^\w+:/, "http:"));
  session = http2.connect(`http://${host}`);
  session.on("error", () => {});
});

afterAll(async () => {
  session.destroy();
  await program[Symbol.asyncDispose]();
});

/** `grpc-status` of a call whose message has so many bytes, all 0. */
function statusOf(path: string, length: number): Promise<number> {
  const message = Buffer.alloc(5 + length);
  message.writeUInt32BE(length, 1);
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const look = (headers: object) => {
      if ("grpc-status" in headers) resolve(Number(headers["grpc-status"]));
    };
    stream.on("response", look).on("trailers", look).on("error", reject);
    stream.resume();
    stream.end(message);
  });
}

const INTERNAL = 13;
const RESOURCE_EXHAUSTED = 8;

test.each([
  ["/grpc.health.v1.Health/Check", INTERNAL],
  ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", INTERNAL],
  ["/realmgate.v1.UserService/Login", RESOURCE_EXHAUSTED],
])("a message of more than 64 KiB to %s is answered %d", async (path, expected) => {
  expect(await statusOf(path, 64 * 1024 + 1)).toBe(expected);
});
