import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { HopMarker } from "./bypass-token.ts";

const here = "c".repeat(24);
const nowMs = Date.UTC(2026, 0, 1);
const markers = new HopMarker(randomBytes(32));

test("a marker holds for its container and its minute", () => {
  const marker = markers.make(here, nowMs);
  expect(markers.holds(marker, here, nowMs)).toBe(true);
  expect(markers.holds(marker, here, nowMs + 59_999)).toBe(true);
  expect(markers.holds(marker, here, nowMs + 60_000)).toBe(false);
  expect(markers.holds(marker, here, nowMs - 1)).toBe(false);
  expect(markers.holds(marker, "d".repeat(24), nowMs)).toBe(false);
});

test("a marker that somebody else made holds nowhere", () => {
  const foreign = new HopMarker(randomBytes(32)).make(here, nowMs);
  const [until, signature] = markers.make(here, nowMs).split(".");
  for (const marker of [
    foreign,
    null,
    "",
    `${until}.`,
    `${Number(until) - 1}.${signature}`,
    `${until}.${signature}x`,
    `${until}.${"A".repeat(43)}`,
    ` ${until}.${signature}`,
  ]) {
    expect(markers.holds(marker, here, nowMs)).toBe(false);
  }
});
