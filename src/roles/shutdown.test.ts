import { expect, test } from "bun:test";
import { stopAll } from "./shutdown.ts";

test("the last is stopped first, one after the other, and only once", async () => {
  const order: number[] = [];
  const stops = [1, 2, 3].map((n) => async () => {
    await Promise.resolve();
    order.push(n);
  });
  await stopAll(stops);
  await stopAll(stops);
  expect(order).toEqual([3, 2, 1]);
});

test("one that fails does not keep the others from being stopped, and is told of", async () => {
  const order: number[] = [];
  const stops = [
    async () => void order.push(1),
    () => Promise.reject(new Error("stuck")),
    async () => void order.push(3),
  ];
  await expect(stopAll(stops)).rejects.toThrow("stuck");
  expect(order).toEqual([3, 1]);
});

test("what does not end within the bound is left behind, with a word", async () => {
  const lines: string[] = [];
  const log = { error() {}, info() {}, warn: (_: object, message: string) => lines.push(message) };
  const order: number[] = [];
  const stops = [async () => void order.push(1), () => new Promise<void>(() => {})];
  await stopAll(stops, 20, log);
  expect([order, lines]).toEqual([[1], ["something did not end in time and is cut off"]]);
});
