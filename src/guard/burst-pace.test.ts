import { describe, expect, test } from "bun:test";
import { BurstPace } from "./burst-pace.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function paced(burst: number, name: string, resumed: string[]) {
  return { burst, goOn: () => void resumed.push(name) };
}

describe("a burst", () => {
  test("is paid for with as many turns as it was too large for one", async () => {
    const pace = new BurstPace({ perTurn: 10, resumedPerTurn: 4 });
    const resumed: string[] = [];
    pace.wait("n", paced(45, "a", resumed));
    for (let i = 0; i < 4; i++) await turn();
    expect(resumed).toEqual([]);
    await turn();
    expect([resumed, pace.waiting]).toEqual([["a"], 0]);
  });

  test("of one connection is paid for before the next of its network, and other networks do not wait", async () => {
    const pace = new BurstPace({ perTurn: 10, resumedPerTurn: 4 });
    const resumed: string[] = [];
    for (const name of ["a", "b"]) pace.wait("flood", paced(30, name, resumed));
    pace.wait("other", paced(11, "c", resumed));
    const seen: string[][] = [];
    for (let i = 0; i < 6; i++) {
      await turn();
      seen.push([...resumed]);
    }
    expect(seen).toEqual([[], ["c"], ["c", "a"], ["c", "a"], ["c", "a"], ["c", "a", "b"]]);
  });

  test("of many networks does not come back in one turn, and each comes back", async () => {
    const pace = new BurstPace({ perTurn: 10, resumedPerTurn: 2 });
    const resumed: string[] = [];
    for (let i = 0; i < 7; i++) pace.wait(`n${i}`, paced(1, `n${i}`, resumed));
    const counts: number[] = [];
    for (let i = 0; i < 5; i++) {
      await turn();
      counts.push(resumed.length);
    }
    expect(counts).toEqual([2, 4, 6, 7, 7]);
    expect(new Set(resumed).size).toBe(7);
  });

  test("is within a turn whose number does not change until the turn is over", async () => {
    const pace = new BurstPace({ perTurn: 1, resumedPerTurn: 1 });
    const first = pace.turn;
    await Promise.resolve();
    expect(pace.turn).toBe(first);
    await turn();
    expect(pace.turn).toBe(first + 1);
  });
});
