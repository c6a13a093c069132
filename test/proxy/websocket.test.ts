// WebSockets through the gate, both ends of another make.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  type FarEnd,
  ForeignWebSockets,
  node,
  type OpenOptions,
} from "../harness/foreign-websockets.ts";
import { onEdge, plainEdge } from "../harness/on-edge.ts";
import { LOCAL, type Placed, testBench } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";

const { place, proxy, upstream } = await testBench();

/** Nothing moves for so long: it has stalled. */
const STALL_MS = 250;

let foreign: ForeignWebSockets;
let placed: Placed;
let paths = 0;

beforeAll(async () => {
  if (node !== null) {
    foreign = await ForeignWebSockets.start();
    placed = await place({ programs: { terminal: foreign.port } });
  }
});
afterAll(async () => {
  await foreign?.[Symbol.asyncDispose]();
});

/** Of the running test. */
const ends: FarEnd[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) {
    end.do("terminate");
  }
  await nothingIsOpen();
});

interface Pair {
  readonly client: FarEnd;
  readonly upstream: FarEnd;
}

/** Both ends of a WebSocket that is open. */
async function open(
  { path = "/", headers, ...rest }: OpenOptions = {},
  to = placed,
): Promise<Pair> {
  const unique = `${path}?${++paths}`;
  const url = `ws://127.0.0.1:${proxy.port}${unique}`;
  const host = to.host("terminal-1");
  const client = foreign.client(url, { headers: { host, ...headers }, ...rest });
  ends.push(client);
  const [upstream] = await Promise.all([foreign.upstream(unique), client.next("open")]);
  ends.push(upstream);
  return { client, upstream };
}

