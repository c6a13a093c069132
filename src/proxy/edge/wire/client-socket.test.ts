// What the clients of one network may cause in a turn of the event loop by the bytes that they send.
import { expect, test } from "bun:test";
import { ArrivalBudget } from "../../../guard/arrival-budget.ts";
import type { ByteHolder } from "../../../guard/held-bytes.ts";
import { HeldBytes } from "../../../guard/held-bytes.ts";
import { ReadTurns } from "../../../guard/read-turns.ts";
import { WireClientSocket } from "./client-socket.ts";
import type { WireServices } from "./wire-services.ts";

const TURN_BYTES = 2 * 1024 * 1024;
const CHUNK_BYTES = 60_000;
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Takes whatever comes. */
class Taking extends WireClientSocket {
  taken = 0;
  pauses = 0;
  override readonly holds: ByteHolder["holds"] = { network: this.peer, container: "" };

  protected override get upstreamBytes(): number {
    return 0;
  }

  protected override step(chunk: Uint8Array): boolean {
    this.taken += chunk.length - this.at;
    this.at = chunk.length;
    return true;
  }

  protected override stopsAtOnce(): boolean {
    return false;
  }

  protected override stopsBeforeMore(): boolean {
    return false;
  }

  protected override wasPaused(): void {
    this.pauses++;
  }

  protected override inputEnded(): void {
    this.close();
  }

  protected override outputDrained(): void {}
  protected override wasClosed(): void {}
  override endStalled(): void {
    this.reset();
  }
}

function place({
  isShared = (_peer: string): boolean => false,
  heldBytesMax = 1_000_000_000,
} = {}) {
  const events: string[] = [];
  const held = new HeldBytes({ bytesMax: heldBytesMax, stalledMs: 1 });
  const services = {
    clock: { nowMs: 0 },
    turns: new ReadTurns(),
    arrivals: new ArrivalBudget({ perConnection: 8, perNetwork: 8, total: 8, isShared }),
    held,
  } as unknown as WireServices;
  const connections = (count: number, peerOf: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => {
      const socket = {
        remotePort: i,
        write: (_bytes: Uint8Array, _start: number, length: number) => length,
        pause: () => {},
        resume: () => {},
        shutdown: () => {},
        end: () => events.push("closed"),
        terminate: () => events.push("reset"),
      };
      return new Taking(services, socket, peerOf(i));
    });
  return { connections, events, held };
}

const sum = (all: readonly Taking[]) => all.reduce((bytes, { taken }) => bytes + taken, 0);

test.each([
  ["one address", (_i: number) => "10.0.0.1"],
  ["one /64 of IPv6", (i: number) => `2001:db8:1:2::${i.toString(16)}`],
])("400 connections of %s have what they sent looked at in turns, all of it", async (_, peerOf) => {
  const { connections, events, held } = place();
  const crowd = connections(400, peerOf);
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (const one of crowd) one.received(chunk);
  expect(sum(crowd)).toBeGreaterThan(0);
  expect(sum(crowd)).toBeLessThan(TURN_BYTES / 2);
  expect(held.bytes).toBe(400 * CHUNK_BYTES - sum(crowd));
  // A neighbour does not wait for them.
  const [neighbour] = connections(1, () => "10.0.0.2");
  neighbour?.received(chunk);
  expect(neighbour?.taken).toBe(CHUNK_BYTES);
  // The end of what one sends does not overtake it.
  crowd.at(-1)?.clientEnded();
  expect(events).toEqual([]);
  for (let turns = 0; sum(crowd) < 400 * CHUNK_BYTES; turns++) {
    expect(turns).toBeLessThan(400);
    const before = sum(crowd);
    await nextTurn();
    expect(sum(crowd) - before).toBeLessThan(1.1 * TURN_BYTES);
  }
  expect(events).toEqual(["closed"]);
  expect(held.bytes).toBe(0);
  // While it waits its body is not late.
  expect(crowd.at(-1)?.pauses).toBeGreaterThan(0);
});

test("connections that come through a proxy for many clients do not count as one", () => {
  const { connections } = place({ isShared: () => true });
  const crowd = connections(20, () => "10.0.0.1");
  for (const one of crowd) one.received(new Uint8Array(CHUNK_BYTES));
  expect(sum(crowd)).toBe(20 * CHUNK_BYTES);
});

test("what waits for its turn is bounded, as all that is held", async () => {
  const { connections, events, held } = place({ heldBytesMax: 1_000_000 });
  const crowd = connections(400, () => "10.0.0.1");
  for (const one of crowd) one.received(new Uint8Array(CHUNK_BYTES));
  await nextTurn();
  await nextTurn();
  expect(held.bytes).toBeLessThanOrEqual(1_000_000);
  expect(events).toContain("reset");
});

test("short requests of many connections wait for nothing", () => {
  const { connections } = place();
  const crowd = connections(1_000, () => "10.0.0.1");
  for (const one of crowd) one.received(new Uint8Array(1_000));
  expect(sum(crowd)).toBe(1_000_000);
});
