// Sets of instances against a plain Set of numbers.
import { describe, expect, test } from "bun:test";
import { parseAccess } from "../../src/policy/access.ts";
import {
  ALL,
  contains,
  containsAt,
  covers,
  difference,
  equals,
  fromRuns,
  type InstanceSet,
  intersection,
  isAll,
  isNone,
  NONE,
  type Run,
  runsOf,
  union,
} from "../../src/policy/instance-set.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";

const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
const rounds = 30;
const limit = 65_536;

const forms = ["none", "all", "words", "runs", "bitmap"] as const;

/** Runs whose set has this form: crowded below 64 or spread, touching and overlapping or apart, at both ends. */
function randomRuns(random: Random, form: (typeof forms)[number]): Run[] {
  switch (form) {
    case "none":
      return [];
    case "all":
      return [[0, limit - 1]];
    case "words":
      return someRuns(random, random.pick([1, 2, 3, 20]), 64);
    case "runs":
      return random.chance(0.3)
        ? apart(random.pick([300, 2047, 2048]))
        : [...someRuns(random, random.pick([1, 3, 300]), random.pick([200, 20_000])), [64, 64]];
    case "bitmap":
      return apart(random.pick([2049, 6000, 32_768]));
  }
}

function someRuns(random: Random, count: number, span: number): Run[] {
  const length = random.pick([1, 1, 2, 16, 40_000]);
  return Array.from({ length: count }, (): Run => {
    const first = random.below(span);
    return [first, Math.min(span - 1, first + random.below(length))];
  });
}

/** Never two side by side: as many runs as are asked for. */
function apart(count: number): Run[] {
  return Array.from({ length: count }, (_, i): Run => [2 * i + 1, 2 * i + 1]);
}

function modelOf(runs: readonly Run[]): Set<number> {
  const model = new Set<number>();
  for (const [first, last] of runs) {
    for (let instance = first; instance <= last; instance++) model.add(instance);
  }
  return model;
}

/** Runs of the model, found one by one. */
function modelRuns(model: ReadonlySet<number>): Run[] {
  const runs: [number, number][] = [];
  for (let instance = 0; instance < limit; instance++) {
    if (!model.has(instance)) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[1] === instance - 1) last[1] = instance;
    else runs.push([instance, instance]);
  }
  return runs;
}

function formOf({ words }: InstanceSet): string {
  if (words.length === 1) return words[0] === 0 ? "none" : "all";
  if (words.length === 2049) return words[0] === 2048 ? "runs" : "bitmap";
  return words.length === 3 && (words[0] ?? 0) > 2048 ? "words" : "runs";
}

/** The smallest form that can hold these runs. */
function expectedForm(runs: readonly Run[]): string {
  const [first] = runs;
  if (first === undefined) return "none";
  if (first[0] === 0 && first[1] === limit - 1) return "all";
  if ((runs.at(-1)?.[1] ?? 0) < 64) return "words";
  return runs.length > 2048 ? "bitmap" : "runs";
}

/** Everything that can be asked of the set, as the model answers it. */
function expectSame(set: InstanceSet, model: ReadonlySet<number>): void {
  const runs = modelRuns(model);
  expect(runsOf(set)).toEqual(runs);
  expect(formOf(set)).toBe(expectedForm(runs));
  const laid = new Uint32Array(7 + set.words.length + 3).fill(0xffffffff);
  laid.set(set.words, 7);
  let wrong = 0;
  for (let instance = 0; instance < limit; instance++) {
    const is = model.has(instance);
    if (contains(set, instance) !== is || containsAt(laid, 7, instance) !== is) wrong++;
  }
  expect(wrong).toBe(0);
  expect([isNone(set), isAll(set)]).toEqual([model.size === 0, model.size === limit]);
}

describe("sets of instances agree with sets of numbers", () => {
  test("in every form, and in all that is made of two", () => {
    const pairs = forms.flatMap((one) => forms.map((other) => [one, other] as const));
    for (const [round, [formA, formB]] of pairs.entries()) {
      const random = randomFrom(seed + round);
      const [runsA, runsB] = [randomRuns(random, formA), randomRuns(random, formB)];
      const [a, b] = [fromRuns(runsA), fromRuns(runsB)];
      const [modelA, modelB] = [modelOf(runsA), modelOf(runsB)];
      expect([formOf(a), formOf(b)]).toEqual([formA, formB]);
      try {
        expectSame(a, modelA);
        expectSame(union(a, b), modelA.union(modelB));
        expectSame(intersection(a, b), modelA.intersection(modelB));
        expectSame(difference(a, b), modelA.difference(modelB));
        expect(covers(a, b)).toBe(modelB.isSubsetOf(modelA));
        expect(covers(union(a, b), b)).toBe(true);
        expect(equals(a, b)).toBe(modelA.size === modelB.size && modelB.isSubsetOf(modelA));
        expect(equals(a, fromRuns(runsOf(a)))).toBe(true);
        expect(equals(fromRuns([...runsA, ...runsB]), union(a, b))).toBe(true);
      } catch (error) {
        console.error(`REALMGATE_TEST_SEED=${seed + round}`);
        throw error;
      }
    }
  });

  test("from access values", () => {
    for (let round = 0; round < rounds; round++) {
      const random = randomFrom(seed + round);
      const span = random.pick([8, 63, 64, 300, limit - 1]);
      const values = Array.from({ length: random.below(257) }, () => 1 + random.below(span));
      const [first, last] = [1 + random.below(span), 1 + random.below(span)].sort((x, y) => x - y);
      const cases: [unknown, Set<number>][] = [
        [values, new Set(values)],
        [`${first}-${last}`, modelOf([[first ?? 1, last ?? 1]])],
        [first, new Set([first ?? 1])],
        [true, modelOf([[0, limit - 1]])],
        ["*", modelOf([[0, limit - 1]])],
        [false, new Set()],
      ];
      for (const [value, model] of cases) {
        const parsed = parseAccess("http", value);
        if (!parsed.ok) throw new Error(parsed.reason);
        expect(modelRuns(model)).toEqual(runsOf(parsed.instances));
        expect(formOf(parsed.instances)).toBe(expectedForm(modelRuns(model)));
      }
    }
  });

  test("the empty and the full set", () => {
    expectSame(NONE, new Set());
    expectSame(ALL, modelOf([[0, limit - 1]]));
    expect(contains(ALL, 70_000)).toBe(true);
  });

  test.each([[[-1, 3]], [[0, limit]], [[5, 4]], [[0.5, 3]], [[Number.NaN, 3]]] as [Run][])(
    "%p is refused",
    (run) => {
      expect(() => fromRuns([run])).toThrow(RangeError);
    },
  );
});
