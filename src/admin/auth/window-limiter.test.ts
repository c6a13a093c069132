import { describe, expect, test } from "bun:test";
import { ApiError } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import { networksMax, WindowLimiter } from "./window-limiter.ts";

const limit = { max: 5, windowS: 3600 };

/** The result of one more call: `null`, or the seconds to wait. */
function next(limiter: WindowLimiter, address: string): number | null {
  try {
    limiter.take(address);
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    expect(refusalOf(error.code).http).toBe(429);
    return error.retryAfterS;
  }
}

const ipv4 = (n: number) => `10.${n >>> 16}.${(n >>> 8) & 255}.${n & 255}`;

describe("one network", () => {
  test("has exactly the limit in a window, which begins with the first call", () => {
    let nowS = 100;
    const limiter = new WindowLimiter(limit, () => nowS);
    const waits = [];
    for (let call = 0; call < 7; call++) {
      waits.push(next(limiter, "192.0.2.1"));
      nowS += 10;
    }
    expect(waits).toEqual([null, null, null, null, null, 3550, 3540]);
    nowS = 100 + 3599.5;
    expect(next(limiter, "192.0.2.1")).toBe(1);
    nowS = 100 + 3600;
    expect(next(limiter, "192.0.2.1")).toBeNull();
    expect(next(limiter, "192.0.2.2")).toBeNull();
  });

  test("does not wait longer after a refusal", () => {
    let nowS = 0;
    const limiter = new WindowLimiter({ max: 1, windowS: 10 }, () => nowS);
    next(limiter, "192.0.2.1");
    for (nowS = 1; nowS < 10; nowS++) expect(next(limiter, "192.0.2.1")).toBe(10 - nowS);
    expect(next(limiter, "192.0.2.1")).toBeNull();
  });

  test.each([
    ["192.0.2.1", "::ffff:192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
    ["2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff", true],
    ["2001:db8::1", "2001:db8:0:1::1", false],
    ["192.0.2.1", "c000:201::", false],
    ["unknown", "", true],
    ["unknown", "192.0.2.1", false],
  ])("%s and %s: %p", (one, other, same) => {
    const limiter = new WindowLimiter({ max: 1, windowS: 10 }, () => 0);
    next(limiter, one);
    expect(next(limiter, other) !== null).toBe(same);
  });
});

describe("a call that is taken back", () => {
  test("does not count and frees its entry", () => {
    const limiter = new WindowLimiter(limit, () => 0);
    for (let call = 0; call < 20; call++) limiter.take("192.0.2.1")();
    expect(limiter.size).toBe(0);
    for (let call = 0; call < 5; call++) expect(next(limiter, "192.0.2.1")).toBeNull();
    expect(next(limiter, "192.0.2.1")).toBe(3600);
  });

  test("after its window ended does not change the next window", () => {
    let nowS = 0;
    const limiter = new WindowLimiter({ max: 1, windowS: 10 }, () => nowS);
    const takeBack = limiter.take("192.0.2.1");
    nowS = 10;
    expect(next(limiter, "192.0.2.1")).toBeNull();
    takeBack();
    expect(next(limiter, "192.0.2.1")).toBe(10);
  });
});

describe("with any number of networks", () => {
  test("the table is bounded", () => {
    const limiter = new WindowLimiter(limit, () => 0);
    for (let n = 0; n < 3 * networksMax; n++) {
      expect(next(limiter, ipv4(n))).toBeNull();
      expect(limiter.size).toBeLessThanOrEqual(networksMax);
    }
  });

  test("a network at its limit stays refused, and a new one is accepted", () => {
    const limiter = new WindowLimiter(limit, () => 0);
    for (let call = 0; call < 5; call++) next(limiter, "192.0.2.1");
    for (let n = 0; n < 3 * networksMax; n++) next(limiter, ipv4(n));
    expect(next(limiter, "192.0.2.1")).toBe(3600);
    expect(next(limiter, "192.0.2.2")).toBeNull();
  });

  test("expired windows are evicted first", () => {
    let nowS = 0;
    const limiter = new WindowLimiter(limit, () => nowS);
    for (let n = 0; n < networksMax - 1; n++) next(limiter, ipv4(n));
    nowS = 3599;
    next(limiter, "192.0.2.1");
    nowS = 3600;
    next(limiter, "192.0.2.2");
    expect(limiter.size).toBe(2);
  });
});
