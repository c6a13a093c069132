import { expect, test } from "bun:test";
import { bootClockMs } from "./boot-clock.ts";
import { Staleness } from "./staleness.ts";

const NOW = 1_700_000_000_000;

test("without a limit nothing is ever too long ago, not even never", () => {
  const staleness = new Staleness(null);
  expect(staleness.isStale(0)).toBe(false);
  staleness.heard(NOW, 0);
  expect(staleness.isStale(1e12)).toBe(false);
});

test("before anything was heard it is too long ago", () => {
  expect(new Staleness(1_000).isStale(0)).toBe(true);
});

test.each([
  ["within the limit", 999, false],
  ["at the limit", 1_000, true],
  ["on a clock that cannot be read", Number.NaN, true],
])("%s", (_why, tickMs, stale) => {
  const staleness = new Staleness(1_000);
  staleness.heard(NOW, 50);
  expect(staleness.isStale(50 + tickMs)).toBe(stale);
});

test.each([
  ["a moment ago", NOW - 400, false],
  ["too long ago", NOW - 1_000, true],
  ["in the future, by a clock that was set: as now", NOW + 1e9, false],
])("an earlier process heard it %s", (_when, heardAtMs, stale) => {
  const staleness = new Staleness(1_000);
  staleness.heardBefore(heardAtMs, NOW, 50);
  expect(staleness.isStale(50)).toBe(stale);
  expect(staleness.isStale(1_050)).toBe(true);
});

test("hearing it again mends it", () => {
  const staleness = new Staleness(1_000);
  staleness.heard(NOW, 0);
  expect(staleness.isStale(5_000)).toBe(true);
  staleness.heard(NOW + 5_000, 5_000);
  expect(staleness.isStale(5_000)).toBe(false);
});

test("a leap of the calendar in either direction is not silence, and does not hide it", () => {
  const staleness = new Staleness(1_000);
  for (const leapMs of [-1e9, 1e9]) {
    staleness.heard(NOW + leapMs, 0);
    expect([staleness.isStale(999), staleness.isStale(1_000)]).toEqual([false, true]);
  }
});

test("the clock goes on at the pace of the runtime's, whatever the calendar says", async () => {
  const [before, beforeMs] = [bootClockMs(), performance.now()];
  await Bun.sleep(200);
  // Read to 10 ms.
  expect(Math.abs(bootClockMs() - before - (performance.now() - beforeMs))).toBeLessThan(50);
});
