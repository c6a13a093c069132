import { expect, test } from "bun:test";
import { HeldBodies } from "./held-bodies.ts";

test("only bodies of a length that is known and not too long have room", () => {
  const held = new HeldBodies({ bodyBytesMax: 10, bytesMax: 100 });
  expect([null, 11, Number.NaN].map((length) => held.reserve(length))).toEqual([null, null, null]);
  expect([0, 10].map((length) => held.reserve(length)?.length)).toEqual([0, 10]);
});

test("all together never have more than the sum, and room comes back once", () => {
  const held = new HeldBodies({ bodyBytesMax: 10, bytesMax: 25 });
  const rooms = [10, 10, 10].map((length) => held.reserve(length));
  expect(rooms.map((room) => room !== null)).toEqual([true, true, false]);
  rooms[0]?.free();
  rooms[0]?.free();
  expect(held.bytes).toBe(10);
  expect(held.reserve(10)).not.toBeNull();
});

test("a body is given up only when nothing came between two looks", () => {
  const room = new HeldBodies({ stillMs: 1_000_000 }).reserve(10);
  let stood = 0;
  room?.watch({ stoodStill: () => stood++ });
  room?.tick();
  room?.moved();
  room?.tick();
  expect(stood).toBe(0);
  room?.tick();
  room?.tick();
  expect(stood).toBe(1);
  room?.free();
});
