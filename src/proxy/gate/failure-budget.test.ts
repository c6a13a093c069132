import { describe, expect, test } from "bun:test";
import { FailureBudget, pairsMax, refillMs } from "./failure-budget.ts";

function budgetOf(max: number) {
  const clock = { nowMs: 0 };
  const budget = new FailureBudget(max, () => clock.nowMs);
  const takes = (count: number, client = "192.0.2.1", container = "c") =>
    Array.from({ length: count }, () => budget.take(client, container)).filter(Boolean).length;
  return { budget, clock, takes };
}

describe("one client network and container", () => {
  test("may fail so often, and then no more", () => {
    expect(budgetOf(10).takes(25)).toBe(10);
  });

  test("gets its failures back evenly, and never more than all of them", () => {
    const { clock, takes } = budgetOf(10);
    takes(25);
    clock.nowMs += refillMs / 10;
    expect(takes(5)).toBe(1);
    clock.nowMs += refillMs / 2;
    expect(takes(25)).toBe(5);
    clock.nowMs += 100 * refillMs;
    expect(takes(25)).toBe(10);
  });

  test("is not held up longer for trying on", () => {
    const { clock, takes } = budgetOf(10);
    takes(10);
    for (let second = 0; second < 60; second++) {
      clock.nowMs += refillMs / 60;
      takes(100);
    }
    clock.nowMs += refillMs;
    expect(takes(25)).toBe(10);
  });

  test.each([
    ["another network", "192.0.2.2", "c"],
    ["another container", "192.0.2.1", "d"],
    ["another IPv6 network", "2001:db8:0:1::1", "c"],
  ])("does not spend the failures of %s", (_what, client, container) => {
    const { takes } = budgetOf(10);
    takes(25);
    takes(25, "2001:db8::1");
    expect(takes(25, client, container)).toBe(10);
  });

  test.each([
    ["the addresses of a /64", "2001:db8::1", "2001:db8::ffff"],
    ["an IPv4-mapped address and its IPv4 address", "192.0.2.1", "::ffff:192.0.2.1"],
    ["addresses that are unknown", "", "unknown"],
  ])("is one: %s", (_what, one, other) => {
    const { takes } = budgetOf(10);
    takes(9, one);
    expect(takes(25, other)).toBe(1);
  });
});

describe("what is remembered", () => {
  test("is bounded, and the longest silent is forgotten first", () => {
    const { budget, takes } = budgetOf(1);
    takes(1, "192.0.2.1", "first");
    takes(1, "192.0.2.1", "second");
    for (let n = 0; n < pairsMax - 2; n++) takes(1, "192.0.2.1", `c${n}`);
    expect(budget.size).toBe(pairsMax);
    expect(takes(1, "192.0.2.1", "first")).toBe(0);
    takes(1, "192.0.2.1", "one more");
    expect(budget.size).toBe(pairsMax);
    expect(takes(1, "192.0.2.1", "first")).toBe(0);
    expect(takes(1, "192.0.2.1", "second")).toBe(1);
  });

  test("is forgotten when it is full again", () => {
    const { budget, clock, takes } = budgetOf(1);
    for (let n = 0; n < 100; n++) takes(1, "192.0.2.1", `c${n}`);
    clock.nowMs += refillMs;
    takes(1);
    expect(budget.size).toBe(1);
  });
});
