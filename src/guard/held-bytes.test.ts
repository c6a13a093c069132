import { expect, test } from "bun:test";
import fc from "fast-check";
import { type ByteHolder, HeldBytes, HeldShare, type Stalled } from "./held-bytes.ts";

const MAX = 1_000;

class Holder implements ByteHolder {
  readonly holds: ByteHolder["holds"];
  readonly share: HeldShare;
  heldBytes = 0;
  isEnded = false;

  constructor(all: HeldBytes, network: string, container: string) {
    this.holds = { network, container };
    this.share = new HeldShare(all, this);
  }

  hold(bytes: number): this {
    this.heldBytes = bytes;
    this.share.update();
    return this;
  }

  endStalled(): void {
    this.isEnded = true;
    this.heldBytes = 0;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function budget(stalledMs = 1e9) {
  const ended: Stalled[] = [];
  const all = new HeldBytes({ bytesMax: MAX, stalledMs, ended: (stalled) => ended.push(stalled) });
  const holder = (network: string, container = "c") => new Holder(all, network, container);
  return { all, ended, holder };
}

test("beyond the maximum the network that holds most loses what stood still for longest", async () => {
  const { all, ended, holder } = budget();
  const neighbour = holder("neighbour").hold(100);
  const crowd = [1, 2, 3].map(() => holder("crowd").hold(300));
  const [first, second, third] = crowd;
  // Something of the first was taken, so it is not the one that stands still.
  first?.hold(299);
  third?.hold(400);
  await turn();
  expect(crowd.map(({ isEnded }) => isEnded)).toEqual([false, true, false]);
  expect(neighbour.isEnded).toBeFalse();
  expect(second?.share.bytes).toBe(0);
  expect(all.bytes).toBe(100 + 299 + 400);
  expect(all.ended).toBe(1);
  expect(ended).toEqual([
    { network: "crowd", container: "c", bytes: 300, stillMs: expect.any(Number) },
  ]);
});

test("what was taken since it was counted is seen before one is ended", async () => {
  const { holder } = budget();
  const [moving, still] = [holder("crowd").hold(600), holder("crowd").hold(500)];
  // Its socket took some, which is not counted yet.
  moving.heldBytes = 590;
  await turn();
  expect([moving.isEnded, still.isEnded]).toEqual([false, true]);
});

test("a container that many networks crowd loses its own, not the neighbours of those networks", async () => {
  const { holder } = budget();
  const neighbour = holder("10.0.0.1", "quiet").hold(150);
  const crowd = Array.from({ length: 9 }, (_, i) => holder(`10.0.0.${i}`, "crowded").hold(100));
  await turn();
  expect(neighbour.isEnded).toBeFalse();
  expect(crowd.filter(({ isEnded }) => isEnded)).toHaveLength(1);
});

test("above its share a network loses what has stood still for too long, and nothing else", async () => {
  const { holder } = budget(20);
  const still = holder("crowd").hold(350);
  const neighbour = holder("neighbour").hold(10);
  await Bun.sleep(150);
  const fresh = holder("crowd").hold(350);
  await turn();
  expect([still, neighbour, fresh].map(({ isEnded }) => isEnded)).toEqual([true, false, false]);
});

test("below its share nothing is ended, however long it stands still", async () => {
  const { holder } = budget(1);
  const still = holder("crowd").hold(240);
  await Bun.sleep(5);
  const more = holder("other").hold(200);
  await turn();
  expect([still.isEnded, more.isEnded]).toEqual([false, false]);
});

test("whatever is held, the sum stays bounded, is exact, and who holds little keeps it", async () => {
  const steps = fc.array(
    fc.record({
      who: fc.nat({ max: 19 }),
      bytes: fc.nat({ max: 400 }),
    }),
    { minLength: 20, maxLength: 120 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const { all: held, holder } = budget();
      const crowd = Array.from({ length: 20 }, (_, i) => holder(`n${i % 3}`, `c${i % 2}`));
      const small = holder("small", "quiet").hold(50);
      for (const { who, bytes } of all) {
        const each = crowd[who];
        if (each?.isEnded === false) each.hold(bytes);
      }
      await turn();
      const sum = [small, ...crowd].reduce((bytes, { heldBytes }) => bytes + heldBytes, 0);
      expect(held.bytes).toBe(sum);
      expect(sum).toBeLessThanOrEqual(MAX);
      expect(small.isEnded).toBeFalse();
    }),
  );
});

test("who leaves is forgotten", () => {
  const { all, holder } = budget();
  const one = holder("n").hold(5);
  one.share.leave();
  one.share.leave();
  expect(all.bytes).toBe(0);
  expect(one.hold(7).share.bytes).toBe(7);
  expect(one.hold(0).share.bytes).toBe(0);
  expect(all.bytes).toBe(0);
});
