import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FairShares, type Place } from "./fair-shares.ts";

/** Takes places until there are no more, or as many as wanted. */
function fill(shares: FairShares, max: number, container: string, network: string, wanted = max) {
  let taken = 0;
  while (taken < wanted && shares.hasRoom(container, network, max)) {
    shares.enter(container, network);
    taken++;
  }
  return taken;
}

describe("a pool", () => {
  test("is one client network's up to a half, and one container's up to three quarters", () => {
    const shares = new FairShares();
    expect(fill(shares, 1200, "a", "n1")).toBe(600);
    expect(fill(shares, 1200, "a", "n2")).toBe(300);
    expect(fill(shares, 1200, "a", "n3")).toBe(0);
    expect(shares.size).toBe(900);
  });

  test.each([2, 3, 10, 100])(
    "that %d containers want whole leaves room for a further tenant",
    (hogs) => {
      const shares = new FairShares();
      const max = 4096;
      for (let round = 0; round < max; round++) {
        for (let hog = 0; hog < hogs; hog++) fill(shares, max, `c${hog}`, `n${round % 7}`, 1);
      }
      expect(fill(shares, max, "third", "third")).toBeGreaterThanOrEqual(1);
    },
  );

  test("that one network fills at many containers has room for other networks at each of them", () => {
    const shares = new FairShares();
    for (let container = 0; container < 50; container++)
      fill(shares, 4096, `c${container}`, "flood");
    for (let container = 0; container < 50; container++) {
      expect(fill(shares, 4096, `c${container}`, `n${container}`, 1)).toBe(1);
    }
  });

  test("of which two containers took what they could lets a third in from the same network", () => {
    const shares = new FairShares();
    fill(shares, 64, "a", "n");
    fill(shares, 64, "b", "n");
    expect(fill(shares, 64, "c", "n")).toBeGreaterThanOrEqual(1);
  });

  const event = fc.record({
    container: fc.integer({ min: 0, max: 4 }).map((n) => `c${n}`),
    network: fc.integer({ min: 0, max: 3 }).map((n) => `n${n}`),
    leaves: fc.boolean(),
  });

  test("never holds more than its size, turns away no tenant without a place while one is free, and is empty at the end", () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 400 }),
        fc.integer({ min: 1, max: 60 }),
        (events, max) => {
          const shares = new FairShares();
          const inside: { container: string; network: string; place: Place }[] = [];
          for (const { container, network, leaves } of events) {
            if (leaves && inside.length > 0) {
              const [first] = inside.splice(0, 1);
              if (first !== undefined) shares.leave(first.place);
              continue;
            }
            const isNew = !inside.some(
              (each) => each.container === container || each.network === network,
            );
            const admitted = shares.hasRoom(container, network, max);
            if (inside.length < max && isNew) expect(admitted).toBe(true);
            if (admitted) {
              inside.push({ container, network, place: shares.enter(container, network) });
            }
            expect(shares.size).toBe(inside.length);
            expect(inside.length).toBeLessThanOrEqual(max);
          }
          for (const each of inside) shares.leave(each.place);
          expect(shares.size).toBe(0);
        },
      ),
    );
  });

  test("gives those that want more than their share the same, whoever came first", () => {
    const shares = new FairShares();
    const max = 7000;
    const first = fill(shares, max, "first", "n1", 1);
    const taken = [first, 0];
    for (let i = 0; i < max; i++) {
      taken[0] = (taken[0] ?? 0) + fill(shares, max, "first", `n${i % 9}`, 1);
      taken[1] = (taken[1] ?? 0) + fill(shares, max, "second", `n${i % 9}`, 1);
    }
    expect(Math.abs((taken[0] ?? 0) - (taken[1] ?? 0))).toBeLessThanOrEqual(2);
    expect(taken[0]).toBeGreaterThan((max * 3) / 7 - 3);
  });
});
