import { expect, test } from "bun:test";
import { RetryingOpen } from "./retrying-open.ts";

const log = { error() {}, warn() {}, info() {} };
const failure = new Error("away");

/** Fails this often, then succeeds. */
function opening(failures: number) {
  const attempts: number[] = [];
  const order: string[] = [];
  const open = async () => {
    attempts.push(attempts.length + 1);
    order.push(`attempt ${attempts.length}`);
    if (attempts.length === 1) setTimeout(() => order.push("25 ms later"), 25);
    if (attempts.length <= failures) throw failure;
  };
  return { attempts, order, retrying: new RetryingOpen(open, log, { firstMs: 1 }) };
}

test("an open that succeeds is open", async () => {
  const { retrying } = opening(0);
  await retrying.openFirst(() => true);
  await retrying.opened;
  expect(retrying.problem).toBeNull();
});

test("rejects when it cannot wait", async () => {
  const { retrying, attempts } = opening(1);
  await expect(retrying.openFirst(() => false)).rejects.toBe(failure);
  expect(attempts).toHaveLength(1);
});

test("when it can wait, retries with growing delays until it succeeds", async () => {
  const { retrying, attempts, order } = opening(5);
  await retrying.openFirst((error) => error === failure);
  expect(retrying.problem).toBe(failure);
  retrying.retry();
  await retrying.opened;
  expect([retrying.problem, attempts.length]).toEqual([null, 6]);
  // 1 + 2 + 4 + 8 + 16
  expect(order.slice(0, order.indexOf("attempt 6"))).toContain("25 ms later");
});

test("makes no attempt after stop", async () => {
  const { retrying, attempts } = opening(1_000);
  await retrying.openFirst(() => true);
  retrying.retry();
  await retrying.stop();
  const { length } = attempts;
  retrying.retry();
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(attempts).toHaveLength(length);
});
