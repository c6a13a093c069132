import { expect, test } from "bun:test";
import { hexShard, PersistentMap, seededShard } from "./persistent-map.ts";

const id = (n: number) => n.toString(16).padStart(24, "0");

function edited(map: PersistentMap<number>, entries: ReadonlyMap<string, number | undefined>) {
  const edit = map.edit();
  for (const [key, value] of entries) {
    if (value === undefined) edit.delete(key);
    else edit.set(key, value);
  }
  return edit.done();
}

test("a new version sees the change, the old one does not", () => {
  const before = edited(PersistentMap.empty<number>(), new Map([[id(1), 1]]));
  const after = edited(
    before,
    new Map([
      [id(1), 10],
      [id(2), 20],
    ]),
  );
  expect([before.get(id(1)), before.get(id(2))]).toEqual([1, undefined]);
  expect([after.get(id(1)), after.get(id(2))]).toEqual([10, 20]);
});

test("an entry can be removed, also one that was never there", () => {
  const map = edited(
    PersistentMap.empty<number>(),
    new Map([
      [id(1), 1],
      [id(4097), 2],
    ]),
  );
  const after = edited(
    map,
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
  const map = PersistentMap.empty<number>();
  expect(edited(map, new Map())).toBe(map);
});

test("many ids are all found, and hostile ones are only absent", () => {
  const map = edited(
    PersistentMap.empty<number>(),
    new Map(Array.from({ length: 20_000 }, (_, i) => [id(i * 7919), i])),
  );
  for (let i = 0; i < 20_000; i++) {
    expect(map.get(id(i * 7919))).toBe(i);
  }
  for (const hostile of ["", "x", "__proto__", "constructor", "\u{1f600}"]) {
    expect(map.get(hostile)).toBeUndefined();
  }
});

test("with a seed, keys that end alike do not crowd one shard, and all are found", () => {
  const shardOf = seededShard(7);
  const keys = Array.from({ length: 4_096 }, (_, i) => `${i}-same-end`);
  expect(new Set(keys.map(shardOf)).size).toBeGreaterThan(2_000);
  expect(new Set(keys.map(hexShard)).size).toBe(1);
  expect(keys.map(seededShard(8))).not.toEqual(keys.map(shardOf));
  const map = edited(PersistentMap.empty<number>(shardOf), new Map(keys.map((key, i) => [key, i])));
  expect(keys.map((key) => map.get(key))).toEqual(keys.map((_, i) => i));
});
