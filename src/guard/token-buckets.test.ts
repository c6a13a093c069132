import { expect, test } from "bun:test";
import { TokenBuckets } from "./token-buckets.ts";

test("a key has its burst, regains units with time, and never more than the burst", () => {
  let nowS = 50;
  const buckets = new TokenBuckets({ burst: 10, perSecond: 2 }, () => nowS);
  expect(buckets.take("a", 10)).toBe(0);
  expect(buckets.take("a", 3)).toBe(1.5);
  nowS += 1.5;
  expect(buckets.take("a", 3)).toBe(0);
  expect(buckets.take("b", 10)).toBe(0);
  nowS += 1000;
  expect(buckets.take("a", 10)).toBe(0);
  expect(buckets.take("a", 1)).toBe(0.5);
});

test("a charge may lead into debt, and may be given back", () => {
  const buckets = new TokenBuckets({ burst: 10, perSecond: 1 }, () => 0);
  buckets.charge("a", 25);
  expect(buckets.waitS("a", 0)).toBe(15);
  expect(buckets.waitS("a", 1)).toBe(16);
  buckets.charge("a", -20);
  expect(buckets.take("a", 5)).toBe(0);
  buckets.charge("a", -500);
  expect(buckets.take("a", 11)).toBe(1);
});

test("the table is bounded, and crowding it does not refill a bucket", () => {
  let nowS = 0;
  const buckets = new TokenBuckets({ burst: 10, perSecond: 1, keysMax: 100 }, () => nowS);
  buckets.charge("a", 10);
  for (let n = 0; n < 1000; n++) {
    buckets.charge(`${n}`, 1 + (n % 3));
    expect(buckets.size).toBeLessThanOrEqual(100);
  }
  expect(buckets.waitS("a", 1)).toBe(1);
  // Full buckets are forgotten first, and together.
  nowS += 3;
  for (let n = 1000; n < 1101; n++) buckets.charge(`${n}`, 1);
  expect(buckets.size).toBeLessThanOrEqual(100);
  expect(buckets.waitS("a", 10)).toBe(7);
});
