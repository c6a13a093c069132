// The feed over gRPC: one server, followers as proxies have them.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { FeedBench, socketName } from "../harness/feed-bench.ts";
import { until } from "../harness/until.ts";

let bench: FeedBench;

beforeEach(async () => {
  bench = await FeedBench.open();
});

afterEach(() => bench[Symbol.asyncDispose]());

test.each([
  ["an address", () => "127.0.0.1:0"],
  ["a socket of the machine", socketName],
])("a follower over %s has what was stored, and then each commit", async (_what, listen) => {
  await bench.write();
  const server = await bench.serve({ listen: listen() });
  const { feed, source } = bench.follower({ urls: [server.url] });
  await feed.start();
  expect(feed.current().revision).toBe((await bench.source.head()).revision);
  expect((await source.welcome).domain).toBe("example.test");
  for (let round = 0; round < 20; round++) {
    expect(await feed.reached(await bench.write(), 2_000)).toBeTrue();
  }
  expect(source.connects).toBe(1);
  const [stream] = server.streams;
  await until(
    async () => stream?.enforced?.revision === (await bench.source.head()).revision,
    "the server knows what is enforced",
  );
});

test("a follower of an empty database waits, without asking for everything again and again", async () => {
  const server = await bench.serve();
  const { feed, source } = bench.follower({ urls: [server.url] });
  await feed.start();
  expect([feed.from, feed.current().revision]).toEqual(["live", 0n]);
  const before = feed.readAtMs;
  await bench.write();
  await until(() => feed.current().revision > 0n && feed.readAtMs !== before, "the first write");
  expect(source.connects).toBe(1);
});

test("whoever has no credentials of a node, or asks for another server, gets nothing", async () => {
  const server = await bench.serve();
  const stranger = bench.follower({ urls: [server.url], token: "guessed" });
  await stranger.feed.start();
  expect([stranger.feed.from, stranger.problems[0]]).toEqual([
    "none",
    expect.stringContaining("not a node of this installation"),
  ]);
  const foreign = bench.follower({ urls: [server.url], token: "token-b" });
  await foreign.feed.start();
  expect([foreign.feed.from, foreign.problems[0]]).toEqual([
    "none",
    expect.stringContaining("node b may not follow server local: its own are other"),
  ]);
});

test("a follower whose control plane is gone goes on with another one, from where it was", async () => {
  await bench.write();
  const [first, second] = [await bench.serve(), await bench.serve()];
  const { feed, source } = bench.follower({ urls: [first.url, second.url] });
  await feed.start();
  const has = first.streams.size === 1 ? first : second;
  let wholes = 0;
  const read = bench.source.changesAfter;
  bench.source.changesAfter = (revision, ...rest) => {
    if (revision === 0n) wholes++;
    return read(revision, ...rest);
  };
  await has.stop();
  expect(await feed.reached(await bench.write(), 10_000)).toBeTrue();
  expect(source.connects).toBeGreaterThan(1);
  expect(wholes).toBe(0);
});

test("a revoked node is cut at once, and comes no more", async () => {
  let isRevoked = false;
  const server = await bench.serve({
    authenticate: async () =>
      isRevoked
        ? { problem: "unknown" }
        : {
            peer: {
              node: "a",
              servers: ["local"],
              keys: {},
              domain: "d",
              ended: async () => (isRevoked ? "the node was revoked" : null),
            },
          },
  });
  const { feed, source, problems } = bench.follower({ urls: [server.url] });
  await feed.start();
  isRevoked = true;
  await until(() => server.streams.size === 0, "its stream ends");
  await until(() => problems.some((text) => text.includes("revoked")), "it hears why", 10_000);
  await bench.write();
  await until(() => source.connects > 2, "it tries again", 10_000);
  expect(feed.current().revision).toBe(0n);
});

test("a node that was revoked between its call and its hello gets no keys", async () => {
  const node = {
    node: "a",
    servers: ["local"],
    keys: {},
    domain: "d",
    ended: async () => "the node was revoked",
  };
  // Its call is let in, and the beat that cuts revoked nodes is far away.
  const server = await bench.serve({
    authenticate: async () => ({ peer: node }),
    heartbeatMs: 60_000,
  });
  const { source, problems } = bench.follower({ urls: [server.url] });
  let isWelcome = false;
  void source.welcome.then(
    () => {
      isWelcome = true;
    },
    () => {},
  );
  void source.changesAfter(0n, "").catch(() => {});
  await until(() => problems.some((text) => text.includes("revoked")), "it hears why", 10_000);
  expect(isWelcome).toBe(false);
  expect(server.streams.size).toBe(0);
});

