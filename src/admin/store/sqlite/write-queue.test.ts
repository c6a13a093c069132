import { expect, test } from "bun:test";
import { type BatchedWrite, WriteQueue } from "./write-queue.ts";

/** A transaction that writes down what is done with it. */
function recorded(fails: { commit?: boolean; ends?: boolean } = {}) {
  const events: string[] = [];
  let open = true;
  const queue = new WriteQueue({
    around(body) {
      events.push("begin");
      body();
      if (fails.commit) throw new Error("the disk is full");
      events.push("commit");
    },
    within(body) {
      events.push("savepoint");
      try {
        body();
      } catch (error) {
        events.push("back");
        if (fails.ends) open = false;
        throw error;
      }
    },
    isOpen: () => open,
  });
  return { queue, events };
}

/** A write that notes what becomes of it. */
function write(name: string, outcomes: string[], error?: string): BatchedWrite {
  return {
    run() {
      outcomes.push(`${name} runs`);
      if (error !== undefined) throw new Error(error);
    },
    settle: (outcome) =>
      outcomes.push(
        outcome === null ? `${name} is kept` : `${name}: ${(outcome.error as Error).message}`,
      ),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a write alone needs no savepoint, and is settled once it is committed", async () => {
  const { queue, events } = recorded();
  queue.add(write("a", events));
  expect(events).toEqual([]);
  await turn();
  expect(events).toEqual(["begin", "a runs", "commit", "a is kept"]);
});

test("writes of one turn commit together; one that fails takes back itself", async () => {
  const { queue, events } = recorded();
  queue.add(write("a", events));
  queue.add(write("b", events, "is refused"));
  queue.add(write("c", events));
  await turn();
  expect(events).toEqual([
    "begin",
    ...["savepoint", "a runs", "savepoint", "b runs", "back", "savepoint", "c runs"],
    "commit",
    ...["a is kept", "b: is refused", "c is kept"],
  ]);
});

test("a commit that fails is the failure of all of it, and the next goes on", async () => {
  const fails = { commit: true };
  const { queue, events } = recorded(fails);
  queue.add(write("a", events));
  queue.add(write("b", events));
  await turn();
  expect(events.slice(-2)).toEqual(["a: the disk is full", "b: the disk is full"]);
  fails.commit = false;
  queue.add(write("c", events));
  await turn();
  expect(events.slice(-3)).toEqual(["c runs", "commit", "c is kept"]);
});

test("a failure that ends the transaction is the failure of all, and nothing runs outside of one", async () => {
  const { queue, events } = recorded({ ends: true });
  for (const name of ["a", "b", "c"]) {
    queue.add(write(name, events, name === "b" ? "the disk is gone" : undefined));
  }
  await turn();
  expect(events).not.toContain("c runs");
  expect(events.slice(-3)).toEqual(["a", "b", "c"].map((name) => `${name}: the disk is gone`));
});

test("many are committed in several turns; flush waits for none", async () => {
  const { queue, events } = recorded();
  for (let n = 0; n < 100; n++) queue.add(write(`${n}`, events));
  await turn();
  const commits = () => events.filter((event) => event === "commit").length;
  expect(commits()).toBe(1);
  queue.flush();
  expect(commits()).toBe(4);
  expect(events.filter((event) => event.endsWith("is kept"))).toHaveLength(100);
});
