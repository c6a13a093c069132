// The listener with TLS: HTTP/1.1 and HTTP/2, the same decisions, and only the hosts that its certificate is for.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import http2 from "node:http2";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { PARENT } from "../harness/change-registry.ts";
import { code, echoed, LOCAL, testBench } from "../harness/proxy-bench.ts";
import {
  H2Client,
  h2Get,
  h2Reset,
  h2Upload,
  handshake,
  PairFiles,
  pairFor,
  WILDCARD,
} from "../harness/tls-bench.ts";
import { within } from "../harness/until.ts";

const bench = await testBench();
const files = new PairFiles();
files.write(pairFor(WILDCARD, "short.example.test"));
let gate: ProxyServer;
let h2: H2Client;
const portOf = (proxy: ProxyServer) => proxy.tls?.port ?? 0;

beforeAll(async () => {
  gate = await startProxy(
    bench.options({ tls: files.options(), responseHeaderMs: 60_000 }),
    bench.registry,
  );
  h2 = new H2Client(portOf(gate));
});
afterAll(async () => {
  h2.close();
  await gate.stop(true);
});

/** Over HTTP/1.1. */
const ask = (host: string, init: BunFetchRequestInit = {}, via = gate) =>
  fetch(`https://127.0.0.1:${portOf(via)}/`, {
    ...init,
    headers: { ...(init.headers as Record<string, string>), host },
    tls: { rejectUnauthorized: false },
  });

const open = { own: { groups: { all: LOCAL }, permissions: { all: { terminal: true } } } };
const DENY = { own: { groups: {}, permissions: {}, default: "deny" } };

describe("the handshake", () => {
  test.each([
    [["h2", "http/1.1"], "h2"],
    [["http/1.1"], "http/1.1"],
    [["http/1.1", "h2"], "h2"],
    [[], false],
  ])("offered %j, speaks %j", async (alpn, spoken) => {
    const socket = await handshake({ port: portOf(gate), alpn });
    expect(socket.alpnProtocol).toBe(spoken as never);
    socket.destroy();
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s is spoken", async (maxVersion) => {
    const socket = await handshake({ port: portOf(gate), maxVersion });
    expect(socket.getProtocol()).toBe(maxVersion);
    socket.destroy();
  });

  test.each(["TLSv1", "TLSv1.1"] as const)("%s is refused", async (maxVersion) => {
    const outcome = handshake({ port: portOf(gate), maxVersion });
    expect(
      await outcome.then(
        () => "done",
        () => "refused",
      ),
    ).toBe("refused");
  });

  test("plain text gets nothing, and the plain listener is still there", async () => {
    const { host } = await bench.place(open);
    const plain = await fetch(`http://127.0.0.1:${portOf(gate)}/`, {
      headers: { host: host("terminal") },
    }).then(
      ({ status }) => status,
      () => "refused",
    );
    expect([plain === 200, (await bench.ask(host("terminal"), { via: gate })).status]).toEqual([
      false,
      200,
    ]);
  });
});

