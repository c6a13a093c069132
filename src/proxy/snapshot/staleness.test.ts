import { expect, test } from "bun:test";
import { Staleness } from "./staleness.ts";

const NOW = 1_700_000_000_000;

test("without a limit nothing is ever too long ago, not even never", () => {
  const staleness = new Staleness(null);
  expect(staleness.isStale(NOW)).toBe(false);
  staleness.heard(NOW, 0);
  staleness.look(1e12);
  expect(staleness.isStale(NOW + 1e12)).toBe(false);
});

test("before anything was heard it is too long ago", () => {
  expect(new Staleness(1_000).isStale(NOW)).toBe(true);
});

test.each([
  ["within the limit by both clocks", 999, 999, false],
  ["at the limit by the calendar", 1_000, 0, true],
  ["at the limit by the other, while the calendar was set back", -5_000, 1_000, true],
])("%s", (_why, calendarMs, tickMs, stale) => {
  const staleness = new Staleness(1_000);
  staleness.heard(NOW, 50);
  staleness.look(50 + tickMs);
  expect(staleness.isStale(NOW + calendarMs)).toBe(stale);
});

test.each([
  ["a moment ago", NOW - 400, false],
  ["too long ago", NOW - 1_000, true],
  ["in the future, by a clock that was set: as now", NOW + 1e9, false],
])("an earlier process heard it %s", (_when, heardAtMs, stale) => {
  const staleness = new Staleness(1_000);
  staleness.heardBefore(heardAtMs, NOW, 50);
  expect(staleness.isStale(NOW)).toBe(stale);
  expect(staleness.isStale(NOW + 1_000)).toBe(true);
});

test("hearing it again mends it", () => {
  const staleness = new Staleness(1_000);
  staleness.heard(NOW, 0);
  staleness.look(5_000);
  expect(staleness.isStale(NOW)).toBe(true);
  staleness.heard(NOW + 5_000, 5_000);
  expect(staleness.isStale(NOW + 5_000)).toBe(false);
});
