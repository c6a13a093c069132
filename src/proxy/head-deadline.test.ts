import { expect, test } from "bun:test";
import { HeadDeadlines } from "./head-deadline.ts";

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

test("a silent upstream is given up, one that answered is not", async () => {
  const deadlines = new HeadDeadlines(20);
  const silent = deadlines.start();
  const answered = deadlines.start();
  deadlines.end(answered);
  await aborted(silent.signal);
  expect([silent.expired, answered.expired, answered.signal.aborted]).toEqual([true, false, false]);
});

test("a body that moves puts the deadline off", async () => {
  const deadlines = new HeadDeadlines(20);
  const moving = deadlines.start();
  const silent = deadlines.start();
  moving.moved(performance.now() + 1_000);
  await aborted(silent.signal);
  expect(moving.expired).toBe(false);
  deadlines.stop();
});

test("a client that goes away aborts without expiring", () => {
  const deadlines = new HeadDeadlines(1_000);
  const head = deadlines.start();
  head.handleEvent();
  expect([head.signal.aborted, head.expired]).toEqual([true, false]);
  deadlines.stop();
});

test("it starts anew after all were done", async () => {
  const deadlines = new HeadDeadlines(10);
  await aborted(deadlines.start().signal);
  const later = deadlines.start();
  await aborted(later.signal);
  expect(later.expired).toBe(true);
});
