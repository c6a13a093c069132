import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { BypassTokens } from "./bypass-token.ts";

const here = "c".repeat(24);
const nowMs = Date.UTC(2026, 0, 1);
const key = randomBytes(32);
const tokens = new BypassTokens(() => [key]);

test("a token holds for its container and its minute", () => {
  const token = tokens.make(here, nowMs);
  expect(tokens.holds(token, here, nowMs)).toBe(true);
  expect(tokens.holds(token, here, nowMs + 59_999)).toBe(true);
  expect(tokens.holds(token, here, nowMs + 120_000)).toBe(false);
  expect(tokens.holds(token, "d".repeat(24), nowMs)).toBe(false);
});

test("a token holds at proxies of other clocks, within a minute after it and ten before", () => {
  const token = tokens.make(here, nowMs);
  expect(tokens.holds(token, here, nowMs - 1)).toBe(true);
  expect(tokens.holds(token, here, nowMs - 600_000)).toBe(true);
  expect(tokens.holds(token, here, nowMs - 600_001)).toBe(false);
  expect(tokens.holds(token, here, nowMs + 119_999)).toBe(true);
});

test("a token that somebody else made holds nowhere", () => {
  const other = randomBytes(32);
  const foreign = new BypassTokens(() => [other]).make(here, nowMs);
  const [until, signature] = tokens.make(here, nowMs).split(".");
  for (const token of [
    foreign,
    null,
    "",
    `${until}.`,
    `${Number(until) - 1}.${signature}`,
    `${until}.${signature}x`,
    `${until}.${"A".repeat(43)}`,
    ` ${until}.${signature}`,
  ]) {
    expect(tokens.holds(token, here, nowMs)).toBe(false);
  }
});

test("tokens of every present key hold, the first signs, and those of a key that is gone hold no more", () => {
  const next = randomBytes(32);
  let keys = [key];
  const changing = new BypassTokens(() => keys);
  const before = changing.make(here, nowMs);
  keys = [next, key];
  const after = changing.make(here, nowMs);
  expect([before, after].map((token) => changing.holds(token, here, nowMs))).toEqual([true, true]);
  keys = [next];
  expect([before, after].map((token) => changing.holds(token, here, nowMs))).toEqual([false, true]);
});
