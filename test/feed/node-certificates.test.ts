// Nodes that show a certificate in place of a token: who is let in, as which node, and for how long.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import tls from "node:tls";
import { NodeAccess, proxyKeys } from "../../src/admin/nodes/node-access.ts";
import { newNodeToken, nodeTokenHash } from "../../src/admin/nodes/node-token.ts";
import type { StoredNode } from "../../src/admin/store/node-records.ts";
import { RelayListener } from "../../src/guard/relay-listener.ts";
import { type Certificate, type CertificateOptions, certificate } from "../harness/certificate.ts";
import { FeedBench, type Follower } from "../harness/feed-bench.ts";
import { until } from "../harness/until.ts";

const SECOND = 1_000;
const authority = certificate();
const stranger = certificate();
const server = certificate({ issuer: authority });

let bench: FeedBench;
let access: NodeAccess;

beforeEach(async () => {
  bench = await FeedBench.open();
  access = new NodeAccess({
    store: bench.stage.store,
    keysFor: (node) => proxyKeys(Buffer.alloc(32, 1), node),
    domain: "example.test",
  });
});

afterEach(() => bench[Symbol.asyncDispose]());

const isWelcome = ({ feed }: Follower) => feed.from === "live";

async function letIn(
  name: string,
  servers: readonly string[],
  role: StoredNode["role"] = "proxy",
): Promise<{ readonly node: StoredNode; readonly token: string }> {
  bench.stage.clock.now = Date.now();
  const token = newNodeToken();
  const tokenHash = nodeTokenHash(token) ?? Buffer.alloc(32);
  const node = await bench.stage.store.createNode({ name, role, servers, tokenHash });
  if (node === "duplicate") throw new Error(`${name} is there`);
  return { node, token };
}

function serve(nodeAuthorities: readonly string[] | null = [authority.cert]) {
  const { authenticate } = access;
  return bench.serve({ tls: server, nodeAuthorities, authenticate });
}

function of(name: string, options: CertificateOptions = {}): Certificate {
  const now = { notBeforeMs: Date.now(), names: [] };
  return certificate({ ...now, issuer: authority, uris: [`realmgate:node/${name}`], ...options });
}

/** A follower that shows this certificate; `token` null: nothing else. */
function follower(
  url: string,
  pair: Certificate | null,
  token: string | null = null,
  more: object = {},
): Follower {
  const secured = { ca: Buffer.from(authority.cert), pair };
  return bench.follower({ urls: [url], token, tls: secured, ...more });
}

async function refusal(url: string, pair: Certificate | null, more: object = {}): Promise<string> {
  const { feed, problems, source } = follower(url, pair, null, more);
  await feed.start();
  expect(feed.from).toBe("none");
  expect(await Promise.race([source.welcome, "no keys"])).toBe("no keys");
  return problems[0] ?? "";
}

