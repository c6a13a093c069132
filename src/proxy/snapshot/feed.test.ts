import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  ContainerStateSchema,
  DocumentContentSchema,
  RevisionLineageSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { lineageOf } from "../../policy/lineage.ts";
import type { ChangeBatch } from "./change-batch.ts";
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

  lineages: Changes["lineages"] = [];

  async changesAfter(revision: bigint, known: string): Promise<Changes> {
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
      const { lineages } = this;
      // Without lineages it is a source that knows nothing of them.
      const all = lineages.length > 0 && lineageOf(lineages, revision) !== known;
      return create(ChangesSchema, { revision: state, lineages, all });
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
    this.announce(this.revision);
  }

  announce(revision: bigint): void {
    this.#listener(revision);
  }
}

const lineage = (fromRevision: bigint, tag: string) =>
  create(RevisionLineageSchema, { fromRevision, tag });

function follow(source: ChangeSource, published?: (batch: ChangeBatch) => void) {
  const errors: string[] = [];
  const log = { error: (_: object, message: string) => errors.push(message), warn() {}, info() {} };
  const empty = Snapshot.empty({ serverName: "local", programPorts: {}, mayDial: () => true, log });
  const feed = new Feed({ source, empty, log, ...(published === undefined ? {} : { published }) });
  return { feed, errors };
}

test("a feed that is stopped while a commit is on its way asks no more", async () => {
  const source = new Source();
  const { feed } = follow(source);
  await feed.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  source.hold = promise;
  source.commit();
  feed.stop();
  source.hold = Promise.resolve();
  // Without an end it would hold the event loop: here it is bounded, to be seen.
  const { changesAfter } = source;
  source.changesAfter = (...asked) => {
    if (source.asked.length > 100) throw new Error("asked for ever");
    return changesAfter.apply(source, asked);
  };
  resolve();
  await Bun.sleep(1);
  expect(source.asked).toHaveLength(2);
});

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

test("a source that went back is read from the beginning, and the loss is reported", async () => {
  const source = new Source();
  source.revision = 5n;
  const { feed, errors } = follow(source);
  await feed.start();
  source.revision = 2n;
  source.commit();
  expect(await feed.reached(6n, 20)).toBe(false);
  expect(feed.current().revision).toBe(3n);
  expect(source.asked.at(-1)).toBe(0n);
  expect(errors).toEqual(["the control plane knows less than was enforced before: restored?"]);
  expect(feed.failing).toBe(false);
  source.commit();
  expect(await feed.reached(4n, 2_000)).toBe(true);
  expect(source.asked.at(-1)).toBe(3n);
  feed.stop();
});

test("a source that went on under another lineage is read from the beginning, and what was lost is known", async () => {
  const source = new Source();
  source.revision = 5n;
  source.lineages = [lineage(0n, "a")];
  const { feed, errors } = follow(source);
  await feed.start();
  expect(await feed.reached(5n, 0, "a")).toBe(true);
  expect(await feed.reached(5n, 0, "b")).toBe(false);
  const waiting = feed.reached(6n, 60_000, "a");
  source.lineages = [lineage(0n, "a"), lineage(3n, "b")];
  source.commit();
  expect(await waiting).toBe(false);
  expect(source.asked.at(-1)).toBe(5n);
  expect(errors).toEqual([
    "the control plane has another history than was enforced before: restored?",
  ]);
  expect([3n, 4n, 6n].map((revision) => feed.hasLost(revision, "a"))).toEqual([false, true, true]);
  expect([4n, 6n, 7n].map((revision) => feed.hasLost(revision, "b"))).toEqual([
    false,
    false,
    false,
  ]);
  expect(await feed.reached(6n, 0, "b")).toBe(true);
  expect(await feed.reached(4n, 0, null)).toBe(true);
  source.commit();
  expect(await feed.reached(7n, 2_000, "b")).toBe(true);
  expect(errors).toHaveLength(1);
  feed.stop();
});

test("a source that says only that nothing came after a saved state leaves its history as it is", async () => {
  const enforced: string[] = [];
  const source: ChangeSource = {
    changesAfter: async (revision) => create(ChangesSchema, { revision }),
    onCommit: () => () => {},
    enforced: (revision, tag) => enforced.push(`${revision} ${tag}`),
  };
  const lineages = [lineage(0n, "a")];
  const commit = { revision: 5n, lineages, heardAtMs: 0, server: "local" };
  const published: Changes["lineages"] = [];
  const { feed, errors } = follow(source, (batch) => published.push(...batch.lineages));
  await feed.startFrom(
    { ...{ revision: 5n, lineages, all: true, parts: [], states: 0 }, commit },
    "local",
  );
  await feed.start();
  expect(enforced).toEqual(["5 a"]);
  // What is saved next.
  expect(published).toEqual(lineages);
  expect(await feed.reached(5n, 0, "a")).toBe(true);
  expect(errors).toEqual([]);
  feed.stop();
});

test("an announced commit that never comes is reported once, and later ones are followed", async () => {
  const source = new Source();
  const { feed, errors } = follow(source);
  await feed.start();
  source.revision = 4n;
  source.commit();
  expect(await feed.reached(5n, 2_000)).toBe(true);
  source.announce(9n);
  while (errors.length === 0 || feed.failing) await Bun.sleep(1);
  expect(errors).toEqual(["change feed failed; trying again"]);
  source.commit();
  expect(await feed.reached(6n, 2_000)).toBe(true);
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

test("a document that changes is compiled as it arrives, before anybody asks for it", async () => {
  const source = new Source();
  const { feed, errors } = follow(source);
  await feed.start();
  source.changesAfter = async () =>
    create(ChangesSchema, {
      revision: source.revision,
      containers: [
        create(ContainerStateSchema, {
          id: "c".repeat(24),
          serverName: "local",
          documentDigest: "d",
        }),
      ],
      documents: [create(DocumentContentSchema, { digest: "d", json: '{"groups":{"g":{}}}' })],
    });
  source.commit();
  expect(await feed.reached(1n, 5_000)).toBe(true);
  feed.stop();
  expect(errors).toEqual(["permission document does not compile; what it guards is closed"]);
});
