import { describe, expect, test } from "bun:test";
import { Http2Guard, type Http2Limits } from "./http2-guard.ts";
import { UnfinishedBytes } from "./unfinished-bytes.ts";

const limits: Http2Limits = {
  prefaceMs: 1000,
  firstRequestMs: 2000,
  requestMs: 3000,
  headerBlockMs: 3000,
  idleMs: 100_000,
  frameCostBytes: 0,
  frameBytesMax: 16_384,
  headerBlockBytesMax: 1000,
  requestsMax: 4,
  unfinishedBytesMax: 10_000,
};

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

function frame(type: number, flags: number, stream: number, length: number): Buffer {
  const bytes = Buffer.alloc(9 + length);
  bytes.writeUIntBE(length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  return bytes;
}

const settings = frame(4, 0, 0, 0);
const headers = (stream: number, flags = 4, length = 10) => frame(1, flags, stream, length);
const data = (stream: number, length: number, flags = 0) => frame(0, flags, stream, length);
const reset = (stream: number) => frame(3, 0, stream, 4);
const opening = Buffer.concat([preface, settings]);

function guarded(more: Partial<Http2Limits> = {}, sum = new UnfinishedBytes(1_000_000)) {
  const guard = new Http2Guard(
    { ...limits, ...more },
    sum.join("192.0.2.1", () => {}),
  );
  return { guard, sum, send: (...frames: Buffer[]) => guard.fromClient(Buffer.concat(frames)) };
}

const later = (ms: number) => performance.now() + ms;

describe("a connection", () => {
  test("goes on while its requests are complete, in whatever pieces they come", () => {
    const { guard, sum } = guarded();
    const bytes = Buffer.concat([
      opening,
      ...[1, 3, 5, 7, 9, 11].flatMap((id) => [headers(id), data(id, 5000), data(id, 0, 1)]),
    ]);
    for (const byte of bytes) expect(guard.fromClient(Buffer.from([byte]))).toBe(true);
    expect(sum.sum).toBe(0);
    expect(guard.isLate(later(60_000))).toBe(false);
  });

  test.each([
    ["another protocol", [Buffer.from("GET / HTTP/1.1\r\n\r\n")]],
    ["TLS", [Buffer.from([0x16, 3, 1])]],
    ["no SETTINGS first", [preface, headers(1)]],
    ["a frame that is too large", [opening, frame(0, 0, 1, 16_385).subarray(0, 9)]],
    ["a header block that is too large", [opening, headers(1, 0, 900), frame(9, 0, 1, 101)]],
    [
      "a header block of empty frames with another frame within",
      [opening, headers(1, 0), settings],
    ],
    ["CONTINUATION of nothing", [opening, frame(9, 4, 1, 1)]],
    ["too many open requests", [opening, ...[1, 3, 5, 7, 9].map((id) => headers(id))]],
    ["too many bytes unfinished", [opening, headers(1), data(1, 9000), headers(3), data(3, 1001)]],
  ])("with %s is closed", (_, frames) => {
    expect(guarded().send(...frames)).toBe(false);
  });

  test.each([
    ["reset by the client", (guard: Http2Guard) => guard.fromClient(reset(1))],
    [
      "reset by the server",
      (guard: Http2Guard) => guard.fromServer(Buffer.concat([settings, reset(1)])),
    ],
    ["ended", (guard: Http2Guard) => guard.fromClient(data(1, 0, 1))],
    ["ended by trailers", (guard: Http2Guard) => guard.fromClient(headers(1, 5))],
  ])("has the bytes of a request back that is %s", (_, end) => {
    const { guard, sum, send } = guarded();
    send(opening, headers(1), data(1, 9000));
    expect(sum.sum).toBe(9000);
    end(guard);
    expect(sum.sum).toBe(0);
    expect(guard.isLate(later(60_000))).toBe(false);
  });

  test("gives everything back when it is closed", () => {
    const { guard, sum, send } = guarded();
    send(opening, headers(1), data(1, 9000));
    guard.closed();
    expect(sum.sum).toBe(0);
  });

  test.each([
    ["nothing", [], 1000],
    ["part of the preface", [preface.subarray(0, 10)], 1000],
    ["the preface alone", [preface], 1000],
    ["no request", [opening], 2000],
    ["pings alone", [opening, frame(6, 0, 0, 8), frame(6, 0, 0, 8)], 2000],
    ["a request without end", [opening, headers(1)], 3000],
    ["a request that goes on and on", [opening, headers(1), data(1, 1), data(1, 0)], 3000],
    ["a header block without end", [opening, headers(1, 1)], 3000],
    ["one request of two without end", [opening, headers(1), headers(3, 5)], 3000],
  ])("that sent %s has no more than its time", (_, frames, ms) => {
    const { guard, send } = guarded();
    if (frames.length > 0) send(...frames);
    expect([guard.isLate(later(ms - 500)), guard.isLate(later(ms + 500))]).toEqual([false, true]);
  });
});

describe("bytes that are not complete, over all connections", () => {
  test("cost the network that has most the connection that has most of them", () => {
    const sum = new UnfinishedBytes(100);
    const closed: string[] = [];
    const join = (network: string, name: string) => {
      const share = sum.join(network, () => {
        closed.push(name);
        share.leave();
      });
      return share;
    };
    const [a, b] = [join("many", "a"), join("many", "b")];
    const single = join("single", "single");
    a.add(30);
    b.add(31);
    // The largest one, but its network has less than the two have.
    single.add(39);
    expect(closed).toEqual([]);
    a.add(1);
    expect(closed).toEqual(["a"]);
    expect([sum.sum, a.bytes, b.bytes, single.bytes]).toEqual([70, 0, 31, 39]);
    b.add(-31);
    single.leave();
    b.leave();
    expect(sum.sum).toBe(0);
  });
});

describe("what a connection costs and holds", () => {
  test.each([
    ["small frames count for more than their bytes", 10, 256, 2560],
    ["without such a price they count for their bytes", 10, 0, 10 * 13],
  ])("%s", (_what, frames, frameCostBytes, cost) => {
    const { guard, send } = guarded({ frameCostBytes });
    send(opening);
    send(...Array.from({ length: frames }, () => reset(1)));
    expect(guard.lastCost).toBe(cost);
  });

  test("bytes of bodies are held until the server wants more of them, or has answered", () => {
    const { guard, send } = guarded();
    send(opening, headers(1), data(1, 5000), headers(3), data(3, 700, 1));
    expect(guard.heldBytes).toBe(5700);
    const wanted = Buffer.alloc(4);
    wanted.writeUInt32BE(4000);
    const update = Buffer.concat([frame(8, 0, 1, 4).subarray(0, 9), wanted]);
    for (const byte of update) guard.fromServer(Buffer.from([byte]));
    expect(guard.heldBytes).toBe(1700);
    guard.fromServer(data(3, 10, 1));
    expect(guard.heldBytes).toBe(1000);
    expect(guard.isIdle).toBe(false);
    guard.fromServer(reset(1));
    expect(guard.heldBytes).toBe(0);
    expect(guard.isIdle).toBe(true);
  });

  test("a connection is not idle while the last frame of a response is on its way", () => {
    const { guard, send } = guarded({ idleMs: 10 });
    send(opening, headers(1, 5));
    const last = data(1, 5000, 1);
    guard.fromServer(headers(1, 4));
    guard.fromServer(last.subarray(0, 100));
    expect(guard.isIdle).toBe(false);
    expect(guard.isLate(performance.now() + 1_000)).toBe(false);
    guard.fromServer(last.subarray(100));
    expect(guard.isIdle).toBe(true);
    expect(guard.isLate(performance.now() + 1_000)).toBe(true);
  });

  test("no frame of the connection may come between the parts of the server's header block", () => {
    const { guard, send } = guarded();
    send(opening, headers(1, 5));
    guard.fromServer(headers(1, 0));
    expect(guard.isBetweenFrames).toBe(false);
    guard.fromServer(frame(9, 4, 1, 3));
    expect(guard.isBetweenFrames).toBe(true);
  });
});
