import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { type Changes, ChangesSchema } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { type ChangeSource, Feed } from "./feed.ts";
import { Snapshot } from "./snapshot.ts";

/** A source in the test's hands: it answers with its revision, fails as often as told, and can be held up. */
class Source implements ChangeSource {
  revision = 0n;
  failures = 0;
  asked: bigint[] = [];
  running = 0;
  overlapped = false;
  hold: Promise<void> = Promise.resolve();
  #listener: (revision: bigint) => void = () => {};

  async changesAfter(revision: bigint): Promise<Changes> {
    this.asked.push(revision);
    this.overlapped ||= this.running > 0;
    this.running++;
    const state = this.revision;
    try {
      await this.hold;
      if (this.failures > 0) {
        this.failures--;
        throw new Error("source is away");
      }
      return create(ChangesSchema, { revision: state });
    } finally {
      this.running--;
    }
  }

  onCommit(listener: (revision: bigint) => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = () => {};
    };
  }

  commit(): void {
    this.revision++;
    this.#listener(this.revision);
  }
}

function follow(source: ChangeSource) {
  const errors: string[] = [];
  const log = { error: (_: object, message: string) => errors.push(message), warn() {}, info() {} };
  const empty = Snapshot.empty({ serverName: "local", programPorts: {}, mayDial: () => true, log });
  return { feed: new Feed({ source, empty, log }), errors };
}

test("starts from the beginning and publishes each commit", async () => {
  const source = new Source();
  source.revision = 7n;
  const { feed } = follow(source);
  await feed.start();
  expect(feed.current().revision).toBe(7n);
  source.commit();
  expect(await feed.reached(8n, 2_000)).toBe(true);
  expect(source.asked.slice(0, 2)).toEqual([0n, 7n]);
  feed.stop();
});

test("many commits are read together and never side by side", async () => {
  const source = new Source();
  const { feed } = follow(source);
  await feed.start();
  const gate = Promise.withResolvers<void>();
  source.hold = gate.promise;
  for (let i = 0; i < 100; i++) {
    source.commit();
  }
  gate.resolve();
  expect(await feed.reached(100n, 2_000)).toBe(true);
  expect(source.asked.length).toBeLessThan(5);
  expect(source.overlapped).toBe(false);
  feed.stop();
});

test("a commit in each microtask after a read is not lost", async () => {
  const source = new Source();
  const { feed } = follow(source);
  await feed.start();
  for (let i = 1n; i <= 200n; i++) {
    source.commit();
    for (let ticks = 0n; ticks < i % 9n; ticks++) {
      await Promise.resolve();
    }
  }
  expect(await feed.reached(200n, 2_000)).toBe(true);
  feed.stop();
});

test("a source that fails is asked again, and its failure is reported", async () => {
  const source = new Source();
  source.revision = 1n;
  source.failures = 2;
  const { feed, errors } = follow(source);
  await feed.start();
  expect(await feed.reached(0n, 0)).toBe(false);
  expect(await feed.reached(1n, 5_000)).toBe(true);
  expect(errors.length).toBe(2);
  feed.stop();
});

test("a source that goes back is not followed", async () => {
  const source = new Source();
  source.revision = 5n;
  const { feed, errors } = follow(source);
  await feed.start();
  source.revision = 2n;
  source.commit();
  expect(await feed.reached(6n, 20)).toBe(false);
  expect(feed.current().revision).toBe(5n);
  expect(errors.length).toBeGreaterThan(0);
  feed.stop();
});

test("reached is true at once for what is there, false after its time or when stopped", async () => {
  const source = new Source();
  const { feed } = follow(source);
  await feed.start();
  expect(await feed.reached(0n, 0)).toBe(true);
  expect(await feed.reached(1n, 1)).toBe(false);
  const waiting = feed.reached(1n, 60_000);
  feed.stop();
  expect(await waiting).toBe(false);
  expect(await feed.reached(1n, 60_000)).toBe(false);
});
