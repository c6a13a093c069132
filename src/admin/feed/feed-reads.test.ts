import { expect, test } from "bun:test";
import { FeedReads } from "./feed-reads.ts";

test("a node with many followers that need everything keeps no other away", async () => {
  const reads = new FeedReads({} as never, 2, 1);
  const entered: string[] = [];
  const leaves: (() => void)[] = [];
  const take = (node: string) =>
    reads.turn(node).then((leave) => {
      entered.push(node);
      leaves.push(leave);
    });
  for (let n = 0; n < 50; n++) void take("a");
  void take("b");
  void take("c");
  await Bun.sleep(1);
  expect(entered).toEqual(["a", "b"]);
  // Both lines are one: a node comes again after all that waited when it left.
  leaves.shift()?.();
  await Bun.sleep(1);
  expect(entered).toEqual(["a", "b", "c"]);
  leaves.shift()?.();
  await Bun.sleep(1);
  expect(entered).toEqual(["a", "b", "c", "a"]);
});
