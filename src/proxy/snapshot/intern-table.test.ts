import { expect, test } from "bun:test";
import { InternTable } from "./intern-table.ts";

test("equal keys share one value, made once", () => {
  const edit = InternTable.empty<object>().edit();
  let made = 0;
  const make = () => ({ made: ++made });
  expect(edit.acquire("a", make).value).toBe(edit.acquire("a", make).value);
  expect(edit.acquire("b", make).value).not.toBe(edit.acquire("a", make).value);
  const next = edit.done().edit();
  next.acquire("a", make);
  expect(made).toBe(2);
  expect(next.done().size).toBe(2);
});

test("the last release forgets the value, and no release too many does harm", () => {
  const make = () => ({});
  const edit = InternTable.empty<object>().edit();
  const first = edit.acquire("a", make);
  edit.acquire("a", make);
  const both = edit.done();
  const one = released(both, first);
  const none = released(one, first);
  expect([both.size, one.size, none.size]).toEqual([1, 1, 0]);
  const again = none.edit();
  const third = again.acquire("a", make);
  again.release(first);
  expect(third.value).not.toBe(first.value);
  expect(again.done().size).toBe(1);
  expect(released(none, first).size).toBe(0);
});

test("a value that goes and comes within one edit is the same", () => {
  const edit = InternTable.empty<object>().edit();
  const first = edit.acquire("a", () => ({}));
  edit.release(first);
  expect(edit.acquire("a", () => ({}))).toBe(first);
  expect(edit.done().size).toBe(1);
});

test("of many values that are let go, each is a step", () => {
  const edit = InternTable.empty<object>().edit();
  const keys = Array.from({ length: 500 }, (_, n) => n.toString(16).padStart(8, "0"));
  const held = keys.map((key) => edit.acquire(key, () => ({})));
  const next = edit.done().edit();
  for (const each of held) next.release(each);
  const steps = next.doneSteps();
  let taken = 0;
  for (;;) {
    const step = steps.next();
    if (step.done) {
      expect(step.value.size).toBe(0);
      break;
    }
    taken++;
  }
  expect(taken).toBe(keys.length);
});

test("an edit leaves its table as it was", () => {
  const start = InternTable.empty<object>().edit();
  const held = start.acquire("a", () => ({}));
  const table = start.done();
  expect(released(table, held).size).toBe(0);
  const more = table.edit();
  more.acquire("b", () => ({}));
  expect(more.done().size).toBe(2);
  expect(table.size).toBe(1);
  // It still counts one holder.
  expect(released(table, held).size).toBe(0);
});

function released<V>(table: InternTable<V>, held: { key: string; value: V }): InternTable<V> {
  const edit = table.edit();
  edit.release(held);
  return edit.done();
}
