import { expect, test } from "bun:test";
import { ReadTurns } from "./read-turns.ts";

const readBytes = 512 * 1024;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Who has read on; the names of those that wait, `name` or `upstream/number`, each after a whole read. */
function waiting(turns: ReadTurns, names: readonly string[]): string[] {
  const resumed: string[] = [];
  for (const name of names) {
    const [upstream = name] = name.split("/");
    turns.wait({ resumeReading: () => resumed.push(name) }, upstream, readBytes);
  }
  return resumed;
}

test("whoever waits reads on in the next turn, not in this one", async () => {
  const resumed = waiting(new ReadTurns(), ["a", "b"]);
  expect(resumed).toEqual([]);
  await nextTurn();
  expect(resumed).toEqual(["a", "b"]);
});

test("a turn has room for 2 MiB; the rest waits for the next ones, in order", async () => {
  const names = Array.from({ length: 10 }, (_, i) => `a/${i}`);
  const resumed = waiting(new ReadTurns(), names);
  await nextTurn();
  expect(resumed).toEqual(names.slice(0, 4));
  await nextTurn();
  expect(resumed).toEqual(names.slice(0, 8));
  await nextTurn();
  expect(resumed).toEqual(names);
});

test("upstreams take turns, however many connections one of them has", async () => {
  const names = Array.from({ length: 100 }, (_, i) => `a/${i}`);
  const resumed = waiting(new ReadTurns(), [...names, "b/0", "b/1"]);
  await nextTurn();
  expect(resumed).toEqual(["a/0", "b/0", "a/1", "b/1"]);
});

test("who waits again while others read on has a coming turn", async () => {
  const turns = new ReadTurns();
  let count = 0;
  const yielding = {
    resumeReading() {
      count++;
      turns.wait(yielding, "a", readBytes);
    },
  };
  turns.wait(yielding, "a", 3 * readBytes);
  await nextTurn();
  const first = count;
  expect(first).toBeLessThanOrEqual(4);
  await nextTurn();
  expect(count).toBeGreaterThan(first);
});
