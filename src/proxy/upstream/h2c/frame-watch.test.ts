import { expect, test } from "bun:test";
import {
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  head,
  number32,
  Type,
} from "../../../../test/harness/http2-frames.ts";
import { FrameWatch } from "./frame-watch.ts";

const OK = [[":status", "200"]] as const;
const BYTES = Buffer.concat([
  frame(Type.settings, 0, 0),
  head(1, OK),
  head(3, OK, END_STREAM),
  data(1, "part"),
  frame(Type.reset, 0, 1, number32(0)),
  // A frame that looks like the end of stream 1 within the payload of another.
  frame(Type.data, 0, 3, data(1, "", END_STREAM)),
  data(5, "end", END_STREAM),
  data(7, "nobody's", END_STREAM),
  // The reserved bit of a stream's number is ignored (RFC 9113 §4.1).
  frame(Type.headers, END_STREAM | END_HEADERS, 0x8000_0009),
]);

/** What is known after these pieces: which of the streams that are watched have ended, and frames that carry nothing. */
function seen(pieces: readonly Uint8Array[]) {
  const watch = new FrameWatch();
  const streams = [1, 3, 5, 9];
  for (const stream of streams) watch.expect(stream);
  for (const piece of pieces) watch.read(piece);
  return { ended: streams.filter((stream) => watch.hasEnded(stream)), idle: watch.idleFrames };
}

test("streams end by the flag alone, and a reset is no end", () => {
  expect(seen([BYTES])).toEqual({ ended: [3, 5, 9], idle: 3 });
});

test("however the bytes are cut", () => {
  const whole = seen([BYTES]);
  expect(seen([...BYTES].map((byte) => new Uint8Array([byte])))).toEqual(whole);
  for (let at = 1; at < BYTES.length; at++) {
    expect(seen([BYTES.subarray(0, at), BYTES.subarray(at)])).toEqual(whole);
  }
});

const CUT = data(1, "0123456789", END_STREAM).subarray(0, 14);
const BLOCK = frame(Type.headers, END_STREAM, 1, new Uint8Array(3));

test.each([
  ["the head of its last frame alone", CUT.subarray(0, 9)],
  ["a part of its last frame", CUT],
  ["a field block that goes on", BLOCK],
  [
    "a field block that goes on in another frame",
    Buffer.concat([BLOCK, frame(Type.continuation, 0, 1, new Uint8Array(3))]),
  ],
  [
    "an end behind a reset",
    Buffer.concat([frame(Type.reset, 0, 1, number32(0)), data(1, "", END_STREAM)]),
  ],
])("%s ends no stream", (_what, bytes) => {
  expect(seen([head(1, OK), bytes]).ended).toEqual([]);
});

test("a field block that ends in another frame ends its stream, and a reset behind the end changes nothing", () => {
  const last = frame(Type.continuation, END_HEADERS, 1, new Uint8Array(3));
  expect(seen([BLOCK, last, frame(Type.reset, 0, 1, number32(0))]).ended).toEqual([1]);
});

test("one that is watched no longer is forgotten", () => {
  const watch = new FrameWatch();
  watch.expect(1);
  watch.read(data(1, "x", END_STREAM));
  watch.forget(1);
  expect(watch.hasEnded(1)).toBe(false);
});

test.each([
  [head(1, OK), false],
  [data(2, "x"), false],
  [head(0, OK), false],
  [head(2, OK), true],
  [head(2 ** 31 - 2, OK), true],
])("a stream of even number is one that the sender began (%#)", (bytes, hasBegun) => {
  const watch = new FrameWatch();
  watch.read(Buffer.concat([frame(Type.settings, 0, 0), bytes]));
  expect(watch.hasBegunStream).toBe(hasBegun);
});

test("nothing has ended of what was given up", () => {
  const watch = new FrameWatch();
  watch.expect(1);
  watch.read(data(1, "x", END_STREAM));
  watch.giveUp();
  expect(watch.hasEnded(1)).toBe(false);
});
