import { expect, test } from "bun:test";
import { StoreWatch } from "./store-watch.ts";

const [ours, others] = ["a".repeat(16), "b".repeat(16)];

test("a revision that is to come is not lost, and one that another write has is not reached", async () => {
  let revision = 5;
  const lineages = [{ fromRevision: 0, tag: ours }];
  const head = async () => ({ revision, lineage: ours, lineages });
  const watch = new StoreWatch({ head, nodeProcesses: async () => [], clock: async () => 0 });
  expect(watch.hasLost(5n, ours)).toBe(false);
  await watch.start();
  try {
    expect([watch.hasLost(5n, ours), await watch.reached(5n, 0, ours)]).toEqual([false, true]);
    expect([watch.hasLost(5n, others), await watch.reached(5n, 0, others)]).toEqual([true, false]);
    // The first write after the database came back, under a lineage that was not looked at yet.
    expect([watch.hasLost(6n, others), await watch.reached(6n, 0, others)]).toEqual([false, false]);
    lineages.push({ fromRevision: 5, tag: others });
    revision = 6;
    expect(await watch.reached(6n, 10_000, others)).toBe(true);
  } finally {
    watch.stop();
  }
});

test("the clock of the database is compared with each look", async () => {
  const head = async () => ({ revision: 0, lineage: "", lineages: [] });
  const clock = async () => Date.now() + 3_600_000;
  const watch = new StoreWatch({ head, nodeProcesses: async () => [], clock });
  await watch.start();
  watch.stop();
  expect(Math.round(watch.clockOffsetMs / 60_000)).toBe(60);
});
