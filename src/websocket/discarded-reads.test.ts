import { expect, test } from "bun:test";
import { DISCARDED_BYTES_MAX, DiscardedReads } from "./discarded-reads.ts";

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A socket that is read, with what has become of it. */
function closing() {
  const state = { isRead: true, isDestroyed: false };
  const reads = new DiscardedReads(
    {
      pause() {
        state.isRead = false;
        return this as never;
      },
      destroy() {
        state.isDestroyed = true;
        return this as never;
      },
    },
    () => {
      state.isRead = true;
    },
  );
  return { state, reads };
}

test("connections that close share the turns of the event loop", async () => {
  const all = Array.from({ length: 40 }, closing);
  for (const { reads } of all) reads.took(524_288);
  for (let turn = 0; turn < 10; turn++) {
    expect(all.filter(({ state }) => state.isRead)).toHaveLength(turn * 4);
    await nextTurn();
  }
  expect(all.every(({ state }) => state.isRead)).toBe(true);
});

test("one that sends little is read on, and one that sends too much is cut off", () => {
  const { state, reads } = closing();
  for (let bytes = 0; bytes < DISCARDED_BYTES_MAX; bytes += 1024) {
    reads.took(1024);
    expect(state).toEqual({ isRead: true, isDestroyed: false });
  }
  reads.took(1);
  expect(state.isDestroyed).toBe(true);
});
