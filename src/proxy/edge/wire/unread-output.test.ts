// What a client has yet to read when its exchange is over.
import { expect, test } from "bun:test";
import { ArrivalBudget } from "../../../guard/arrival-budget.ts";
import { ConnectionCap } from "../../../guard/connection-cap.ts";
import { HeldBytes } from "../../../guard/held-bytes.ts";
import { eventLoopReads } from "../../../guard/read-turns.ts";
import { Exchange } from "../../exchange/exchange.ts";
import { refusal } from "../../gate/refusal.ts";
import type { RequestHead } from "../../gate/request-head.ts";
import { PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import { WireConnection } from "./wire-connection.ts";
import type { WireServices } from "./wire-services.ts";

const SILENT_MS = 2_000;
const LINGER_MS = 30_000;
const LINGER_BYTES = 1_000;
const PACE_MS = 60_000;
const PACE_BYTES = 20;
const STEP_MS = 250;

const ARRIVALS = { perConnection: 8, perNetwork: 8, total: 8, isShared: () => false };
const KEPT = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const UNREAD = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";

/** A connection whose requests are all refused, and a client that reads as it is made to. */
function connection() {
  const clock = { nowMs: 0 };
  const client = {
    remotePort: 1,
    /** Bytes that its kernel takes. */
    room: 0,
    text: "",
    events: [] as string[],
    write(bytes: Uint8Array, start: number, length: number) {
      const taken = Math.min(length, client.room);
      client.room -= taken;
      client.text += Buffer.from(bytes.subarray(start, start + taken)).toString("latin1");
      return taken;
    },
    isPaused: false,
    pause: () => {
      client.isPaused = true;
    },
    resume: () => {
      client.isPaused = false;
    },
    shutdown: () => client.events.push("fin"),
    end: () => client.events.push("closed"),
    terminate: () => client.events.push("reset"),
  };
  const places = new ConnectionCap({ connectionsMax: 1, perNetworkMax: 1 });
  const watch = { answered: () => {}, ended: () => {} };
  const services = {
    clock,
    pipeline: { admit: () => ({ kind: "rejected" }), carryOut: () => refusal("bad_request") },
    upstream: {},
    turns: eventLoopReads,
    arrivals: new ArrivalBudget(ARRIVALS),
    lingering: { cap: places, bytesMax: LINGER_BYTES, silentMs: SILENT_MS, allMs: LINGER_MS },
    held: new HeldBytes({ bytesMax: 1_000_000, stalledMs: 1 }),
    idleMs: 10_000,
    headMs: 10_000,
    bodyBytesMin: PACE_BYTES,
    paceMs: PACE_MS,
    begin: (head: RequestHead) => new Exchange(watch, "id", head.method, head.peer),
    began: () => {},
    over: () => {},
    closed: () => {},
  } as unknown as WireServices;
  const of = new WireConnection(services, client, "10.0.0.1", PLAIN_SCOPE, { leaving: false });
  return {
    of,
    client,
    places,
    ask: (text: string) => of.received(Buffer.from(text)),
    /** The clock goes on; in each step the kernel takes so many bytes, and says so or not. */
    pass(ms: number, room: number, says = true) {
      for (let passed = 0; passed < ms; passed += STEP_MS) {
        clock.nowMs += STEP_MS;
        client.room = room;
        if (says && room > 0 && client.events.length === 0) of.drain();
        of.tick(clock.nowMs);
      }
    },
  };
}

test("a response that ends its connection comes whole to a client that reads slowly", () => {
  const { client, ask, pass } = connection();
  ask(LAST);
  pass(SILENT_MS * 10, 1);
  expect(client.events).toEqual([]);
  pass(PACE_MS, 20);
  expect(client.events).toEqual(["fin", "closed"]);
  const [head, body = ""] = client.text.split("\r\n\r\n");
  expect(head).toContain(`content-length: ${body.length}\r\n`);
});

test("so does one whose connection is kept, which then goes on", () => {
  const { client, ask, pass } = connection();
  ask(KEPT);
  pass(PACE_MS, 1);
  expect(client.events).toEqual([]);
  pass(1_000, 1_000);
  ask(KEPT);
  pass(STEP_MS, 10_000);
  expect(client.text.match(/HTTP\/1.1 400/g)).toHaveLength(2);
});

test("a client whose kernel says nothing of the little that it takes is looked at", () => {
  const { client, ask, pass } = connection();
  ask(LAST);
  client.room = 0;
  pass(PACE_MS, PACE_BYTES, false);
  pass(PACE_MS, PACE_BYTES, false);
  expect(client.text.length).toBe(2 * PACE_BYTES);
  expect(client.events).toEqual([]);
});

test.each([KEPT, LAST])("one that reads too little of it in a window is reset: %j", (request) => {
  const { client, ask, of, pass } = connection();
  ask(request);
  pass(PACE_MS - STEP_MS, 0);
  expect(client.events).toEqual([]);
  client.room = PACE_BYTES - 1;
  of.drain();
  pass(STEP_MS, 0);
  expect(client.events).toEqual(["reset"]);
  expect(of.heldBytes).toBe(0);
});

test("what the kernel has is delivered: no client is reset that has been sent all", () => {
  const { client, ask, pass } = connection();
  client.room = 10_000;
  ask(LAST);
  pass(SILENT_MS, 0);
  expect(client.events).toEqual(["fin", "closed"]);
});

test.each([
  ["a response", LAST],
  ["a refusal with a body to read out", UNREAD],
])("%s comes whole to a client that sends more than is read of it", (_, request) => {
  const { client, ask, pass, of, places } = connection();
  ask(request);
  for (let sent = 0; sent < 3; sent++) ask("x".repeat(LINGER_BYTES));
  expect(client.events).toEqual([]);
  // It is not read any more, and has no place.
  expect([client.isPaused, places.count]).toEqual([true, 0]);
  of.bodyWanted();
  expect(client.isPaused).toBe(true);
  pass(PACE_MS, 1_000);
  expect(client.events).toEqual(["fin", "closed"]);
  const [head, body = ""] = client.text.split("\r\n\r\n");
  expect(head).toContain(`content-length: ${body.length}\r\n`);
});

test("once it has all of it, what more it sends ends the connection", () => {
  const { client, ask } = connection();
  client.room = 10_000;
  ask(LAST);
  ask("x".repeat(LINGER_BYTES + 1));
  expect(client.events).toEqual(["fin", "closed"]);
});

test("a slow reader does not keep one of the few places of those that are read out", () => {
  const { client, ask, pass, places } = connection();
  ask(UNREAD);
  expect(places.count).toBe(1);
  pass(LINGER_MS, 1);
  expect(places.count).toBe(0);
  expect(client.events).toEqual([]);
});

test("a server that closes leaves a response alone that is sent, and resets one that is not", () => {
  const sent = connection();
  sent.client.room = 10_000;
  sent.ask(LAST);
  const waiting = connection();
  waiting.ask(LAST);
  expect([sent.of.isFlushing, waiting.of.isFlushing]).toEqual([false, true]);
  sent.of.cutOff();
  waiting.of.cutOff();
  expect(sent.client.events).toEqual(["fin", "closed"]);
  expect(waiting.client.events).toEqual(["reset"]);
});
