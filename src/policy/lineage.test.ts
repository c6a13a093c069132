import { expect, test } from "bun:test";
import { lineageOf, NO_LINEAGE } from "./lineage.ts";

const lineages = [
  { fromRevision: 0, tag: "a" },
  { fromRevision: 226, tag: "b" },
  { fromRevision: 344n, tag: "c" },
];

test.each([
  [0, NO_LINEAGE],
  [1, "a"],
  [226, "a"],
  [227, "b"],
  [344n, "b"],
  [345n, "c"],
  [Number.MAX_SAFE_INTEGER, "c"],
])("revision %p is of lineage %p", (revision, tag) => {
  expect(lineageOf(lineages, revision)).toBe(tag);
});

test("a database that has none has none for any revision", () => {
  expect(lineageOf([], 7)).toBe(NO_LINEAGE);
});
