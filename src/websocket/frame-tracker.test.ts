import { expect, test } from "bun:test";
import { Opcode } from "./frame.ts";
import { FrameTracker } from "./frame-tracker.ts";
import { maskedFrame, serverFrameHeader } from "./frame-writer.ts";

function frameOf(length: number, isMasked: boolean, opcode: number): Buffer {
  const payload = Buffer.alloc(length, 0x81);
  return isMasked
    ? Buffer.concat(maskedFrame(opcode, payload))
    : Buffer.concat([serverFrameHeader(opcode, length), payload]);
}

test("borders are where frames end, whatever the pieces", () => {
  for (const isMasked of [true, false]) {
    const frames = [0, 1, 125, 126, 300, 65_535, 65_536, 0].map((length) =>
      frameOf(length, isMasked, Opcode.binary),
    );
    const bytes = Buffer.concat(frames);
    const borders = new Set<number>();
    let at = 0;
    for (const frame of frames) {
      at += frame.length;
      borders.add(at);
    }
    const tracker = new FrameTracker();
    for (let i = 0; i < bytes.length; i++) {
      tracker.pass(bytes, i, i + 1);
      if (tracker.isAtBorder !== borders.has(i + 1)) throw new Error(`at ${i}`);
    }
    const whole = new FrameTracker();
    whole.pass(bytes, 0, bytes.length);
    expect([whole.isAtBorder, whole.hasClosed]).toEqual([true, false]);
  }
});

test("finish stops at the end of the frame at hand", () => {
  const bytes = Buffer.concat([frameOf(200, true, Opcode.text), frameOf(3, true, Opcode.close)]);
  const tracker = new FrameTracker();
  tracker.pass(bytes, 0, 50);
  expect(tracker.finish(bytes, 50, 100)).toBe(100);
  expect(tracker.finish(bytes, 100, bytes.length)).toBe(bytes.length - 9);
  expect(tracker.hasClosed).toBe(false);
  tracker.pass(bytes, bytes.length - 9, bytes.length);
  expect(tracker.hasClosed).toBe(true);
});