describe("a request", () => {
  test("over HTTP/1.1 goes to its upstream, which is told of https", async () => {
    const { host } = await bench.place(open);
    const { headers, method } = await echoed(await ask(host("terminal"), { method: "POST" }));
    expect([method, headers["x-forwarded-proto"], headers["x-forwarded-host"]]).toEqual([
      "POST",
      "https",
      host("terminal"),
    ]);
  });

  test("over HTTP/2 too, with its body, and many at a time", async () => {
    const { host } = await bench.place(open);
    const body = "x".repeat(200_000);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        h2.ask({ ":method": "POST", ":path": `/${n}?q`, ":authority": host("terminal") }, body),
      ),
    );
    for (const [n, { status, body: text }] of answers.entries()) {
      const seen = JSON.parse(text);
      expect([status, seen.target, seen.body.length]).toEqual([200, `/${n}?q`, body.length]);
      expect(seen.headers).toMatchObject({
        host: host("terminal"),
        "x-forwarded-proto": "https",
        "x-forwarded-for": "127.0.0.1",
      });
    }
  });

  test.each([
    ["x-a", "a\x7fb"],
    ["cookie", "a=\x7f"],
    ["authorization", "Bearer \x7f"],
  ])(
    "over HTTP/2 with a control character in %s is 400, as over HTTP/1.1 (S3)",
    async (field, value) => {
      const { host } = await bench.place(open);
      const before = bench.logged.length;
      const { status, body } = await h2.ask({ ":authority": host("terminal"), [field]: value });
      expect([status, JSON.parse(body).code]).toEqual([400, "bad_request"]);
      // It is not its program's fault.
      const messages = bench.logged.slice(before).map(({ message }) => message);
      expect(messages).toEqual(["request refused"]);
    },
  );

  test("is decided by its own host, whatever its connection was opened for (H11, H12)", async () => {
    const allowed = (await bench.place(open)).host("terminal");
    const refused = (await bench.place(DENY)).host("terminal");
    const statuses: number[] = [];
    for (const authority of [allowed, refused, allowed]) {
      statuses.push((await h2.ask({ ":authority": authority })).status);
    }
    expect(statuses).toEqual([200, 403, 200]);

    const socket = await handshake({ port: portOf(gate), servername: allowed });
    socket.write(`GET / HTTP/1.1\r\nHost: ${refused}\r\nConnection: close\r\n\r\n`);
    const text = await new Response(socket as never).text();
    expect(text).toStartWith("HTTP/1.1 403 ");
  });

  test.each([
    ["a stranger", "example.org", [421, "misdirected"]],
    ["a name with one label too many", `a.b.${PARENT}`, [421, "misdirected"]],
    ["a host of another server", "x.other.containers.example.test", [421, "misdirected"]],
    ["no name at all", "127.0.0.1:1", [421, "misdirected"]],
    ["a malformed one", "a_b", [400, "bad_host"]],
    ["one that the certificate names and nobody has", "short.example.test", [404, "unknown_host"]],
    ["an alias that nobody has", `nobody.${PARENT}`, [404, "unknown_host"]],
    ["an alias in other letters", `NOBODY.${PARENT.toUpperCase()}.`, [404, "unknown_host"]],
  ] as const)("for %s is %j", async (_why, host, expected) => {
    expect(await code(await ask(host))).toEqual([...expected]);
  });

  test("a refusal that asks for an upgrade names none over HTTP/2 (RFC 9113 §8.2.2)", async () => {
    const { host } = await bench.place({
      own: { groups: { here: LOCAL }, permissions: { here: { ssh: true } } },
    });
    expect(await gate.reached(bench.registry.revision, 5_000)).toBe(true);
    const { status, headers } = await h2.ask({ ":authority": host("ssh-22") });
    expect([status, headers.upgrade, headers.connection]).toEqual([426, undefined, undefined]);
  });

  test("over HTTP/2 for a stranger is 421 on its stream only", async () => {
    const { host } = await bench.place(open);
    expect((await h2.ask({ ":authority": "example.org" })).status).toBe(421);
    expect((await h2.ask({ ":authority": host("terminal") })).status).toBe(200);
  });

  test("with two hosts is a stream error (H10)", async () => {
    const { host } = await bench.place(open);
    const two = {
      ":authority": host("terminal"),
      host: (await bench.place(open)).host("terminal"),
    };
    await expect(h2.ask(two)).rejects.toThrow(/PROTOCOL_ERROR/);
    expect((await h2.ask({ ":authority": host("terminal") })).status).toBe(200);
  });
});

