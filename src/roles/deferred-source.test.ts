import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { ChangesSchema } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { DeferredSource } from "./deferred-source.ts";

/** A feed that is available. */
function present() {
  const listeners = new Set<(revision: bigint) => void>();
  return {
    listeners,
    source: {
      changesAfter: async (revision: bigint) => create(ChangesSchema, { revision: revision + 5n }),
      head: async () => ({ revision: 5n, lineage: "" }),
      onCommit(listener: (revision: bigint) => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
}

test("every read fails before the source is provided", async () => {
  await expect(new DeferredSource().changesAfter(0n, "")).rejects.toThrow("not up");
});

test("providing the source makes earlier listeners read, and they hear of later commits", async () => {
  const deferred = new DeferredSource();
  const heard: bigint[] = [];
  deferred.onCommit((revision) => heard.push(revision));
  const { source, listeners } = present();
  deferred.provide(source);
  expect(heard).toEqual([0n]);
  for (const listener of listeners) listener(9n);
  expect(heard).toEqual([0n, 9n]);
  expect((await deferred.changesAfter(1n, "")).revision).toBe(6n);
});

test("a listener that unsubscribed hears nothing, before or after", () => {
  const deferred = new DeferredSource();
  const { source, listeners } = present();
  const heard: string[] = [];
  deferred.onCommit(() => heard.push("before"))();
  const stop = deferred.onCommit(() => heard.push("after"));
  deferred.provide(source);
  stop();
  deferred.onCommit(() => heard.push("late"))();
  expect([...listeners]).toEqual([]);
  expect(heard).toEqual(["after"]);
});
