// A program that speaks h2c in frames of any kind, on any stream: the gate answers each request, and lives on.
import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import { startProxy } from "../../src/proxy/proxy.ts";
import {
  block,
  END_HEADERS,
  END_STREAM,
  type Field,
  frame,
  number32,
  startFrameUpstream,
  Type,
} from "../harness/http2-frames.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { answerTo, request } from "../harness/wire.ts";

/** Frames are relative to the stream of the request. */
interface Sent {
  readonly type: number;
  readonly flags: number;
  /** A distance from the request's stream; null: stream 0. */
  readonly stream: number | null;
  readonly payload: Buffer;
}

const FIELDS: readonly (readonly Field[])[] = [
  [[":status", "200"]],
  [[":status", "103"]],
  [[":status", "2"]],
  [[":path", "/"]],
  [["x", "y"]],
  [["X", "y"]],
  [
    [":status", "200"],
    ["content-length", "5"],
  ],
];
const PAYLOADS = [
  ...FIELDS.map(block),
  ...[0, 1, 2, 7, 8].map(number32),
  number32(0x7fff_ffff),
  ...[0, 1, 5, 6, 8, 16_000].map((length) => Buffer.alloc(length)),
  Buffer.from("hello"),
  Buffer.from([0xff, 0xff, 0xff]),
  Buffer.concat([number32(2), block([[":method", "GET"]])]),
];
const heads = fc.record({
  type: fc.constant(Type.headers),
  flags: fc.constantFrom(END_HEADERS, END_HEADERS | END_STREAM),
  stream: fc.constantFrom(0, 0, 1, 2, null),
  payload: fc.constantFrom(...FIELDS.map(block)),
});
const others = fc.record({
  type: fc.constantFrom(...Object.values(Type), 10, 12, 99),
  flags: fc.constantFrom(0, 1, 4, 5, 8, 32),
  stream: fc.constantFrom(0, 0, 1, 2, null, null),
  payload: fc.constantFrom(...PAYLOADS),
});
const sequences = fc.array(fc.oneof(heads, others), { minLength: 1, maxLength: 6 });

let sent: readonly Sent[] = [];
const upstream = await startFrameUpstream({
  asked: (asked, socket) => {
    for (const { type, flags, stream, payload } of sent) {
      socket.write(frame(type, flags, stream === null ? 0 : asked + stream, payload));
    }
    // What is not answered now never is.
    setTimeout(() => socket.destroy(), 5);
  },
});
const bench = await testBench();
const gate = await startProxy(bench.options({ responseHeaderMs: 60_000 }), bench.registry);
afterAll(async () => {
  await gate.stop(true);
  upstream.stop();
});

test("no frames of a program end the gate", async () => {
  const programs = { terminal: { port: upstream.port, stride: 0, protocol: "h2c" as const } };
  const host = (await bench.place({ programs })).host("terminal-1");
  expect(await gate.reached(bench.registry.revision, 10_000)).toBe(true);
  const seed = Number(process.env.REALMGATE_TEST_SEED ?? 1);
  await fc.assert(
    fc.asyncProperty(sequences, async (frames) => {
      sent = frames;
      // Null: the response was cut short.
      const answer = await answerTo(
        gate.port,
        request(host, "POST / HTTP/1.1", "Connection: close"),
      );
      expect([undefined, 200, 502]).toContain(answer?.status);
    }),
    { numRuns: 300, seed },
  );
}, 60_000);
