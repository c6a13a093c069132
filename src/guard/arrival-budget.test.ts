import { describe, expect, test } from "bun:test";
import { ArrivalBudget } from "./arrival-budget.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const A = "192.0.2.1";
const B = "192.0.2.2";

/** How many of so many requests on a connection are within the budget. */
function granted(budget: ArrivalBudget, address: string, port: number, requests: number): number {
  let count = 0;
  for (let i = 0; i < requests; i++) if (budget.take(address, port)) count++;
  return count;
}

describe("requests that arrive in one turn", () => {
  test("of one connection are bounded, and anew in the next turn", async () => {
    const budget = new ArrivalBudget({ perConnection: 4, perNetwork: 100, total: 100 });
    expect([granted(budget, A, 1, 9), granted(budget, A, 2, 3)]).toEqual([4, 3]);
    await turn();
    expect(granted(budget, A, 1, 9)).toBe(4);
  });

  test("of one network are bounded over its connections, and its neighbours keep theirs", () => {
    const budget = new ArrivalBudget({ perConnection: 64, perNetwork: 64, total: 256 });
    let flood = 0;
    for (let port = 0; port < 20; port++) flood += granted(budget, A, port, 1000);
    // The first of each, and 64 more.
    expect(flood).toBe(20 + 64);
    expect(granted(budget, B, 1, 64)).toBe(64);
  });

  test("behind one load balancer are bounded for each of its connections alone", () => {
    const isShared = (address: string) => address === A;
    const budget = new ArrivalBudget({ perConnection: 8, perNetwork: 4, total: 256, isShared });
    expect([granted(budget, A, 1, 9), granted(budget, A, 2, 9)]).toEqual([5, 5]);
    expect([granted(budget, B, 1, 9), granted(budget, B, 2, 9)]).toEqual([5, 1]);
  });

  test("one by one on many connections are never held up", () => {
    const budget = new ArrivalBudget({ perConnection: 1, perNetwork: 1, total: 1 });
    for (let port = 0; port < 10_000; port++) {
      expect(budget.take(A, port)).toBe(true);
    }
  });

  test("beyond the budget wait for their network's share of a coming turn, in order", async () => {
    const budget = new ArrivalBudget({ perConnection: 3, perNetwork: 2, total: 100 });
    const done: number[] = [];
    granted(budget, A, 1, 9);
    for (let i = 0; i < 5; i++) void budget.wait(A, 1).then(() => done.push(i));
    expect(done).toEqual([]);
    await turn();
    expect(done).toEqual([0, 1]);
    await turn();
    expect(done).toEqual([0, 1, 2, 3]);
    await turn();
    expect([done, budget.waiting]).toEqual([[0, 1, 2, 3, 4], 0]);
  });
});

describe("requests whose paths are costly", () => {
  const options = { perConnection: 64, perNetwork: 64, total: 256 };
  /** As much as 32 requests. */
  const costly = 65_536;

  /** How many first requests of connections begin when each costs so much. */
  function begun(budget: ArrivalBudget, address: string, connections: number): number {
    let count = 0;
    for (let port = 0; port < connections; port++) {
      if (!budget.take(address, port)) continue;
      count++;
      budget.charge(address, port, costly);
    }
    return count;
  }

  test("are few in one turn, the first ones of connections too, and hold up no other network", () => {
    const budget = new ArrivalBudget(options);
    expect(begun(budget, A, 100)).toBe(2);
    expect(budget.hasCostly).toBe(true);
    for (let port = 0; port < 100; port++) expect(budget.take(B, port)).toBe(true);
  });

  test("that waited are few in a turn as well, and forgotten once none waits", async () => {
    const budget = new ArrivalBudget(options);
    begun(budget, A, 1);
    let resumed = 0;
    for (let port = 0; port < 9; port++) {
      void budget.wait(A, port).then(() => {
        resumed++;
        budget.charge(A, port, costly);
      });
    }
    let before = 0;
    while (budget.waiting > 0) {
      await turn();
      expect(resumed - before).toBeLessThanOrEqual(2);
      before = resumed;
    }
    await turn();
    await turn();
    expect({ resumed, hasCostly: budget.hasCostly }).toEqual({ resumed: 9, hasCostly: false });
  });

  test("of a few hundred characters cost nothing", () => {
    const budget = new ArrivalBudget(options);
    budget.charge(A, 1, 2_000);
    expect(budget.hasCostly).toBe(false);
  });
});

test("first requests of connections are free up to 64 in a turn, and then their network's; a neighbour's is its own", async () => {
  const budget = new ArrivalBudget({ perConnection: 64, perNetwork: 64, total: 256 });
  const begins = (address: string, port: number) => budget.isCalm() || budget.take(address, port);
  const crowd = Array.from({ length: 1_000 }, (_, port) => begins("10.0.0.1", port));
  expect(crowd.filter(Boolean)).toHaveLength(128);
  expect(begins("10.0.0.2", 1)).toBe(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(begins("10.0.0.1", 1)).toBe(true);
});
