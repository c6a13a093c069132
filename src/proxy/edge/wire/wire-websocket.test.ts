import { expect, test } from "bun:test";
import { decoded, encoded, type Frame } from "../../../../test/harness/websocket-frames.ts";
import { UNCOUNTED } from "../../../guard/unfinished-bytes.ts";
import type { Fragment } from "../../../websocket/frame.ts";
import { FrameBudget } from "../../exchange/frame-budget.ts";
import type { UpgradedConnection } from "../upgraded-connection.ts";
import { WireWebSocket } from "./wire-websocket.ts";

const mask = [1, 2, 3, 4] as const;
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
const nothing = () => {};

/** A client whose relay wants no more than so many messages at a time. */
function place(atOnce: number, turns = new FrameBudget().of("a")) {
  const seen = { messages: 0, pongs: 0, writes: 0, wanted: 0, kept: 0, keptMax: 0 };
  const fragments: { bytes: number; fragment: Fragment }[] = [];
  let burst = 0;
  const message = () => {
    seen.messages++;
    if (++burst > atOnce) socket.pause();
  };
  const connection: UpgradedConnection = {
    joined: nothing,
    fromClient: message,
    clientFragment: (bytes, fragment) => {
      fragments.push({ bytes: bytes.length, fragment });
      message();
    },
    clientPing: message,
    clientPong: message,
    clientDrained: nothing,
    clientClosed: nothing,
  };
  const carrier = {
    send: (bytes: Uint8Array, start: number, end: number) => {
      seen.writes++;
      const { frames } = decoded(Buffer.from(bytes.subarray(start, end)));
      seen.pongs += frames.filter(({ opcode }) => opcode === 10).length;
      return true;
    },
    countHeld: nothing,
    waitingBytes: 0,
    bodyWanted: () => void seen.wanted++,
    endTunnel: nothing,
    leaveTunnel: nothing,
    reset: nothing,
  };
  const unfinished = {
    ...UNCOUNTED,
    add: (bytes: number) => {
      seen.kept += bytes;
      seen.keptMax = Math.max(seen.keptMax, seen.kept);
    },
  };
  const socket = new WireWebSocket(carrier, connection, unfinished, turns);
  const goOn = () => {
    burst = 0;
    socket.resume();
  };
  return { socket, seen, fragments, goOn };
}

const repeated = (frame: Frame, bytes: number): Uint8Array => {
  const one = encoded(frame);
  return Buffer.concat(Array.from({ length: Math.floor(bytes / one.length) }, () => one));
};

test.each([
  ["empty pings", { opcode: 9, payload: Buffer.alloc(0), mask }, 6],
  ["messages of a byte", { opcode: 2, payload: Buffer.alloc(1), mask }, 7],
])("512 KiB of %s are read as the relay takes them, and none is lost", (_, frame, size) => {
  const unlimited = { mayGoOn: true, took: nothing, wait: nothing };
  const { socket, seen, goOn } = place(256, unlimited);
  const chunk = repeated(frame, 524_288);
  for (let at = 0; at < chunk.length; goOn()) {
    const before = seen.messages;
    expect(socket.isReady).toBe(true);
    at = socket.fromClient(chunk, at, chunk.length);
    expect(seen.messages - before).toBeLessThan(300);
    expect(at).toBe(seen.messages * size);
  }
  expect(seen.messages).toBe(chunk.length / size);
  if (frame.opcode === 9) expect(seen.pongs).toBe(seen.messages);
  // Those of a burst go to the client in one write.
  expect(seen.writes).toBeLessThan(seen.messages / 200);
});

