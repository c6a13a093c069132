import { describe, expect, test } from "bun:test";
import { ResponseHeaderTimeouts } from "./response-header-timeout.ts";
import { CLIENT_GONE } from "./stop-signal.ts";

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

test("a silent upstream is given up, one that answered is not", async () => {
  const timeouts = new ResponseHeaderTimeouts(20);
  const silent = timeouts.start();
  const answered = timeouts.start();
  timeouts.end(answered);
  await aborted(silent.signal);
  expect([silent.expired, answered.expired, answered.signal.aborted]).toEqual([true, false, false]);
});

test("a body that moves puts the deadline off", async () => {
  const timeouts = new ResponseHeaderTimeouts(20);
  const moving = timeouts.start();
  const silent = timeouts.start();
  moving.moved(performance.now() + 1_000);
  await aborted(silent.signal);
  expect(moving.expired).toBe(false);
  timeouts.stop();
});

test("a client that goes away aborts without expiring", () => {
  const timeouts = new ResponseHeaderTimeouts(1_000);
  const head = timeouts.start();
  head.stopped(CLIENT_GONE);
  expect([head.signal.aborted, head.expired]).toEqual([true, false]);
  timeouts.stop();
});

test("it starts anew after all were done", async () => {
  const timeouts = new ResponseHeaderTimeouts(10);
  await aborted(timeouts.start().signal);
  const later = timeouts.start();
  await aborted(later.signal);
  expect(later.expired).toBe(true);
});

describe("one with a limit of its own", () => {
  test("is given up by that, not by the limit of the others", async () => {
    const timeouts = new ResponseHeaderTimeouts(60_000);
    const silent = timeouts.startFor(10);
    const answered = timeouts.startFor(10);
    timeouts.end(answered);
    await aborted(silent.signal);
    expect([silent.expired, answered.expired]).toEqual([true, false]);
  });

  test("is put off by a body that moves, from its last part on", async () => {
    const timeouts = new ResponseHeaderTimeouts(60_000);
    const silent = timeouts.startFor(20);
    const moving = timeouts.startFor(20);
    moving.moved(performance.now() + 60);
    await aborted(silent.signal);
    expect([silent.expired, moving.expired]).toEqual([true, false]);
    await aborted(moving.signal);
    expect(moving.expired).toBe(true);
  });

  test("waits like the others once it is adopted", async () => {
    const timeouts = new ResponseHeaderTimeouts(300);
    const adopted = timeouts.startFor(10);
    timeouts.adopt(adopted, null);
    await aborted(timeouts.startFor(10).signal);
    expect(adopted.expired).toBe(false);
    await aborted(adopted.signal);
    expect(adopted.expired).toBe(true);
  });

  test("is awaited without a limit after a stop", async () => {
    const timeouts = new ResponseHeaderTimeouts(60_000);
    const stopped = timeouts.startFor(5);
    timeouts.stop();
    await aborted(new ResponseHeaderTimeouts(60_000).startFor(20).signal);
    expect(stopped.expired).toBe(false);
  });
});
