import { expect, test } from "bun:test";
import { closePayload } from "../../src/websocket/frame.ts";
import { maskedFrame } from "../../src/websocket/frame-writer.ts";
import { decoded } from "../harness/websocket-frames.ts";

const lengths = [0, 1, 3, 4, 5, 125, 126, 127, 4_095, 4_096, 4_097, 65_535, 65_536, 70_001];

test.each(lengths)("a payload of %i bytes is masked and arrives as it was", (length) => {
  for (const offset of [0, 1, 2, 3]) {
    const payload = Buffer.alloc(offset + length).subarray(offset);
    for (let i = 0; i < length; i++) {
      payload[i] = (i * 31 + 7) % 256;
    }
    const before = Buffer.from(payload);
    const bytes = Buffer.concat(maskedFrame(2, payload));
    const { frames, size } = decoded(bytes);
    expect(size).toBe(bytes.length);
    expect(frames).toEqual([{ opcode: 2, last: true, payload: before, masked: true }]);
  }
});

test("no two of many masks are the same, nor is any of them none", () => {
  const masks = new Set<string>();
  for (let i = 0; i < 10_000; i++) {
    const [head = Buffer.alloc(0)] = maskedFrame(2, Buffer.from("a"));
    masks.add(head.subarray(2, 6).toString("hex"));
  }
  expect(masks.size).toBeGreaterThan(9_990);
  expect(masks.has("00000000")).toBe(false);
});

test.each([
  [1000, "", "03e8"],
  [4999, "x", "138778"],
  [1005, "ignored", ""],
  [1006, "ignored", ""],
  [1015, "ignored", ""],
  [0, "", ""],
  [65_536, "", ""],
])("a Close frame with %i and %j carries %j", (code, reason, hex) => {
  expect(closePayload(code, reason).toString("hex")).toBe(hex);
});

test("a reason is cut between characters", () => {
  expect(closePayload(1000, "x".repeat(200))).toHaveLength(125);
  const cut = closePayload(1000, "é".repeat(100));
  expect(cut).toHaveLength(124);
  expect(cut.subarray(2).toString()).toBe("é".repeat(61));
});
