import { expect, test } from "bun:test";
import { KeptOpening } from "./retrying-open.ts";

const log = { error() {}, warn() {}, info() {} };
const failure = new Error("away");

/** Fails so often, then works. */
function opening(failures: number) {
  const attempts: number[] = [];
  const order: string[] = [];
  const open = async () => {
    attempts.push(attempts.length + 1);
    order.push(`attempt ${attempts.length}`);
    if (attempts.length === 1) setTimeout(() => order.push("25 ms later"), 25);
    if (attempts.length <= failures) throw failure;
  };
  return { attempts, order, kept: new KeptOpening(open, log, 1) };
}

test("what opens at once is open", async () => {
  const { kept } = opening(0);
  await kept.first(() => true);
  await kept.done;
  expect(kept.problem).toBeNull();
});

test("what may not be done without rejects", async () => {
  const { kept, attempts } = opening(1);
  await expect(kept.first(() => false)).rejects.toBe(failure);
  expect(attempts).toHaveLength(1);
});

test("what may be done without is tried until it works, at growing distances", async () => {
  const { kept, attempts, order } = opening(5);
  await kept.first((error) => error === failure);
  expect(kept.problem).toBe(failure);
  kept.goOn();
  await kept.done;
  expect([kept.problem, attempts.length]).toEqual([null, 6]);
  // 1 + 2 + 4 + 8 + 16
  expect(order.slice(0, order.indexOf("attempt 6"))).toContain("25 ms later");
});

test("nothing is tried any more once it was stopped", async () => {
  const { kept, attempts } = opening(1_000);
  await kept.first(() => true);
  kept.goOn();
  await kept.stop();
  const { length } = attempts;
  kept.goOn();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(attempts).toHaveLength(length);
});
