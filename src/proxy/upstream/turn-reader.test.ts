import { afterAll, expect, test } from "bun:test";
import net from "node:net";
import { TurnReader } from "./turn-reader.ts";

interface Received {
  readonly text: string;
  readonly pieces: number;
}

const { promise, resolve } = Promise.withResolvers<Received>();
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch({ body }) {
    if (body === null) return new Response(null, { status: 400 });
    const reader = new TurnReader(body, "a");
    let text = "";
    let pieces = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      text += Buffer.from(next.value).toString();
      pieces++;
    }
    resolve({ text, pieces });
    return new Response("read");
  },
});
afterAll(() => server.stop(true));

test("chunks of one byte that come together are read together, all of them", async () => {
  const payload = "abcdefghij".repeat(1_000);
  const chunks = [...payload].map((byte) => `1\r\n${byte}\r\n`).join("");
  const socket = net.connect(server.port ?? 0, "127.0.0.1");
  socket.write(
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
  );
  const { text, pieces } = await promise;
  socket.destroy();
  expect(text).toBe(payload);
  // One by one they are 10,000. How the system cuts what was sent is its own affair.
  expect(pieces).toBeLessThan(500);
});

/** A body that comes as fast as it is read. */
function fast(line: string): TurnReader {
  const piece = new Uint8Array(65_536);
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(piece),
  });
  return new TurnReader(body, line);
}

test("bodies of one client network have one turn among those of others, however many they are", async () => {
  const readers = Array.from({ length: 100 }, () => fast("client a"));
  const other = fast("client b");
  await Promise.all([...readers, other].map((reader) => reader.read()));
  const order: string[] = [];
  for (const reader of readers) void reader.read().then(() => order.push("a"));
  await other.read().then(() => order.push("b"));
  expect(order.indexOf("b")).toBeLessThan(10);
  await Promise.all([...readers, other].map((reader) => reader.cancel()));
});

test("how long a reader waits for its turn is not the sender's time", async () => {
  const reader = fast("client a");
  await reader.read();
  setImmediate(() => Bun.sleepSync(100));
  const askedMs = performance.now();
  await reader.read();
  expect(reader.senderMs).toBeLessThan((performance.now() - askedMs) / 2);
  await reader.cancel();
});

test("all that are read in large pieces share 2 MiB of a turn", async () => {
  const readers = Array.from({ length: 100 }, () => fast("a"));
  await Promise.all(readers.map((reader) => reader.read()));
  let pieces = 0;
  for (const reader of readers) void reader.read().then(() => pieces++);
  await new Promise((resolve) => setImmediate(resolve));
  expect(pieces).toBeGreaterThan(0);
  expect(pieces).toBeLessThanOrEqual(32);
  await Promise.all(readers.map((reader) => reader.cancel()));
});
