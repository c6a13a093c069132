import { expect, test } from "bun:test";
import { Places } from "./places.ts";

test("places are given in order, to each key its own, and come back once", () => {
  const places = new Places(2);
  const entered: string[] = [];
  const take = (key: number, name: string) => places.take(key, () => entered.push(name));
  const a = take(1, "a");
  const b = take(1, "b");
  const c = take(1, "c");
  take(1, "d");
  take(2, "other");
  expect(entered).toEqual(["a", "b", "other"]);
  // One that leaves the line is not called.
  c();
  a();
  a();
  expect(entered).toEqual(["a", "b", "other", "d"]);
  b();
  take(1, "e");
  take(1, "f");
  expect(entered).toEqual(["a", "b", "other", "d", "e"]);
});
