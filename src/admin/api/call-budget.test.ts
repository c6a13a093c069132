import { expect, test } from "bun:test";
import { ApiError } from "../../../proto/call.ts";
import { Slices } from "../../guard/slices.ts";
import type { Steps } from "../../policy/steps.ts";
import { CallBudgets, callBudgetLimits } from "./call-budget.ts";

const { burst, perSecond, callMs, debtMax } = callBudgetLimits;

/** A clock in milliseconds that work moves on. */
class Stage {
  ms = 0;
  readonly budgets = new CallBudgets(() => 0, new Slices(() => this.ms));

  *steps(count: number, stepMs: number): Steps<number> {
    for (let n = 0; n < count; n++) {
      this.ms += stepMs;
      yield 1;
    }
    return count;
  }
}

function refusal(work: () => unknown): ApiError | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

test("whoever used up the budget is refused with a time to wait, and others are not", async () => {
  const stage = new Stage();
  const work = stage.budgets.begin("user a");
  expect(await work.run(stage.steps(burst / 4, 4))).toBe(burst / 4);
  const refused = refusal(() => stage.budgets.begin("user a"));
  expect(refused?.retryAfterS).toBe(Math.ceil((2 * callMs) / perSecond));
  expect(refusal(() => stage.budgets.begin("user b"))).toBeNull();
});

test("many calls at once end when their caller is too far in debt", async () => {
  const stage = new Stage();
  const all = Array.from({ length: 40 }, () => stage.budgets.begin("user a"));
  const works = all.map((work) => work.run(stage.steps(250, 4)));
  const ended = await Promise.allSettled(works);
  expect(ended.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
  // All of them together: the budget, the debt, and a slice.
  expect(stage.ms).toBeLessThanOrEqual(burst + debtMax + 40 * 4);
});

test("even calls without work are bounded", () => {
  const { budgets } = new Stage();
  for (let n = 0; n < burst / callMs; n++) budgets.begin("user a");
  expect(refusal(() => budgets.begin("user a"))?.retryAfterS).toBe(1);
});

test("a call that fails for itself keeps its own error", () => {
  const work = new Stage().budgets.begin("user a");
  const broken = () => {
    throw new Error("of its own");
  };
  expect(() => work.measure(broken)).toThrow("of its own");
  expect(work.measure(() => 7)).toBe(7);
});
