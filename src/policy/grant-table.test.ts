import { describe, expect, test } from "bun:test";
import { members, setOf } from "./bitset.ts";
import { grantingOf, grantTable, isGrantedToAny } from "./grant-table.ts";
import { ALL, fromRuns, type InstanceSet, NONE, type Run } from "./instance-set.ts";

const some = (...runs: Run[]) => fromRuns(runs);

function tableOf(accesses: readonly InstanceSet[]) {
  const own = accesses.map((instances, group) => ({ group, instances }));
  return grantTable(accesses.length, new Map([["http", own]]));
}

/** Which of the groups 0, 1, 2, … with these accesses grant the instance. */
function granting(accesses: readonly InstanceSet[], instance: number): number[] {
  const everybody = setOf(accesses.length, accesses.keys());
  return members(grantingOf(tableOf(accesses), everybody, "http", instance) ?? []);
}

describe("grantingOf", () => {
  test.each<[InstanceSet[], number, number[]]>([
    [[], 1, []],
    [[NONE], 1, []],
    [[ALL], 1, [0]],
    [[ALL], 65_535, [0]],
    [[some([5, 5])], 4, []],
    [[some([5, 5])], 5, [0]],
    [[some([5, 5])], 6, []],
    [[some([1, 65_535])], 1, [0]],
    [[some([1, 65_535])], 65_535, [0]],
    [[some([65_535, 65_535])], 65_534, []],
    [[some([65_535, 65_535])], 65_535, [0]],
    [[some([1, 2], [4, 5])], 3, []],
    [[some([1, 2], [4, 5])], 4, [0]],
    [[some([1, 3]), some([3, 5])], 3, [0, 1]],
    [[some([1, 3]), some([4, 5])], 4, [1]],
    [[some([1, 9]), ALL, some([4, 5]), NONE], 4, [0, 1, 2]],
    [[some([1, 9]), ALL, some([4, 5]), NONE], 6, [0, 1]],
    [[some([1, 9]), ALL, some([4, 5]), NONE], 10, [1]],
  ])("with %j, instance %p is granted by %j", (accesses, instance, groups) => {
    expect(granting(accesses, instance)).toEqual(groups);
  });

  test("a program that is not named is granted to no group", () => {
    const table = tableOf([ALL]);
    expect(grantingOf(table, setOf(1, [0]), "ssh", 22)).toBeNull();
    expect(isGrantedToAny(table, setOf(1, [0]), "ssh", 22)).toBe(false);
  });

  test("what it answers is not overwritten by the next question", () => {
    const table = tableOf([some([1, 1]), some([2, 2])]);
    const first = grantingOf(table, setOf(2, [0, 1]), "http", 1) ?? [];
    grantingOf(table, setOf(2, [0, 1]), "http", 2);
    expect(members(first)).toEqual([0]);
  });
});

test("a range costs the same however long it is", () => {
  const sizes = [some([100, 100]), some([100, 65_534])].map(
    (instances) => tableOf(Array.from({ length: 20 }, () => instances)).words.length,
  );
  expect(sizes[0]).toBe(sizes[1] ?? 0);
});

test("equal sets and equal programs are kept once", () => {
  const instances = some([1, 1], [300, 300], [500, 500]);
  const own = [{ group: 1, instances }];
  const one = grantTable(3, new Map([["a", own]]));
  const three = grantTable(
    3,
    new Map([
      ["a", own],
      ["b", own],
      ["c", [{ group: 2, instances }]],
    ]),
  );
  expect(three.records.get("b")).toBe(three.records.get("a"));
  expect(three.words.length).toBe(one.words.length + 2);
});
