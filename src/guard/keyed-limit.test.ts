import { expect, test } from "bun:test";
import { KeyedLimit } from "./keyed-limit.ts";

test("each key has its places, and who leaves gives one back", () => {
  const limit = new KeyedLimit(2);
  expect([limit.enter("a"), limit.enter("a"), limit.enter("a")]).toEqual([true, true, false]);
  expect(limit.enter("b")).toBe(true);
  limit.leave("a");
  expect([limit.enter("a"), limit.enter("a")]).toEqual([true, false]);
});
