import { describe, expect, test } from "bun:test";
import { parseAccess } from "./access.ts";
import { ALL, fromRuns, type InstanceSet, NONE, type Run } from "./instance-set.ts";

const some = (...runs: Run[]) => fromRuns(runs);

describe("parseAccess", () => {
  test.each<[unknown, InstanceSet, string]>([
    [true, ALL, "every instance"],
    [false, NONE, "none"],
    ["*", ALL, "every instance"],
    [1, some([1, 1]), "first instance"],
    [65_535, some([65_535, 65_535]), "last port"],
    [2.0, some([2, 2]), "JSON knows no integers"],
    [[], NONE, "an empty list is none"],
    [[3], some([3, 3]), "list of one"],
    [[5, 3, 3, 4, 9], some([3, 5], [9, 9]), "unsorted, doubled, neighbours"],
    ["1-65535", some([1, 65_535]), "widest range"],
    ["7-7", some([7, 7]), "range of one"],
    ["07-010", some([7, 10]), "decimal, whatever the zeros"],
    [Array.from({ length: 256 }, (_, i) => i + 1), some([1, 256]), "longest list"],
  ])("reads %p as %p: %s", (value, instances) => {
    expect(parseAccess("http", value)).toEqual({ ok: true, instances });
  });

  test.each([
    [0],
    [-1],
    [65_536],
    [1.5],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [null],
    [undefined],
    [{}],
    ["1"],
    [""],
    ["**"],
    ["true"],
    ["0-5"],
    ["5-4"],
    ["1-65536"],
    ["1-2-3"],
    ["1 - 2"],
    ["-1-2"],
    ["1-2\n"],
    [" 1-2"],
    ["a-b"],
    [{ start: 1 }],
    [`1-${"9".repeat(400)}`],
    [[0]],
    [[1, "2"]],
    [[[1]]],
    [[true]],
    [Array.from({ length: 257 }, () => 1)],
  ])("refuses %p", (value) => {
    expect(parseAccess("http", value).ok).toBe(false);
  });

  test.each<[unknown, InstanceSet]>([
    [true, ALL],
    [false, NONE],
    ["*", NONE],
    [1, NONE],
    [[1], NONE],
    ["1-2", NONE],
  ])("logs with %p is %p, for only true grants it", (value, instances) => {
    expect(parseAccess("logs", value)).toEqual({ ok: true, instances });
  });

  test("a malformed value is refused for logs, too", () => {
    expect(parseAccess("logs", "x").ok).toBe(false);
  });
});
