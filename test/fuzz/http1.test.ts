// A short run of the fuzzer, the same each time, and all inputs that were ever kept.
import { expect, test } from "bun:test";
import { randomFrom } from "../arbitrary/random.ts";
import { corpus, fuzz } from "./http1.ts";
import { brokenPromise } from "./http1-invariants.ts";

const entries = await corpus();

test("the corpus has inputs of both sides", () => {
  expect(new Set(entries.map(({ side }) => side)).size).toBe(2);
});

test.each(entries.map((entry) => [entry.name, entry] as const))("%s", (_, { side, bytes }) => {
  expect(brokenPromise(side, bytes, randomFrom(7))).toBeNull();
});

test("2,000 mutations break no promise", () => {
  expect(fuzz(entries, randomFrom(20_261_122), (tried) => tried < 1_000)).toBeNull();
});
