import { expect, test } from "bun:test";
import type { Socket } from "node:net";
import { SocketWriter } from "../../src/websocket/socket-writer.ts";

/** A socket that takes everything at once, so that it never drains. */
function openSocket() {
  const written: number[] = [];
  const socket = {
    destroyed: false,
    writableNeedDrain: false,
    writableLength: 0,
    on: () => socket,
    write: (bytes: Buffer) => written.push(bytes.length),
  };
  return { written, socket: socket as unknown as Socket };
}

test("whoever saw it backed up in a turn hears when it is not, even if all was written before the turn ended", async () => {
  const { socket, written } = openSocket();
  let drained = 0;
  const writer = new SocketWriter(socket, () => drained++);
  const message = Buffer.alloc(65_000);
  const seen = Array.from({ length: 6 }, () => {
    writer.write(message);
    return writer.isBackedUp;
  });
  // The last one made the queue so long that it was written at once.
  expect([seen.includes(true), seen.at(-1)]).toEqual([true, false]);
  expect(drained).toBe(0);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect(drained).toBeGreaterThan(0);
  expect(written.reduce((sum, bytes) => sum + bytes, 0)).toBe(6 * message.length);
});
