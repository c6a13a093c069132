import { expect, test } from "bun:test";
import type { Steps } from "../policy/steps.ts";
import { Slices, sliceMs } from "./slices.ts";

/** A clock that each step advances. */
class Stage {
  ms = 0;
  readonly slices = new Slices(() => this.ms);
  readonly log: string[] = [];

  *steps(name: string, count: number, stepMs: number): Steps<string> {
    for (let n = 0; n < count; n++) {
      this.ms += stepMs;
      this.log.push(name);
      yield 1;
    }
    return name;
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a turn of the event loop gives a few milliseconds to all sliced work together", async () => {
  const stage = new Stage();
  const works = ["a", "b", "c", "d"].map((name) =>
    stage.slices.run(stage.steps(name, 40, 1), { key: name }),
  );
  const spent: number[] = [];
  for (let isDone = false; !isDone; ) {
    const before = stage.ms;
    await turn();
    spent.push(stage.ms - before);
    isDone = stage.log.length === 160;
  }
  expect(await Promise.all(works)).toEqual(["a", "b", "c", "d"]);
  expect(Math.max(...spent)).toBe(sliceMs);
});

test("keys take turns, however much one of them wants", async () => {
  const stage = new Stage();
  const many = Array.from({ length: 50 }, () =>
    stage.slices.run(stage.steps("many", 8, 1), { key: "many" }),
  );
  await turn();
  await stage.slices.run(stage.steps("one", 8, 1), { key: "one" });
  // Two slices of its own, each after at most one of the others.
  expect(stage.log.filter((name) => name === "many").length).toBeLessThanOrEqual(4 * sliceMs);
  await Promise.all(many);
});

test("urgent work goes first", async () => {
  const stage = new Stage();
  const others = ["a", "b"].map((name) => stage.slices.run(stage.steps(name, 8, 1), { key: name }));
  await stage.slices.run(stage.steps("urgent", 8, 1), { key: "feed", urgent: true });
  expect(new Set(stage.log)).toEqual(new Set(["urgent"]));
  await Promise.all(others);
});

test("each slice is charged, and whoever charges may end the work", async () => {
  const stage = new Stage();
  const charged: number[] = [];
  const charge = (ms: number) => {
    charged.push(ms);
    if (charged.length === 3) throw new Error("enough");
  };
  const work = stage.slices.run(stage.steps("a", 40, 3), { key: "a", charge });
  await expect(work).rejects.toThrow("enough");
  expect(charged).toEqual([6, 6, 6]);
  expect(stage.log).toHaveLength(6);
});

test("what a step throws is charged and thrown", async () => {
  const slices = new Slices(() => 0);
  const charged: number[] = [];
  function* steps(): Steps<void> {
    yield 1;
    throw new Error("no");
  }
  const work = slices.run(steps(), { key: "a", charge: (ms) => charged.push(ms) });
  await expect(work).rejects.toThrow("no");
  expect(charged).toEqual([0]);
});
