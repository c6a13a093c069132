import { describe, expect, test } from "bun:test";
import { finish } from "../../policy/steps.ts";
import { LazyPolicy } from "./lazy-policy.ts";
import { PolicyCache } from "./policy-cache.ts";

/** A document with a text of its own, compiled for a project. */
function compiled(cache: PolicyCache, project: string, n: number): LazyPolicy {
  const policy = LazyPolicy.of(`{"default":"${n % 2 === 0 ? "allow" : "deny"}"}${" ".repeat(n)}`);
  finish(policy.compiledSteps());
  cache.compiled(policy, project);
  return policy;
}

const isKept = (policy: LazyPolicy) => policy.isCompiled;

describe("compiled policies", () => {
  test("are let go when they outweigh the bound, those first that were not used, and are compiled again to the same", () => {
    const cache = new PolicyCache({ bytesMax: 10 * 2_200 });
    const all = Array.from({ length: 10 }, (_, n) => compiled(cache, "p", n));
    expect(all.every(isKept)).toBe(true);
    const [first, second] = all;
    if (first === undefined || second === undefined) throw new Error("none");
    const before = first.compiled;
    const more = Array.from({ length: 5 }, (_, n) => compiled(cache, "p", 10 + n));
    expect(more.every(isKept)).toBe(true);
    expect(isKept(first)).toBe(true);
    expect(all.filter(isKept).length).toBeLessThan(8);
    expect(cache.bytes).toBeLessThanOrEqual(10 * 2_200);
    expect(isKept(second)).toBe(false);
    expect(finish(second.compiledSteps()).ok).toBe(true);
    expect(first.compiled).toBe(before);
  });

  test("of a project that asks for many do not push out those of others", () => {
    const cache = new PolicyCache({ bytesMax: 20 * 2_200 });
    const quiet = Array.from({ length: 5 }, (_, n) => compiled(cache, "quiet", n));
    for (let n = 0; n < 500; n++) compiled(cache, "loud", n % 50);
    expect(quiet.every(isKept)).toBe(true);
    expect(cache.bytes).toBeLessThanOrEqual(20 * 2_200);
  });

  test("larger than the bound serve alone", () => {
    const cache = new PolicyCache({ bytesMax: 1 });
    const [first, second] = [compiled(cache, "p", 1), compiled(cache, "p", 2)];
    expect([isKept(first), isKept(second)]).toEqual([false, true]);
  });

  test("that cannot be compiled again are never let go", () => {
    const missing = LazyPolicy.missing();
    missing.forget();
    expect(missing.compiled?.ok).toBe(false);
  });
});