describe("a node's certificate", () => {
  test("lets it in for the servers that its node was given, and tokens go on working", async () => {
    const { token } = await letIn("east-1", ["local"]);
    const { url } = await serve();
    await bench.write();
    const certified = follower(url, of("east-1"));
    const named = follower(url, null, token);
    for (const each of [certified, named]) {
      await each.feed.start();
      expect(isWelcome(each)).toBe(true);
    }
    const { keys } = await certified.source.welcome;
    expect(Object.keys(keys).sort()).toEqual(["disk", "hops/local", "revisions"]);
  });

  test("is not asked for where there are no authorities, and then nothing is shown", async () => {
    await letIn("east-1", ["local"]);
    const { url } = await serve(null);
    expect(await refusal(url, of("east-1"))).toContain(
      "not a node of this installation: it shows no token and no certificate: set REALMGATE_NODE_TOKEN, or REALMGATE_NODE_CERT and, at the control plane, REALMGATE_NODE_CA",
    );
  });

  const hour = 3_600_000;
  test.each<[string, () => Certificate | null, string]>([
    ["that has none", () => null, "it shows no token and no certificate"],
    [
      "whose certificate is over",
      () => of("east-1", { notBeforeMs: Date.now() - 2 * hour, notAfterMs: Date.now() - hour }),
      "and not now: renew it",
    ],
    [
      "whose certificate is not valid yet",
      () => of("east-1", { notBeforeMs: Date.now() + hour }),
      "and not now: renew it",
    ],
    [
      "with another authority's",
      () => of("east-1", { issuer: stranger }),
      "is not of an authority in REALMGATE_NODE_CA",
    ],
    [
      "that vouches for itself",
      () => {
        return certificate({ uris: ["realmgate:node/east-1"], notBeforeMs: Date.now() });
      },
      "is not of an authority in REALMGATE_NODE_CA",
    ],
    [
      "with one that another node's certificate made",
      () => of("east-1", { issuer: of("west-1") }),
      "is not of an authority in REALMGATE_NODE_CA",
    ],
    [
      "whose certificate names no node",
      () => of("east-1", { uris: [] }),
      "names no node: its SAN must have one URI:realmgate:node/NAME",
    ],
    ["that nobody let in", () => of("north-1"), "no node is called north-1, or it was revoked"],
    ["that is a gateway", () => of("edge"), "node edge is a gateway, not a proxy"],
    [
      "with a certificate from before it was let in",
      () => of("east-1", { notBeforeMs: Date.now() - 60 * SECOND }),
      "as it may be that of a revoked node of this name",
    ],
  ])("C12: keeps out a node %s", async (_what, pair, said) => {
    await letIn("east-1", ["local"]);
    await letIn("edge", [], "gateway");
    const { url } = await serve();
    const heard = await refusal(url, pair());
    expect(heard).toContain("not a node of this installation: ");
    expect(heard).toContain(said);
  });

  test("of a node for another server gets nothing, and hears what to do", async () => {
    const { node } = await letIn("west-1", ["west"]);
    const { url } = await serve();
    expect(await refusal(url, of("west-1"))).toContain(
      `node ${node.id} may not follow server local: its own are west; set REALMGATE_SERVER_NAME to one of these`,
    );
  });

  test("C13: lets nobody in once its node is revoked, nor stands for a new node of that name", async () => {
    const { node } = await letIn("east-1", ["local"]);
    const feed = await serve();
    const pair = of("east-1");
    const before = follower(feed.url, pair);
    await before.feed.start();
    expect(isWelcome(before)).toBe(true);
    await bench.stage.store.deleteNode(node.id);
    access.forget();
    feed.cut(node.id);
    await until(() => before.problems.some((each) => each.includes("revoked")), "it is cut");
    expect(await refusal(feed.url, of("east-1"))).toContain("no node is called east-1");
    // Certificates know no milliseconds.
    await Bun.sleep(SECOND);
    await letIn("east-1", ["local"]);
    expect(await refusal(feed.url, pair)).toContain("revoked node of this name");
  });

  test("C14: that ends while its node follows ends the stream, and a renewed one begins another from there", async () => {
    await letIn("east-1", ["local"]);
    const feed = await serve();
    await bench.write();
    // Certificates know no milliseconds.
    const notAfterMs = Math.ceil(Date.now() / SECOND) * SECOND + 2 * SECOND;
    const shown = { ca: Buffer.from(authority.cert), pair: of("east-1", { notAfterMs }) };
    const { source, problems, feed: followed } = follower(feed.url, null, null, { tls: shown });
    await followed.start();
    expect(followed.from).toBe("live");
    await until(
      () => problems.some((each) => each.includes("the certificate of node east-1 ended at")),
      "it is cut",
      10_000,
    );
    await until(
      () => problems.some((each) => each.includes("and not now")),
      "and kept out",
      10_000,
    );
    let wholes = 0;
    const read = bench.source.changesAfter;
    bench.source.changesAfter = (revision, ...rest) => {
      if (revision === 0n) wholes++;
      return read(revision, ...rest);
    };
    shown.pair = of("east-1");
    source.reconnect();
    expect(await followed.reached(await bench.write(), 5_000)).toBe(true);
    expect(wholes).toBe(0);
  });

  test("renewed while its node follows is shown at once, and nothing is sent twice", async () => {
    await letIn("east-1", ["local"]);
    const feed = await serve();
    const shown = { ca: Buffer.from(authority.cert), pair: of("east-1") };
    const { source, feed: followed } = follower(feed.url, null, null, { tls: shown });
    await followed.start();
    const [first] = feed.streams;
    await bench.write();
    shown.pair = of("east-1");
    source.reconnect();
    await until(
      () => feed.streams.size === 1 && !feed.streams.has(first as never),
      "it is another",
    );
    expect(await followed.reached(await bench.write(), 5_000)).toBe(true);
    expect(source.connects).toBe(2);
  });

  test("of another node in its place is that node's, whatever was followed before", async () => {
    await letIn("east-1", ["local"]);
    await letIn("west-1", ["west"]);
    const feed = await serve();
    const shown = { ca: Buffer.from(authority.cert), pair: of("east-1") };
    const { source, problems, feed: followed } = follower(feed.url, null, null, { tls: shown });
    await followed.start();
    shown.pair = of("west-1");
    source.reconnect();
    await until(() => problems.some((each) => each.includes("may not follow server local")), "no");
    expect(feed.streams.size).toBe(0);
  });
});

describe("a listener that asks for certificates", () => {
  test("knows them by connection, also of sessions that TLS resumed, and never of others", async () => {
    const inner = Bun.listen<undefined>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          const from = { address: socket.remoteAddress, port: socket.remotePort };
          const shown = relay.certificateOf(from);
          socket.write(`${shown?.certificate.subjectAltName ?? "none"} ${shown?.problem}\n`);
        },
      },
    });
    const limits = { connectionsMax: 9, perNetworkMax: 9, firstByteMs: 9_000, silentMs: 9_000 };
    const relay: RelayListener = new RelayListener({
      ...{ hostname: "127.0.0.1", port: 0, serverPort: inner.port, tls: server },
      clientAuthorities: [authority.cert],
      limits: { ...limits, bytesPerTurn: 65_536, lingerMs: 100, lingerBytes: 1_024 },
    });
    const ask = async (pair: Certificate | null, session?: Buffer) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      let ticket: Buffer | undefined;
      const socket = tls.connect({
        ...{ host: "127.0.0.1", port: relay.port, ca: authority.cert, servername: "localhost" },
        ...(pair === null ? {} : pair),
        ...(session === undefined ? {} : { session }),
      });
      socket.on("session", (given) => {
        ticket = given;
      });
      socket.on("error", reject);
      socket.on("data", (bytes) => resolve(bytes.toString().trim()));
      socket.write("?");
      const said = await promise;
      await until(() => ticket !== undefined, "a ticket");
      const isResumed = socket.isSessionReused();
      socket.destroy();
      return { said, isResumed, ticket };
    };
    try {
      const first = await ask(of("east-1"));
      expect(first.said).toBe("URI:realmgate:node/east-1, IP Address:127.0.0.1 null");
      expect((await ask(null)).said).toBe("none undefined");
      expect((await ask(of("east-1", { issuer: stranger }))).said).not.toEndWith(" null");
      const again = await ask(null, first.ticket);
      expect([again.isResumed, again.said]).toEqual([true, first.said]);
    } finally {
      relay.close();
      inner.stop(true);
    }
  });
});