describe("an HTTP/2 stream", () => {
  /** An upstream that says that it began and then goes on until its client has gone. */
  async function endless() {
    const gone = Promise.withResolvers<void>();
    const port = await bench.listen((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nbegun\n");
      });
      socket.on("close", () => gone.resolve());
    });
    return { port, gone: gone.promise };
  }

  test("that is reset ends its upstream's answer, and no other", async () => {
    const { port, gone } = await endless();
    const placed = await bench.place({ ...open, programs: { terminal: port } });
    const stream = h2.stream({ ":authority": placed.host("terminal") });
    await within(once(stream, "data"), "the answer begins");
    stream.close(8);
    await gone;
    const { host } = await bench.place(open);
    expect((await h2.ask({ ":authority": host("terminal") })).status).toBe(200);
  });

  test("whose upstream breaks off is reset, never ended well", async () => {
    const port = await bench.listen((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun\n");
        setTimeout(() => socket.destroy(), 20);
      });
    });
    const placed = await bench.place({ ...open, programs: { terminal: port } });
    await expect(h2.ask({ ":authority": placed.host("terminal") })).rejects.toThrow();
    const { host } = await bench.place(open);
    expect((await h2.ask({ ":authority": host("terminal") })).status).toBe(200);
  });

  test("that is reset in the middle of its body leaves its upstream a broken one", async () => {
    const gone = Promise.withResolvers<string>();
    const begun = Promise.withResolvers<void>();
    const port = await bench.listen((socket) => {
      let text = "";
      socket.on("data", (data) => {
        text += data;
        if (text.includes("first")) begun.resolve();
      });
      socket.on("close", () => gone.resolve(text));
    });
    const placed = await bench.place({ ...open, programs: { terminal: port } });
    // The runtime's own client ends the body well before it resets the stream.
    const socket = await handshake({ port: portOf(gate), alpn: ["h2"] });
    socket.write(h2Upload(placed.host("terminal"), "first"));
    await within(begun.promise, "the body begins");
    socket.write(h2Reset());
    const text = await within(gone.promise, "the upstream is let go");
    expect(text).not.toContain("\r\n0\r\n\r\n");
    socket.destroy();
    const { host } = await bench.place(open);
    expect((await h2.ask({ ":authority": host("terminal") })).status).toBe(200);
  });

  test("is reset when it is allowed no more, and no other", async () => {
    const { port, gone } = await endless();
    const placed = await bench.place({ ...open, programs: { terminal: port } });
    const stream = h2.stream({ ":authority": placed.host("terminal") });
    const over = Promise.withResolvers<string>();
    stream.on("end", () => over.resolve("a good end"));
    stream.on("error", () => over.resolve("reset"));
    await within(once(stream, "data"), "the answer begins");
    await placed.change({ ...DENY, programs: { terminal: port } });
    await gone;
    expect(await within(over.promise, "the stream is over")).toBe("reset");
    const { host } = await bench.place(open);
    expect((await h2.ask({ ":authority": host("terminal") })).status).toBe(200);
  });
});

describe("Strict-Transport-Security", () => {
  test("is not said unless it is asked for", async () => {
    const { host } = await bench.place(open);
    expect((await ask(host("terminal"))).headers.get("strict-transport-security")).toBeNull();
  });

  test("is on each answer over TLS when it is, on none without", async () => {
    const tls = files.options({ hstsMaxAgeS: 300 });
    const strict = await startProxy(bench.options({ tls }), bench.registry);
    const { host } = await bench.place(open);
    const said = async (response: Promise<Response>) =>
      (await response).headers.get("strict-transport-security");
    expect(await said(ask(host("terminal"), {}, strict))).toBe("max-age=300");
    expect(await said(ask(`nobody.${PARENT}`, {}, strict))).toBe("max-age=300");
    expect(await said(bench.ask(host("terminal"), { via: strict }))).toBeNull();
    await strict.stop(true);
  });
});

