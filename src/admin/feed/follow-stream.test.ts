import { expect, spyOn, test } from "bun:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import {
  FeedHelloSchema,
  FeedMode,
  type FollowResponse,
  FollowResponseSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { FeedCursor } from "./feed-cursor.ts";
import type { FeedRead } from "./feed-reads.ts";
import { type FollowCall, FollowStream } from "./follow-stream.ts";

const heartbeatMs = 1_000;
const drainMs = 10_000;
const sent = { revision: 1n, lineage: "" };

interface Fake {
  /** What it knows. */
  readonly cursor?: FeedCursor;
  readonly after?: () => Promise<FeedRead>;
  readonly write?: () => boolean;
  readonly turn?: () => Promise<() => void>;
  readonly parts?: () => Iterable<Uint8Array>;
}

/** A follower that knows nothing yet, and takes whatever it is sent. */
function follower(fake: Fake = {}) {
  const errors: unknown[] = [];
  const heard: FollowResponse["body"][] = [];
  const ends: (() => void)[] = [];
  const call = {
    write(message: Uint8Array) {
      if (message.length > 1) heard.push(fromBinary(FollowResponseSchema, message).body);
      return fake.write?.() ?? true;
    },
    emit: (_event: string, error: unknown) => errors.push(error),
    once: (_event: string, listener: () => void) => ends.push(listener),
    off() {},
  };
  const read = { cursor: sent, isAll: true, parts: fake.parts ?? (() => [new Uint8Array(1)]) };
  let wholes = 0;
  const stream = new FollowStream({
    call: call as unknown as FollowCall,
    peer: { node: "a", servers: ["local"], keys: {}, domain: "d" },
    hello: create(FeedHelloSchema, fake.cursor === undefined ? {} : { cursor: fake.cursor }),
    reads: {
      async whole() {
        wholes++;
        return read;
      },
      after: fake.after ?? (async () => read),
      turn: fake.turn ?? (async () => () => {}),
    } as never,
    ...{ heartbeatMs, drainMs },
    acked() {},
    failed() {},
  });
  const silent = (beats: number) => {
    for (let beat = 0; beat < beats; beat++) stream.beat(sent);
  };
  const drain = () => {
    for (const end of ends.splice(0)) end();
  };
  return { stream, errors, heard, silent, drain, wholes: () => wholes };
}

test("a follower that has nothing to take is gone after three silent heartbeats", async () => {
  const { stream, errors, silent } = follower();
  stream.wake();
  await Bun.sleep(5);
  stream.heard(sent);
  silent(3);
  expect(errors).toEqual([]);
  silent(1);
  expect(errors).toMatchObject([{ details: "nothing was heard from the node" }]);
});

test("a follower that has a batch to take may be silent for longer, and not for ever", async () => {
  const { stream, errors, silent } = follower();
  stream.wake();
  await Bun.sleep(5);
  silent(drainMs / heartbeatMs);
  expect(errors).toEqual([]);
  silent(1);
  expect(errors).toMatchObject([{ details: "nothing was heard from the node" }]);
});

test.each([
  ["a revision to come", { revision: 2n, lineage: "" }],
  ["a revision that no number is", { revision: 2n ** 63n - 1n, lineage: "" }],
  ["a lineage that none is", { revision: 1n, lineage: "\0" }],
])(
  "a follower that says it enforces %s is cut, and that is stored nowhere",
  async (_what, enforced) => {
    const { stream, errors } = follower();
    stream.wake();
    await Bun.sleep(5);
    stream.heard(enforced);
    expect(errors).toMatchObject([{ details: "the node enforces what it was not sent" }]);
    expect(stream.enforced).toBeNull();
  },
);

const later = { revision: 2n, lineage: "" };

/** What a beat says to a follower at `sent` that has been welcome for long enough. */
async function saidAt(head: FeedCursor, fake: Fake): Promise<FollowResponse["body"] | undefined> {
  const { stream, heard } = follower({ cursor: sent, ...fake });
  stream.wake();
  await Bun.sleep(5);
  const now = performance.now();
  const clock = spyOn(performance, "now").mockReturnValue(now + heartbeatMs);
  try {
    stream.beat(head);
  } finally {
    clock.mockRestore();
  }
  return heard.findLast(({ case: body }) => body === "bookmark");
}

test("a follower hears that nothing changed only while it has all there is", async () => {
  const unchanged = { cursor: sent, isAll: false, parts: () => [] };
  expect(await saidAt(sent, { after: async () => unchanged })).toMatchObject({
    value: { cursor: sent },
  });
  // The database is further, and what changed is read slowly, or waits for its turn.
  let reads = 0;
  const slow = () => (reads++ === 0 ? Promise.resolve(unchanged) : new Promise<never>(() => {}));
  const said = await saidAt(later, { after: slow });
  expect(said?.case).toBe("bookmark");
  expect(said?.value).not.toHaveProperty("cursor.revision");
  const otherHistory = { cursor: { revision: 1n, lineage: "b" }, isAll: true, parts: () => [] };
  const waiting = { after: async () => otherHistory, turn: () => new Promise<never>(() => {}) };
  const lost = await saidAt(otherHistory.cursor, waiting);
  expect(lost?.case).toBe("bookmark");
  expect(lost?.value).not.toHaveProperty("cursor.revision");
});

test("a follower of another history has everything read in its turn, and not before", async () => {
  const { promise: turn, resolve } = Promise.withResolvers<() => void>();
  const lost = { cursor: later, isAll: true, parts: () => [] };
  const { stream, heard, wholes } = follower({
    cursor: { revision: 9n, lineage: "b" },
    after: async () => lost,
    turn: () => turn,
  });
  stream.wake();
  await Bun.sleep(5);
  expect([heard.map(({ value }) => value), wholes()]).toMatchObject([[{ mode: FeedMode.FULL }], 0]);
  resolve(() => {});
  await Bun.sleep(5);
  expect(wholes()).toBe(1);
});

test("a follower that takes a whole state drop by drop gives its place to others", async () => {
  let nowMs = performance.now();
  const clock = spyOn(performance, "now").mockImplementation(() => nowMs);
  const parts = Array.from({ length: 10 }, () => new Uint8Array(1));
  try {
    const slow = follower({ parts: () => parts, write: () => false });
    slow.stream.wake();
    for (let drain = 0; drain < 4; drain++) {
      await Bun.sleep(5);
      nowMs += drainMs - 1;
      slow.drain();
    }
    await Bun.sleep(5);
    expect(slow.errors).toMatchObject([{ details: "the node takes a whole state too slowly" }]);
  } finally {
    clock.mockRestore();
  }
});
