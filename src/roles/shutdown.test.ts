import { expect, test } from "bun:test";
import { shutdown } from "./shutdown.ts";

test("runs the steps in reverse order, one after the other, once", async () => {
  const order: number[] = [];
  const stops = [1, 2, 3].map((n) => async () => {
    await Promise.resolve();
    order.push(n);
  });
  await shutdown(stops);
  await shutdown(stops);
  expect(order).toEqual([3, 2, 1]);
});

test("a failing step does not skip the others, and rejects at the end", async () => {
  const order: number[] = [];
  const stops = [
    async () => void order.push(1),
    () => Promise.reject(new Error("stuck")),
    async () => void order.push(3),
  ];
  await expect(shutdown(stops)).rejects.toThrow("stuck");
  expect(order).toEqual([3, 1]);
});

test("a step that does not finish in time is abandoned, with a warning", async () => {
  const lines: string[] = [];
  const log = { error() {}, info() {}, warn: (_: object, message: string) => lines.push(message) };
  const order: number[] = [];
  const stops = [async () => void order.push(1), () => new Promise<void>(() => {})];
  await shutdown(stops, 20, log);
  expect([order, lines]).toEqual([[1], ["shutdown did not finish in time; the rest is cut off"]]);
});