test("what a follower has is noted as it comes, before it acknowledges anything", async () => {
  await bench.write();
  const noted: (bigint | undefined)[] = [];
  const enforced = ({ enforced: cursor }: { enforced: { revision: bigint } | null }) =>
    noted.push(cursor?.revision);
  const server = await bench.serve({ enforced });
  const { source } = bench.follower({ urls: [server.url] });
  const { revision, lineages } = await source.changesAfter(0n, "");
  expect(noted).toEqual([undefined]);
  const again = bench.follower({ urls: [server.url], process: "proxy-2" });
  void again.source.changesAfter(revision, lineages.at(-1)?.tag ?? "").catch(() => {});
  await until(() => noted.length === 2, "the second one is noted");
  expect(noted[1]).toBe(revision);
});

test("a node has so many followers at a time", async () => {
  const server = await bench.serve({ followersPerNodeMax: 1 });
  const first = bench.follower({ urls: [server.url], process: "proxy-1" });
  await first.feed.start();
  const second = bench.follower({ urls: [server.url], process: "proxy-2" });
  await second.feed.start();
  expect(second.problems[0]).toContain("too many processes of this node");
  first.stop();
  await until(() => server.streams.size === 0, "the place is free");
  await until(() => second.feed.from === "live", "the second one follows", 10_000);
});

test("a follower that enforces nothing yet gets one batch, however much is written", async () => {
  const server = await bench.serve();
  const { source } = bench.follower({ urls: [server.url] });
  const first = await source.changesAfter(0n, "");
  const seen: bigint[] = [];
  source.onCommit((revision) => seen.push(revision));
  for (let round = 0; round < 30; round++) await bench.write();
  await Bun.sleep(300);
  expect(seen).toEqual([]);
  source.enforced(first.revision, "");
  await until(() => seen.length > 0, "the next batch");
  expect(seen).toEqual([(await bench.source.head()).revision]);
});

test("a follower that was suspended believes nothing that it was sent meanwhile", async () => {
  const server = await bench.serve();
  let asleepMs = 0;
  const { feed, source } = bench.follower({
    urls: [server.url],
    tickMs: () => performance.now() + asleepMs,
  });
  await feed.start();
  const { revision } = await bench.source.head();
  const before = source.connects;
  asleepMs = 60_000;
  await expect(source.changesAfter(revision, "")).rejects.toThrow("did not run for a while");
  await until(() => source.connects > before && source.problem === null, "it follows anew", 10_000);
});

test("a database that cannot be read is told nowhere as one that did not change", async () => {
  const server = await bench.serve();
  const { feed } = bench.follower({ urls: [server.url] });
  await feed.start();
  await bench.write();
  bench.source.head = () => Promise.reject(new Error("away"));
  await until(
    () => feed.failing || server.streams.size === 0,
    "the follower hears nothing",
    10_000,
  );
});

test("twenty followers whose control plane comes back read what changed, and none reads everything", async () => {
  const listen = socketName();
  const first = await bench.serve({ listen });
  const followers = Array.from({ length: 20 }, (_, n) =>
    bench.follower({ urls: [listen], process: `proxy-${n}` }),
  );
  await Promise.all(followers.map(({ feed }) => feed.start()));
  await bench.write();
  const known = await bench.write();
  for (const { feed } of followers) expect(await feed.reached(known, 10_000)).toBeTrue();
  let wholes = 0;
  const read = bench.source.changesAfter;
  bench.source.changesAfter = async (revision, ...rest) => {
    const changes = await read(revision, ...rest);
    if (changes.all) wholes++;
    return changes;
  };
  await first.stop();
  await bench.serve({ listen });
  const written = await bench.write();
  for (const { feed } of followers) expect(await feed.reached(written, 20_000)).toBeTrue();
  expect(wholes).toBe(0);
});
