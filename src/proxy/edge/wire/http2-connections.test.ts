// How a connection of HTTP/2 is left when its server is about to close.
import { expect, test } from "bun:test";
import { HeldBytes } from "../../../guard/held-bytes.ts";
import { FLAG, FRAME, STREAM_MAX } from "../../../guard/http2-frames.ts";
import { Http2Guard } from "../../../guard/http2-guard.ts";
import { Relayed } from "../../../guard/relayed.ts";
import { TurnBudget } from "../../../guard/turn-budget.ts";
import { UNCOUNTED } from "../../../guard/unfinished-bytes.ts";
import { PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import { Http2Connection } from "./http2-connections.ts";

const FOREVER = Number.POSITIVE_INFINITY;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const TICK_MS = 250;

/** A frame without a payload. */
function frame(type: number, flags: number, stream: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  return bytes;
}

function connection() {
  let received = Buffer.alloc(0);
  let nowMs = performance.now();
  const client = {
    remotePort: 1,
    takes: FOREVER,
    isClosed: false,
    write(bytes: Uint8Array, start: number, length: number) {
      const taken = Math.min(client.takes, length);
      received = Buffer.concat([received, bytes.subarray(start, start + taken)]);
      return taken;
    },
    pause: () => {},
    resume: () => {},
    shutdown: () => {},
    end: () => {
      client.isClosed = true;
    },
    terminate: () => {
      client.isClosed = true;
    },
  };
  const limits = {
    ...{ prefaceMs: FOREVER, firstRequestMs: FOREVER, requestMs: FOREVER, idleMs: FOREVER },
    ...{ headerBlockMs: FOREVER, frameBytesMax: 16_384, headerBlockBytesMax: 1_000 },
    ...{ requestsMax: 100, unfinishedBytesMax: FOREVER, frameCostBytes: 0 },
  };
  const guard = new Http2Guard(limits, UNCOUNTED);
  const relayed = new Relayed({
    client,
    serverPort: 1,
    limits: { firstByteMs: 1, silentMs: 1, bytesPerTurn: 1, lingerMs: 1, lingerBytes: 1 },
    budget: new TurnBudget({ perKey: 1, total: 1 }),
    address: "192.0.2.1",
    key: "192.0.2.1",
    guard,
    connected: () => {},
    disconnected: () => {},
    closed: () => {},
  });
  const serving = { pair: null, leaving: false };
  const held = new HeldBytes({ bytesMax: 1_000_000, stalledMs: 1 });
  const peer = { peer: "192.0.2.1", serving, scope: PLAIN_SCOPE };
  const of = new Http2Connection(peer, relayed, guard, 60_000, held);
  guard.fromClient(Buffer.concat([Buffer.from(PREFACE), frame(FRAME.SETTINGS, 0, 0)]));
  return {
    client,
    serving,
    asks: (stream: number) =>
      guard.fromClient(frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream)),
    answers: (stream: number) =>
      guard.fromServer(frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, stream)),
    reads() {
      client.takes = FOREVER;
      relayed.clientDrained();
    },
    pass(ms: number) {
      for (let passed = 0; passed < ms && !client.isClosed; passed += TICK_MS) {
        nowMs += TICK_MS;
        of.tick(nowMs);
      }
    },
    /** The last streams of the GOAWAY frames that the client has got. */
    get ends(): number[] {
      const found: number[] = [];
      for (let at = 0; at < received.length; at += 17) found.push(received.readUInt32BE(at + 9));
      return found;
    },
  };
}

test("a client that is slow to read has a second from when it could read that it ends", () => {
  const of = connection();
  of.asks(1);
  of.client.takes = 0;
  of.serving.leaving = true;
  of.pass(5_000);
  // It could not know.
  of.asks(3);
  of.reads();
  of.pass(TICK_MS);
  expect(of.ends).toEqual([STREAM_MAX]);
  of.pass(1_000);
  expect(of.ends).toEqual([STREAM_MAX, 3]);
});

test("streams that were promised an answer go on when later ones come, and the promise does not grow", () => {
  const of = connection();
  of.asks(1);
  of.serving.leaving = true;
  of.pass(2_000);
  expect(of.ends).toEqual([STREAM_MAX, 1]);
  of.asks(3);
  of.pass(5_000);
  expect(of.client.isClosed).toBe(false);
  of.answers(1);
  of.pass(TICK_MS);
  expect([of.ends, of.client.isClosed]).toEqual([[STREAM_MAX, 1, 1], true]);
});
