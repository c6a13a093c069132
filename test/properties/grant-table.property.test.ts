// Which groups grant (program, instance): the compiled table against every group's own set, asked one by one.
import { expect, test } from "bun:test";
import { members, setOf } from "../../src/policy/bitset.ts";
import { grantingOf, grantTable, isGrantedToAny } from "../../src/policy/grant-table.ts";
import { ALL, contains, fromRuns, type InstanceSet, NONE } from "../../src/policy/instance-set.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";

const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
const rounds = 400;

function randomSet(random: Random, limitedShare: number): InstanceSet {
  if (!random.chance(limitedShare)) {
    return random.chance(0.8) ? ALL : NONE;
  }
  const span = random.pick([60, 60, 300, 65_535]);
  return fromRuns(
    random.list(1 + random.below(6), () => {
      const first = 1 + random.below(span);
      return [first, Math.min(65_535, first + random.pick([0, 0, 3, 40_000]))] as const;
    }),
  );
}

function compare(random: Random, seen: Map<string, number>) {
  const groups = random.pick([1, 2, 9, 31, 32, 33, 64, 65, 200, 1000]);
  const share = random.pick([0.02, 0.1, 0.5, 1]);
  const limitedShare = random.pick([0, 0.1, 0.6, 1]);
  const programs = new Map(
    ["a", "b"].map((program) => [
      program,
      Array.from({ length: groups }, (_, group) => group)
        .filter(() => random.chance(share))
        .map((group) => ({ group, instances: randomSet(random, limitedShare) })),
    ]),
  );
  const table = grantTable(groups, programs);
  for (let ask = 0; ask < 30; ask++) {
    const matching = random.pick([0.01, 0.1, 1]);
    const asked = Array.from({ length: groups }, (_, i) => i).filter(() => random.chance(matching));
    const set = setOf(groups, asked);
    const program = random.pick(["a", "b", "c"]);
    const accesses = programs.get(program) ?? [];
    const cut = random.pick(accesses)?.instances.words.at(-1) ?? 1;
    const instance = random.pick([
      1 + random.below(65),
      1 + random.below(65_535),
      65_535,
      Math.max(1, cut & 0xffff),
      Math.max(1, cut >>> 16),
      Math.min(65_535, (cut & 0xffff) + 1),
    ]);
    const expected = accesses
      .filter(({ group, instances }) => asked.includes(group) && contains(instances, instance))
      .map(({ group }) => group);
    const granting = grantingOf(table, set, program, instance);
    const found = granting === null ? [] : members(granting);
    const any = isGrantedToAny(table, set, program, instance);
    if (!Bun.deepEquals({ found, any }, { found: expected, any: expected.length > 0 })) {
      return { groups, program, instance, asked, expected, found, any };
    }
    expect(granting === set).toBe(expected.length > 0 && expected.length === asked.length);
    const limited = accesses.filter(({ instances }) => instances !== ALL && instances !== NONE);
    const form = [
      accesses.length > groups / 32 + 8 ? "many" : "few",
      limited.length > 8 ? "indexed" : "tested",
    ].join(" ");
    const outcome =
      expected.length === 0 ? "none" : expected.length === asked.length ? "all" : "some";
    for (const what of [form, `${form.split(" ")[1]} ${outcome}`]) {
      seen.set(what, (seen.get(what) ?? 0) + 1);
    }
  }
  return undefined;
}

test("the grant table answers as every group would, in all its forms", () => {
  const seen = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const difference = compare(randomFrom(seed + round), seen);
    expect({ seed: seed + round, difference }).toEqual({
      seed: seed + round,
      difference: undefined,
    });
  }
  const rare = [...seen].filter(([, count]) => count < 20);
  expect({ seed, forms: seen.size, rare }).toEqual({ seed, forms: 10, rare: [] });
}, 60_000);