/** The value of a series without labels. */
async function series(name: string): Promise<number> {
  const line = (await proxy.metrics.text()).split("\n").find((text) => text.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}

/** Nothing of ours is left of the WebSockets that were opened. */
async function nothingIsOpen(): Promise<void> {
  for (const name of ["realmgate_websockets_open", "realmgate_exchanges_open"]) {
    await until(async () => (await series(name)) === 0, `${name} is 0`);
  }
}

/** How many bytes of its flood were taken from this end when no more were for a while. */
async function stalled(end: FarEnd): Promise<number> {
  const taken = () => end.all("took").at(-1)?.bytes ?? 0;
  for (let before = -1; before !== taken() || before === 0; ) {
    before = taken();
    await Bun.sleep(STALL_MS);
  }
  return taken();
}

const directions = [
  ["the client", "client", "upstream"],
  ["the upstream", "upstream", "client"],
] as const;

describe.skipIf(node === null)("messages", () => {
  test.each(directions)(
    "from %s arrive whole, in order and of their kind",
    async (_who, from, to) => {
      const pair = await open();
      const texts = ["", "a", "naïve 👋 \ufeff\u0000", "x".repeat(4_000)];
      for (const text of texts) {
        pair[from].do("text", { text });
        pair[from].do("binary", { hex: Buffer.from(text).toString("hex") });
      }
      for (const text of texts) {
        expect(await pair[to].next("message")).toMatchObject({ isBinary: false, text });
        const hex = Buffer.from(text).toString("hex");
        expect(await pair[to].next("message")).toMatchObject({ isBinary: true, hex });
      }
    },
  );

  test.each(directions)("in fragments from %s arrive as one", async (_who, from, to) => {
    const pair = await open();
    pair[from].do("text", { text: "one ", fin: false });
    pair[from].do("ping", { text: "between" });
    pair[from].do("text", { text: "", fin: false });
    pair[from].do("text", { text: "message", fin: true });
    expect(await pair[to].next("message")).toMatchObject({ text: "one message" });
    expect(await pair[to].next("ping")).toMatchObject({ text: "between" });
  });

  test.each(directions)(
    "of 64 MiB from %s arrive",
    async (_who, from, to) => {
      const pair = await open();
      const bytes = 64 * 1024 * 1024;
      pair[from].do("big", { bytes });
      const sha256 = new Bun.CryptoHasher("sha256").update(Buffer.alloc(bytes, 7)).digest("hex");
      expect(await pair[to].next("message")).toMatchObject({ bytes, sha256, isBinary: true });
      pair[to].do("text", { text: "got it" });
      expect(await pair[from].next("message")).toMatchObject({ text: "got it" });
    },
    30_000,
  );

  // The wire edge passes frames on, whatever their message becomes.
  const fate = onEdge({
    serve: "end the connection with 1009 for who sent them",
    wire: "arrive, too",
  });
  test(`of a byte more ${fate}`, async () => {
    const bytes = 64 * 1024 * 1024 + 1;
    if (plainEdge === "wire") {
      for (const [, from, to] of directions) {
        const pair = await open();
        pair[from].do("big", { bytes });
        expect(await pair[to].next("message")).toMatchObject({ bytes, isBinary: true });
      }
      return;
    }
    const fromClient = await open();
    fromClient.client.do("big", { bytes });
    expect(await fromClient.client.next("close")).toMatchObject({ code: 1009 });
    expect(await fromClient.upstream.next("close")).toMatchObject({ code: 1006 });
    const fromUpstream = await open();
    fromUpstream.upstream.do("big", { bytes });
    expect(await fromUpstream.upstream.next("close")).toMatchObject({ code: 1009 });
    expect(await fromUpstream.client.next("close")).toMatchObject({ code: 1009 });
  }, 30_000);

  test("five thousand arrive in order, both ways at once", async () => {
    const pair = await open();
    const count = 5_000;
    pair.client.do("many", { text: "c", count });
    pair.upstream.do("many", { text: "u", count });
    for (const [end, letter] of [
      [pair.client, "u"],
      [pair.upstream, "c"],
    ] as const) {
      const last = `${letter}${count - 1}`;
      await end.until(() => (end.happenings.at(-1)?.text === last ? true : null));
      const texts = end.all("message").map(({ text }) => text);
      expect(texts).toEqual(Array.from({ length: count }, (_, i) => `${letter}${i}`));
    }
  }, 30_000);
});

describe.skipIf(node === null)("an end that reads nothing (W8)", () => {
  test.each(directions)(
    "makes %s wait: a few MB are taken of 64, and all arrive when it reads on",
    async (_who, from, to) => {
      const pair = await open();
      const [bytes, count] = [1_000_000, 64];
      pair[to].do("pause");
      pair[from].do("flood", { bytes, count });
      const taken = await stalled(pair[from]);
      expect(taken).toBeGreaterThan(0);
      // Mostly the kernel's: of each of the two connections up to 4 MB at the sender (tcp_wmem) and 6 MB at the receiver (tcp_rmem).
      expect(taken).toBeLessThan(32_000_000);
      pair[to].do("resume");
      await pair[from].next("flooded");
      await pair[to].until(() => (pair[to].all("message").length === count ? true : null));
      expect(pair[to].all("message").every((message) => message.bytes === bytes)).toBe(true);
    },
    15_000,
  );

  test("gets all that was sent before a goodbye, and the goodbye", async () => {
    const { client, upstream } = await open();
    client.do("pause");
    upstream.do("flood", { bytes: 1_000_000, count: 20 });
    await stalled(upstream);
    upstream.do("close", { code: 4000, reason: "done" });
    client.do("resume");
    expect(await client.next("close")).toMatchObject({ code: 4000, reason: "done" });
  });
});

describe.skipIf(node === null)("pings", () => {
  test("of either end reach the other, and each is answered once", async () => {
    const { client, upstream } = await open();
    for (let i = 0; i < 10; i++) {
      client.do("ping", { text: `c${i}` });
      upstream.do("ping", { text: `u${i}` });
    }
    for (let i = 0; i < 10; i++) {
      expect(await client.next("pong")).toMatchObject({ text: `c${i}` });
      expect(await upstream.next("pong")).toMatchObject({ text: `u${i}` });
    }
    // What is sent last arrives last: no second pong is still on its way.
    client.do("text", { text: "end" });
    await upstream.next("message");
    upstream.do("text", { text: "end" });
    await client.next("message");
    const counts = (end: FarEnd) => ["ping", "pong"].map((event) => end.all(event).length);
    expect([counts(client), counts(upstream)]).toEqual([
      [10, 10],
      [10, 10],
    ]);
  });

  test("that nobody sent are not made up, and a pong that nobody asked for is passed on", async () => {
    const { client, upstream } = await open();
    client.do("pong", { text: "from client" });
    upstream.do("pong", { text: "from upstream" });
    expect(await upstream.next("pong")).toMatchObject({ text: "from client" });
    expect(await client.next("pong")).toMatchObject({ text: "from upstream" });
    expect([client.all("ping"), upstream.all("ping")]).toEqual([[], []]);
  });
});

describe.skipIf(node === null)("a goodbye", () => {
  const codes = [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999];

  test.each(codes)("with %i is the same at the other end, both ways", async (code) => {
    for (const [from, to] of [
      ["client", "upstream"],
      ["upstream", "client"],
    ] as const) {
      const pair = await open();
      pair[from].do("text", { text: "last" });
      pair[from].do("close", { code, reason: "because 👋" });
      expect(await pair[to].next("message")).toMatchObject({ text: "last" });
      expect(await pair[to].next("close")).toMatchObject({ code, reason: "because 👋" });
      expect(await pair[from].next("close")).toMatchObject({ code });
    }
  });

  test("without a code has none at the other end", async () => {
    for (const [from, to] of [
      ["client", "upstream"],
      ["upstream", "client"],
    ] as const) {
      const pair = await open();
      pair[from].do("close");
      expect(await pair[to].next("close")).toMatchObject({ code: 1005 });
    }
  });

  test("that is none is none at the other end: 1006, never 1000", async () => {
    for (const [from, to] of [
      ["client", "upstream"],
      ["upstream", "client"],
    ] as const) {
      const pair = await open();
      pair[from].do("terminate");
      expect(await pair[to].next("close")).toMatchObject({ code: 1006 });
    }
  });
});

describe.skipIf(node === null)("a handshake", () => {
  const noExtension = onEdge({ serve: ", and no extension", wire: "" });
  test(`carries what the client says and what we say of it, no credential of ours${noExtension}`, async () => {
    const own = {
      groups: { key: { type: "token", value: "s3cret-token", header: "X-Key" } },
      permissions: { key: { terminal: true } },
    };
    const guarded = await place({ own, programs: { terminal: foreign.port } });
    const { upstream } = await open(
      {
        headers: {
          "x-key": "s3cret-token",
          origin: "https://app.example",
          cookie: "a=1; b=2",
          "user-agent": "mine",
          "x-realmgate-groups": "admin",
          "x-forwarded-for": "1.2.3.4",
          traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        },
      },
      guarded,
    );
    const [{ headers = {} } = {}] = upstream.all("open");
    expect(headers).toMatchObject({
      host: guarded.host("terminal-1"),
      origin: "https://app.example",
      cookie: "a=1; b=2",
      "user-agent": "mine",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": guarded.host("terminal-1"),
      "x-forwarded-proto": "http",
      "x-realmgate-program": "terminal",
      "x-realmgate-instance": "1",
      "x-realmgate-groups": "key",
      "x-realmgate-request-id": expect.stringMatching(/^[0-9a-f]{24}$/),
      connection: "Upgrade",
      upgrade: "websocket",
    });
    const offered = onEdge({
      serve: undefined,
      wire: expect.stringContaining("permessage-deflate"),
    });
    expect(headers["sec-websocket-extensions"]).toEqual(offered);
    expect(JSON.stringify(headers)).not.toContain("s3cret");
  });

  test("of the upstream decides the subprotocol, and its cookies reach the client", async () => {
    const { client } = await open({ protocols: ["one", "two", "three"] });
    const [{ headers = {}, raw = [] } = {}] = client.all("upgrade");
    expect(headers["sec-websocket-protocol"]).toBe("three");
    expect(client.all("open")).toMatchObject([{ protocol: "three" }]);
    const cookies = raw.filter((_, i) => raw[i - 1]?.toLowerCase() === "set-cookie");
    expect(cookies).toEqual(["a=1", "b=2; Path=/"]);
    expect(raw.filter((name) => name.toLowerCase() === "date")).toHaveLength(1);
    const agreedOn = onEdge({ serve: undefined, wire: "permessage-deflate" });
    expect(headers["sec-websocket-extensions"]).toBe(agreedOn);
  });

  test("without a subprotocol gets none", async () => {
    const { client } = await open();
    expect(client.all("open")).toMatchObject([{ protocol: "" }]);
  });

  test("with an ordinary answer is an ordinary answer", async () => {
    const to = await place({ programs: { terminal: upstream.port ?? 0 } });
    const client = foreign.client(`ws://127.0.0.1:${proxy.port}/cookies`, {
      headers: { host: to.host("terminal-1") },
    });
    const answer = await client.next("refused");
    expect(answer).toMatchObject({ code: 200, headers: { "content-encoding": "gzip" } });
  });
});

describe.skipIf(node === null)("a WebSocket whose permission goes (W6)", () => {
  const allowed = { groups: { here: LOCAL }, permissions: { here: { terminal: true } } };

  test("is closed with 1008, and no other is touched", async () => {
    const mine = await place({ own: allowed, programs: { terminal: foreign.port } });
    const other = await open();
    const { client, upstream } = await open({}, mine);
    await mine.change({ own: { default: "deny" }, programs: { terminal: foreign.port } });
    expect(await client.next("close")).toMatchObject({ code: 1008, reason: "access ended" });
    expect(await upstream.next("close")).toMatchObject({ code: 1001 });
    other.client.do("text", { text: "still here" });
    expect(await other.upstream.next("message")).toMatchObject({ text: "still here" });
    other.client.do("close", { code: 1000 });
  });

  test("is told why when it takes what waits for it within half a second", async () => {
    const mine = await place({ own: allowed, programs: { terminal: foreign.port } });
    const { client, upstream } = await open({}, mine);
    client.do("pause");
    upstream.do("flood", { bytes: 1_000_000, count: 50 });
    await stalled(upstream);
    await mine.change({ own: { default: "deny" }, programs: { terminal: foreign.port } });
    await upstream.next("close");
    await nothingIsOpen();
    client.do("resume");
    expect(await client.next("close")).toMatchObject({ code: 1008 });
  });
});
