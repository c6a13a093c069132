import { describe, expect, test } from "bun:test";
import type { Access } from "./access.ts";
import { members } from "./bitset.ts";
import { buildInstanceSets, offsetOf, SetPool } from "./instance-sets.ts";

const ALL: Access = { kind: "all" };
const NONE: Access = { kind: "none" };
const some = (...bounds: number[]): Access => ({ kind: "some", bounds });

/** Which of the groups 0, 1, 2, … with these accesses grant the instance. */
function granting(accesses: readonly Access[], instance: number): number[] {
  const pool = new SetPool(accesses.length);
  const sets = buildInstanceSets(
    accesses.map((access, group) => ({ group, access })),
    pool,
  );
  const offset = offsetOf(sets, instance);
  return members(pool.words().subarray(offset, offset + ((accesses.length + 31) >>> 5)));
}

describe("offsetOf", () => {
  test.each([
    [[], 1, []],
    [[NONE], 1, []],
    [[ALL], 1, [0]],
    [[ALL], 65_535, [0]],
    [[some(5, 5)], 4, []],
    [[some(5, 5)], 5, [0]],
    [[some(5, 5)], 6, []],
    [[some(1, 65_535)], 1, [0]],
    [[some(1, 65_535)], 65_535, [0]],
    [[some(65_535, 65_535)], 65_534, []],
    [[some(65_535, 65_535)], 65_535, [0]],
    [[some(1, 2, 4, 5)], 3, []],
    [[some(1, 2, 4, 5)], 4, [0]],
    [[some(1, 3), some(3, 5)], 3, [0, 1]],
    [[some(1, 3), some(4, 5)], 4, [1]],
    [[some(1, 9), ALL, some(4, 5), NONE], 4, [0, 1, 2]],
    [[some(1, 9), ALL, some(4, 5), NONE], 6, [0, 1]],
    [[some(1, 9), ALL, some(4, 5), NONE], 10, [1]],
  ] as const)("with %j, instance %p is granted by %j", (accesses, instance, groups) => {
    expect(granting(accesses, instance)).toEqual([...groups]);
  });
});

test("a range costs the same however long it is", () => {
  const sizes = [some(1, 1), some(1, 65_534)].map(
    (access) => buildInstanceSets([{ group: 0, access }], new SetPool(1)).length,
  );
  expect(sizes).toEqual([6, 6]);
});

test("a thousand groups with nested ranges take less than 4 MB", () => {
  const pool = new SetPool(1000);
  let bytes = 0;
  for (let program = 0; program < 15; program++) {
    const accesses = Array.from({ length: 1000 }, (_, group) => ({
      group,
      access: some(1 + group + program, 65_535 - group),
    }));
    bytes += buildInstanceSets(accesses, pool).byteLength;
  }
  bytes += pool.words().byteLength;
  expect(bytes).toBeLessThan(4 * 1024 * 1024);
});

test("equal sets are kept once", () => {
  const pool = new SetPool(3);
  buildInstanceSets([{ group: 1, access: some(1, 1, 3, 3, 5, 5) }], pool);
  buildInstanceSets([{ group: 1, access: some(9, 9) }], pool);
  expect(pool.words().length).toBe(2);
});