test("an operator is told what the certificate does not name, and when it has ended", async () => {
  const other = new PairFiles();
  other.write(pairFor("example.test"));
  const tls = other.options();
  const ended = { ...tls, pair: { ...tls.pair, notAfterMs: Date.now() - 1 } };
  const proxy = await startProxy(bench.options({ tls: ended }), bench.registry);
  await proxy.stop(true);
  const said = bench.logged.filter(({ message }) => message.startsWith("certificate: "));
  expect(said.map(({ level, message }) => `${level} ${message}`)).toEqual([
    "warn certificate: it is valid no more; clients will refuse it",
    "warn certificate: requests for hosts that it does not name are 421",
  ]);
  expect(said[1]?.fields).toEqual({ names: ["example.test"], wanted: WILDCARD });
});

test("metrics say when the certificate ends", async () => {
  const text = await gate.metrics.text();
  const { pair } = files.options();
  expect(text).toContain(`realmgate_tls_certificate_not_after_seconds ${pair.notAfterMs / 1000}`);
});

test("a client network has a sixteenth of all connections for HTTP/2, and loses its idlest to a new one", async () => {
  const crowded = await startProxy(
    bench.options({
      plainEdge: "wire",
      tls: files.options(),
      responseHeaderMs: 60_000,
      exchangesMax: 16,
    }),
    bench.registry,
  );
  const { host } = await bench.place(open);
  await crowded.reached(bench.registry.revision, 5_000);
  const ask = (client: H2Client) => client.ask({ ":authority": host("terminal") });
  const clients: H2Client[] = [];
  const closed = Promise.withResolvers<void>();
  // At least 1,024 connections have a place.
  for (let n = 0; n < 64; n++) {
    const client = new H2Client(portOf(crowded));
    clients.push(client);
    expect((await ask(client)).status).toBe(200);
  }
  clients[0]?.session.once("close", closed.resolve);
  const last = new H2Client(portOf(crowded));
  clients.push(last);
  expect((await ask(last)).status).toBe(200);
  await within(closed.promise, "the first is closed");
  expect(clients.filter(({ session }) => session.closed || session.destroyed)).toHaveLength(1);
  for (const client of clients) client.close();
  await crowded.stop(true);
});

test("nobody reaches the server of HTTP/2 behind the relay by itself", async () => {
  const relaying = await startProxy(
    bench.options({ plainEdge: "wire", tls: files.options() }),
    bench.registry,
  );
  const { host } = await bench.place(open);
  const session = http2.connect(`http://127.0.0.1:${relaying.innerPorts[0]}`);
  const status = Promise.withResolvers<number>();
  session
    .request({ ":path": "/", ":authority": host("terminal") })
    .on("response", (headers) => status.resolve(Number(headers[":status"])))
    .end();
  expect(await within(status.promise, "an answer")).toBe(503);
  session.destroy();
  await relaying.stop(true);
});

test("a client of HTTP/2 that reads slowly gets its response whole, however long its connection seems idle", async () => {
  const BODY_BYTES = 3_000_000;
  const slow = await startProxy(
    bench.options({ tls: files.options(), idleS: 1, responseHeaderMs: 60_000 }),
    bench.registry,
  );
  const port = await bench.listen((program) =>
    program.once("data", () => {
      program.end(
        `HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n${"x".repeat(BODY_BYTES)}`,
      );
    }),
  );
  const { host } = await bench.place({ ...open, programs: { terminal: port } });
  await slow.reached(bench.registry.revision, 5_000);
  const socket = await handshake({ port: portOf(slow), alpn: ["h2"] });
  let bytes = 0;
  const whole = Promise.withResolvers<void>();
  socket.on("data", (data: Buffer) => {
    bytes += data.length;
    if (bytes >= BODY_BYTES) whole.resolve();
    socket.pause();
    setTimeout(() => socket.resume(), 20);
  });
  socket.on("close", () => whole.reject(new Error(`closed after ${bytes} bytes`)));
  socket.write(h2Get(host("terminal")));
  await whole.promise;
  socket.destroy();
  await slow.stop(true);
});
