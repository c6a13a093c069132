import { expect, test } from "bun:test";
import { InternTable } from "./intern-table.ts";

test("equal keys share one value, made once", () => {
  const table = new InternTable<object>();
  let made = 0;
  const make = () => ({ made: ++made });
  expect(table.acquire("a", make).value).toBe(table.acquire("a", make).value);
  expect(table.acquire("b", make).value).not.toBe(table.acquire("a", make).value);
  expect(made).toBe(2);
});

test("the last release forgets the value, and no release too many does harm", () => {
  const table = new InternTable<object>();
  const first = table.acquire("a", () => ({}));
  const second = table.acquire("a", () => ({}));
  table.release(first);
  expect(table.size).toBe(1);
  table.release(second);
  expect(table.size).toBe(0);
  const third = table.acquire("a", () => ({}));
  table.release(first);
  expect(table.size).toBe(1);
  expect(third.value).not.toBe(first.value);
});
