import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { ChangesSchema } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { LateSource } from "./deferred-source.ts";

/** A feed that is there. */
function present() {
  const listeners = new Set<(revision: bigint) => void>();
  return {
    listeners,
    source: {
      changesAfter: async (revision: bigint) => create(ChangesSchema, { revision: revision + 5n }),
      onCommit(listener: (revision: bigint) => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
}

test("before it arrives nothing can be read", async () => {
  await expect(new LateSource().changesAfter(0n)).rejects.toThrow("not up");
});

test("who listened before is told to read, and of commits from then on", async () => {
  const late = new LateSource();
  const heard: bigint[] = [];
  late.onCommit((revision) => heard.push(revision));
  const { source, listeners } = present();
  late.arrive(source);
  expect(heard).toEqual([0n]);
  for (const listener of listeners) listener(9n);
  expect(heard).toEqual([0n, 9n]);
  expect((await late.changesAfter(1n)).revision).toBe(6n);
});

test("who stopped listening is told nothing, whenever that was", () => {
  const late = new LateSource();
  const { source, listeners } = present();
  const heard: string[] = [];
  late.onCommit(() => heard.push("before"))();
  const stop = late.onCommit(() => heard.push("after"));
  late.arrive(source);
  stop();
  late.onCommit(() => heard.push("late"))();
  expect([...listeners]).toEqual([]);
  expect(heard).toEqual(["after"]);
});
