import { expect, test } from "bun:test";
import { ShardedMap } from "./persistent-map.ts";

const id = (n: number) => n.toString(16).padStart(24, "0");

test("a new version sees the change, the old one does not", () => {
  const before = ShardedMap.empty<number>().with(new Map([[id(1), 1]]));
  const after = before.with(
    new Map([
      [id(1), 10],
      [id(2), 20],
    ]),
  );
  expect([before.get(id(1)), before.get(id(2))]).toEqual([1, undefined]);
  expect([after.get(id(1)), after.get(id(2))]).toEqual([10, 20]);
});

test("an entry can be removed, also one that was never there", () => {
  const map = ShardedMap.empty<number>().with(
    new Map([
      [id(1), 1],
      [id(4097), 2],
    ]),
  );
  const after = map.with(
    new Map([
      [id(1), undefined],
      [id(9), undefined],
    ]),
  );
  expect([after.get(id(1)), after.get(id(4097)), after.get(id(9))]).toEqual([
    undefined,
    2,
    undefined,
  ]);
});

test("nothing to change is the same map", () => {
  const map = ShardedMap.empty<number>();
  expect(map.with(new Map())).toBe(map);
});

test("many ids are all found, and hostile ones are only absent", () => {
  const map = ShardedMap.empty<number>().with(
    new Map(Array.from({ length: 20_000 }, (_, i) => [id(i * 7919), i])),
  );
  for (let i = 0; i < 20_000; i++) {
    expect(map.get(id(i * 7919))).toBe(i);
  }
  for (const hostile of ["", "x", "__proto__", "constructor", "\u{1f600}"]) {
    expect(map.get(hostile)).toBeUndefined();
  }
});
