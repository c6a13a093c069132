import { expect, test } from "bun:test";
import fc from "fast-check";
import { ShardedMap } from "./sharded-map.ts";

const operation = fc.record({
  kind: fc.constantFrom("set", "delete"),
  // Few keys, so that they meet, and in few shards.
  key: fc.nat(40).map((n) => (n % 7).toString(16) + "0".repeat(n % 5) + (n % 3).toString(16)),
  value: fc.integer(),
});

test("it says what a Map says", () => {
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      const [map, sharded] = [new Map<string, number>(), new ShardedMap<number>()];
      for (const { kind, key, value } of operations) {
        if (kind === "set") {
          map.set(key, value);
          sharded.set(key, value);
        } else {
          map.delete(key);
          sharded.delete(key);
        }
        expect([sharded.size, sharded.get(key), sharded.has(key)]).toEqual([
          map.size,
          map.get(key),
          map.has(key),
        ]);
      }
      expect([...sharded].sort()).toEqual([...map].sort());
    }),
  );
});