test("what the relay sends at once goes to the client in one write, however many frames it is", () => {
  const { socket, seen } = place(256);
  socket.cork(() => {
    for (let i = 0; i < 100; i++) socket.pong(Buffer.from("x"));
  });
  expect([seen.pongs, seen.writes]).toEqual([100, 1]);
  // A Close frame comes behind them, and nothing behind it.
  socket.cork(() => {
    socket.pong(Buffer.from("x"));
    socket.close(1000, "");
    socket.pong(Buffer.from("x"));
    expect([seen.pongs, seen.writes]).toEqual([101, 2]);
  });
  expect([seen.pongs, seen.writes]).toEqual([101, 2]);
});

test("400 WebSockets of one client network have the frames of one turn together, parts of messages as well", async () => {
  const budget = new FrameBudget();
  const begin = encoded({ opcode: 2, payload: Buffer.alloc(0), last: false, mask });
  const part = { opcode: 0, payload: Buffer.alloc(0), last: false, mask };
  const chunk = Buffer.concat([begin, repeated(part, 6 * 255)]);
  let bytes = 0;
  const one = (network: string) => {
    const { socket } = place(256, budget.of(network));
    let at = 0;
    const goOn = () => {
      if (!socket.isReady || at === chunk.length) return;
      const end = socket.fromClient(chunk, at, chunk.length);
      bytes += end - at;
      at = end;
    };
    return { goOn, isWhole: () => at === chunk.length };
  };
  const crowd = Array.from({ length: 400 }, () => one("crowd"));
  for (const { goOn } of crowd) goOn();
  expect(bytes).toBeLessThanOrEqual(6 * (256 + 32));
  // A neighbour does not wait for them.
  const neighbour = one("neighbour");
  neighbour.goOn();
  expect(neighbour.isWhole()).toBe(true);
  for (let turns = 0; !crowd.every(({ isWhole }) => isWhole()); turns++) {
    expect(turns).toBeLessThan(500);
    const before = bytes;
    await nextTurn();
    for (const { goOn } of crowd) goOn();
    expect(bytes - before).toBeLessThanOrEqual(6 * (256 + 32));
  }
});

test("frames of which the relay hears nothing have their turns, too", async () => {
  const { socket, seen } = place(256);
  const begin = encoded({ opcode: 2, payload: Buffer.alloc(0), last: false, mask });
  expect(socket.fromClient(begin, 0, begin.length)).toBe(begin.length);
  const chunk = repeated({ opcode: 0, payload: Buffer.alloc(0), last: false, mask }, 524_288);
  let turns = 0;
  for (let at = 0; at < chunk.length; turns++) {
    const end = socket.fromClient(chunk, at, chunk.length);
    expect(end - at).toBeLessThanOrEqual(6 * (256 + 32));
    at = end;
    expect(socket.isReady).toBe(at === chunk.length);
    await nextTurn();
    expect(socket.isReady).toBe(true);
  }
  expect(seen.wanted).toBe(turns - 1);
});

test.each([1, 2])(
  "a message of 64 MiB (opcode %d) is passed on as it comes, and little of it is kept",
  (opcode) => {
    const { socket, seen, fragments } = place(Number.POSITIVE_INFINITY);
    const length = 64 * 1024 * 1024;
    const head = encoded({ opcode, payload: Buffer.alloc(65_536), mask: [0, 0, 0, 0] });
    head.writeBigUInt64BE(BigInt(length), 2);
    socket.fromClient(head, 0, head.length);
    const chunk = Buffer.alloc(524_288);
    for (let sent = 65_536; sent < length; ) {
      const bytes = Math.min(chunk.length, length - sent);
      expect(socket.fromClient(chunk, 0, bytes)).toBe(bytes);
      sent += bytes;
    }
    expect(fragments.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(length);
    const isText = opcode === 1;
    expect(fragments[0]?.fragment).toEqual({ isText, isFirst: true, isLast: false });
    expect(fragments.at(-1)?.fragment).toEqual({ isText, isFirst: false, isLast: true });
    expect(Math.max(...fragments.map(({ bytes }) => bytes))).toBeLessThan(600_000);
    expect(seen.kept).toBe(0);
    expect(seen.keptMax).toBeLessThan(600_000);
  },
);
