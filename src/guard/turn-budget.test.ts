import { describe, expect, test } from "bun:test";
import { TurnBudget } from "./turn-budget.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a turn's budget", () => {
  test("is given to each key up to its share, and anew in the next turn", async () => {
    const budget = new TurnBudget({ perKey: 10, total: 100 });
    expect([budget.take("a", 7), budget.take("a", 7), budget.take("a", 1)]).toEqual([7, 3, 0]);
    expect(budget.take("b", 12)).toBe(10);
    await turn();
    expect(budget.take("a", 7)).toBe(7);
  });

  test("lets who waits go on in the order of waiting, within the total of a turn", async () => {
    const budget = new TurnBudget({ perKey: 10, total: 20 });
    const resumed: string[] = [];
    for (const key of ["a", "b", "c", "d"]) {
      budget.wait(key, () => {
        resumed.push(key);
        budget.take(key, 10);
      });
    }
    await turn();
    expect(resumed).toEqual(["a", "b"]);
    await turn();
    expect(resumed).toEqual(["a", "b", "c", "d"]);
    expect(budget.waiting).toBe(0);
  });

  test("goes on with the others where one that waited throws", async () => {
    const budget = new TurnBudget({ perKey: 10, total: 100 });
    const resumed: string[] = [];
    budget.wait("a", () => {
      throw Object.assign(new Error("gone"), { syscall: "write" });
    });
    budget.wait("b", () => resumed.push("b"));
    await turn();
    expect(resumed).toEqual(["b"]);
  });

  test("shares between keys, however often one of them waits", async () => {
    const budget = new TurnBudget({ perKey: 10, total: 30 });
    const served = { flood: 0, neighbour: 0 };
    for (let i = 0; i < 50; i++) {
      budget.wait("flood", () => {
        served.flood += budget.take("flood", 10);
      });
    }
    budget.wait("neighbour", () => {
      served.neighbour += budget.take("neighbour", 10);
    });
    await turn();
    expect(served).toEqual({ flood: 10, neighbour: 10 });
  });

  test("does not hold up a key that comes with little while others wait", async () => {
    const budget = new TurnBudget({ perKey: 10, total: 10 });
    const flood = () => {
      budget.take("flood", 10);
      budget.wait("flood", flood);
    };
    flood();
    for (let i = 0; i < 5; i++) {
      await turn();
      expect(budget.take("neighbour", 10)).toBe(10);
    }
  });
});
