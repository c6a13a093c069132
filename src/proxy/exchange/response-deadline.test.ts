import { describe, expect, test } from "bun:test";
import { HeadDeadlines } from "./response-deadline.ts";

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

describe("one with a limit of its own", () => {
  test("is given up by that, not by the limit of the others", async () => {
    const deadlines = new HeadDeadlines(60_000);
    const silent = deadlines.startFor(10);
    const answered = deadlines.startFor(10);
    deadlines.end(answered);
    await aborted(silent.signal);
    expect([silent.expired, answered.expired]).toEqual([true, false]);
  });

  test("is put off by a body that moves, from its last part on", async () => {
    const deadlines = new HeadDeadlines(60_000);
    const order: string[] = [];
    setTimeout(() => order.push("75 ms later"), 75);
    const moving = deadlines.startFor(20);
    moving.moved(performance.now() + 60);
    await aborted(moving.signal);
    expect(order).toEqual(["75 ms later"]);
  });

  test("waits like the others once it is adopted", async () => {
    const deadlines = new HeadDeadlines(300);
    const adopted = deadlines.startFor(10);
    deadlines.adopt(adopted);
    await aborted(deadlines.startFor(10).signal);
    expect(adopted.expired).toBe(false);
    await aborted(adopted.signal);
    expect(adopted.expired).toBe(true);
  });

  test("is awaited without a limit after a stop", async () => {
    const deadlines = new HeadDeadlines(60_000);
    const stopped = deadlines.startFor(5);
    deadlines.stop();
    await aborted(new HeadDeadlines(60_000).startFor(20).signal);
    expect(stopped.expired).toBe(false);
  });
});
