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

test("bytes of a line that have come are dealt with up to 512 KiB in a turn, and do not overtake each other", async () => {
  const turns = new ReadTurns();
  const done: string[] = [];
  const came = (line: string, name: string, bytes: number) => {
    if (turns.mayTake(line, bytes)) done.push(name);
    else turns.wait({ resumeReading: () => done.push(name) }, line, bytes, true);
  };
  for (let i = 0; i < 6; i++) came("a", `a/${i}`, readBytes / 2);
  came("b", "b/0", readBytes);
  expect(done).toEqual(["a/0", "a/1", "b/0"]);
  await nextTurn();
  expect(done.slice(3)).toEqual(["a/2", "a/3"]);
  // The turn of the others is not over: what comes now has to wait, too.
  came("a", "a/6", 1);
  expect(done).toHaveLength(5);
  await nextTurn();
  await nextTurn();
  expect(done.slice(5)).toEqual(["a/4", "a/5", "a/6"]);
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

test("costly bytes of a line end turns beyond 512 KiB, and count for the time that they took", async () => {
  const turns = new ReadTurns();
  const ends = Array.from({ length: 20 }, () => turns.endsTurn("a", 60_000, true));
  expect(ends.indexOf(true)).toBe(9);
  expect(ends.slice(9)).not.toContain(false);
  expect(turns.endsTurn("a", 60_000, false)).toBe(false);
  expect(turns.endsTurn("b", 60_000, true)).toBe(false);

  // Each took 5 ms: two are a turn.
  const resumed: number[] = [];
  for (let n = 0; n < 6; n++) turns.yield({ resumeReading: () => resumed.push(n) }, "a", 60_000, 5);
  await nextTurn();
  expect(resumed).toEqual([0, 1]);
});

test("whoever reads on counts for 256 KiB, as more may have come than it read before", async () => {
  const turns = new ReadTurns();
  const resumed: number[] = [];
  for (let n = 0; n < 20; n++) turns.yield({ resumeReading: () => resumed.push(n) }, "a", 70_000);
  await nextTurn();
  expect(resumed).toHaveLength(8);
});
