import { expect, test } from "bun:test";
import { Outbox } from "./outbox.ts";

/** Takes so many bytes at a time. */
class SlowSink {
  readonly taken: number[] = [];
  room = 0;

  write(bytes: Uint8Array, start: number, length: number): number {
    const taken = Math.min(length, this.room);
    this.room -= taken;
    this.taken.push(...bytes.subarray(start, start + taken));
    return taken;
  }
}

test.each([
  ["a Buffer", (text: string) => Buffer.from(text)],
  ["a Buffer within a larger one", (text: string) => Buffer.from(`___${text}`).subarray(3)],
  ["bytes", (text: string) => new TextEncoder().encode(text)],
])("what is kept of %s stays as it was when its memory is used again", (_what, make) => {
  const [outbox, sink] = [new Outbox(), new SlowSink()];
  const bytes = make("abcdef");
  sink.room = 2;
  expect(outbox.write(sink, bytes, 0, 6)).toBe(2);
  bytes.fill(120);
  expect(outbox.write(sink, make("ghi"), 1, 3)).toBe(0);
  sink.room = 100;
  expect(outbox.flush(sink)).toBe(true);
  expect(Buffer.from(sink.taken).toString()).toBe("abcdefhi");
  expect([outbox.isEmpty, outbox.bytes]).toEqual([true, 0]);
});
