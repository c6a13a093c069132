import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { FeedHelloSchema } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { type FollowCall, FollowStream } from "./follow-stream.ts";

const heartbeatMs = 1_000;
const drainMs = 10_000;
const sent = { revision: 1n, lineage: "" };

/** A follower that knows nothing yet, and takes whatever it is sent. */
function follower() {
  const errors: unknown[] = [];
  const call = {
    write: () => true,
    emit: (_event: string, error: unknown) => errors.push(error),
  };
  const read = { cursor: sent, isAll: true, parts: () => [new Uint8Array(1)] };
  const stream = new FollowStream({
    call: call as unknown as FollowCall,
    peer: { node: "a", servers: ["local"], keys: {}, domain: "d" },
    hello: create(FeedHelloSchema),
    reads: {
      after: async () => read,
      turn: async () => () => {},
    } as never,
    ...{ heartbeatMs, drainMs },
    acked() {},
    failed() {},
  });
  const silent = (beats: number) => {
    for (let beat = 0; beat < beats; beat++) stream.beat(sent);
  };
  return { stream, errors, silent };
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
