import { expect, test } from "bun:test";
import { BurstPace } from "../../guard/burst-pace.ts";
import { UnfinishedBytes } from "../../guard/unfinished-bytes.ts";
import type { ClientSocket } from "../edge/upgraded-connection.ts";
import { Relay, type UpstreamEnd } from "./relay.ts";

/** A relay that is joined; `isRead` says whether its upstream is read. */
function joined(): { relay: Relay; isRead: () => boolean; backUp: (bytes: number) => void } {
  let isRead = true;
  let waiting = 0;
  const nothing = () => {};
  const upstream: UpstreamEnd = {
    open: nothing,
    isBackedUp: false,
    sendText: nothing,
    sendBinary: nothing,
    sendFragment: nothing,
    sendPing: nothing,
    sendPong: nothing,
    pause: () => {
      isRead = false;
    },
    resume: () => {
      isRead = true;
    },
    close: nothing,
    destroy: nothing,
  };
  const client: ClientSocket = {
    isPaused: false,
    sendText: nothing,
    sendBinary: nothing,
    ping: nothing,
    pong: nothing,
    pause: nothing,
    resume: nothing,
    cork: (deliver) => deliver(),
    close: nothing,
    terminate: nothing,
    getBufferedAmount: () => waiting,
  };
  const watch = { opened: nothing, moved: nothing, over: nothing };
  const relay = new Relay(upstream, watch, {
    client: "192.0.2.1",
    pace: new BurstPace({ perTurn: 256, resumedPerTurn: 1 }),
    upstream: "192.0.2.2",
    unfinished: new UnfinishedBytes(1_000_000_000),
  });
  relay.joined(client);
  return {
    relay,
    isRead: () => isRead,
    backUp: (bytes) => {
      waiting = bytes;
      if (bytes === 0) relay.clientDrained(client);
    },
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const short = Buffer.alloc(1_000);
const long = Buffer.alloc(524_288);

test("an upstream that sends little is read on at once", () => {
  const { relay, isRead } = joined();
  relay.batch(() => relay.binary(short));
  expect(isRead()).toBe(true);
});

test("one that sends much at once, whole messages or parts, is read on in a coming turn", async () => {
  const { relay, isRead } = joined();
  for (const send of [() => relay.binary(long), () => relay.kept(long.length)]) {
    relay.batch(send);
    expect(isRead()).toBe(false);
    await nextTurn();
    expect(isRead()).toBe(true);
  }
});

test("those that do so share 2 MiB of a turn", async () => {
  const relays = Array.from({ length: 100 }, joined);
  for (const { relay } of relays) relay.batch(() => relay.binary(long));
  for (let turn = 1; turn <= 25; turn++) {
    await nextTurn();
    expect(relays.filter(({ isRead }) => isRead()).length).toBe(4 * turn);
  }
});

test("a client that has read what waited does not bring the turn nearer, and one that has not holds it up", async () => {
  const { relay, isRead, backUp } = joined();
  relay.batch(() => relay.binary(long));
  backUp(0);
  expect(isRead()).toBe(false);
  backUp(100_000);
  await nextTurn();
  expect(isRead()).toBe(false);
  backUp(0);
  expect(isRead()).toBe(true);
});
