import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { boundedBody } from "./bounded-body.ts";

/** These chunks; it never ends with `open`. `cancelled` says whether anybody wanted no more. */
function body(chunks: readonly (Uint8Array | Error)[], open = false) {
  const told = { cancelled: false };
  const left = [...chunks];
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = left.shift();
      if (next instanceof Error) controller.error(next);
      else if (next !== undefined) controller.enqueue(next);
      else if (!open) controller.close();
    },
    cancel() {
      told.cancelled = true;
    },
  });
  return { stream, told };
}

const three = () => new Uint8Array([1, 2, 3]);

test("a body as long as it may be is all there", async () => {
  const { stream } = body([three(), three()]);
  expect(await boundedBody(stream, 6, "a")).toEqual(new Uint8Array([1, 2, 3, 1, 2, 3]));
  expect(await boundedBody(body([]).stream, 0, "a")).toEqual(new Uint8Array());
});

test("a longer one is cancelled where it is too long", async () => {
  const { stream, told } = body([three(), three()], true);
  expect(await boundedBody(stream, 5, "a")).toBe("too_long");
  expect(told.cancelled).toBe(true);
});

test("one that breaks off is none", async () => {
  expect(await boundedBody(body([three(), new Error("gone")]).stream, 100, "a")).toBe("broken");
});

test("one that is waited for no longer is cancelled", async () => {
  const { stream, told } = body([three()], true);
  const late = new AbortController();
  const whole = boundedBody(stream, 100, "a", [new AbortController().signal, late.signal]);
  late.abort();
  expect(await whole).toBe("broken");
  expect(told.cancelled).toBe(true);
});

test("one that was waited for no longer before it came is none either", async () => {
  expect(await boundedBody(body([three()], true).stream, 100, "a", [AbortSignal.abort()])).toBe(
    "broken",
  );
});

test("one in pieces of a byte is not kept as one object each", async () => {
  const arrays = () => {
    Bun.gc(true);
    return heapStats().objectTypeCounts.Uint8Array ?? 0;
  };
  const before = arrays();
  let sent = 0;
  let during = 0;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent === 20_000) {
        await Bun.sleep(1);
        during = arrays();
        controller.close();
      } else {
        controller.enqueue(new Uint8Array([sent++ & 255]));
      }
    },
  });
  const whole = await boundedBody(stream, 20_000, "a");
  expect(whole).toBeInstanceOf(Uint8Array);
  expect(whole).toEqual(Uint8Array.from({ length: 20_000 }, (_, i) => i & 255));
  expect(during - before).toBeLessThan(2_000);
});
