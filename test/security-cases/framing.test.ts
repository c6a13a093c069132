// S: where a message ends. Hostile requests reach no upstream as a whole request; hostile answers never spoil the next.
import { beforeAll, describe, expect, test } from "bun:test";
import type net from "node:net";
import { caseBench, codeOf, type Scene, untouched } from "../harness/gate.ts";
import { onEdge } from "../harness/on-edge.ts";
import { until } from "../harness/until.ts";
import { answersIn, answerTo, request, untilClosed, Wire } from "../harness/wire.ts";
import { ok } from "../harness/witness.ts";

const bench = await caseBench();
const { port } = bench.proxy;

let place: Scene;
beforeAll(async () => {
  place = await bench.scene();
});

/** One answer with this status, and then the connection ends. */
async function endsWith(status: number, bytes: string): Promise<void> {
  const received = await untilClosed(port, bytes);
  expect(answersIn(received).map((answer) => answer.status)).toEqual([status]);
}

const post = (host: string, lines: string[], body: string) =>
  request(host, "POST / HTTP/1.1", ...lines) + body;

describe("requests that say in two ways where they end are refused and the upstream sees nothing", () => {
  const chunked = "0\r\n\r\n";
  test.each<[string, string[], string]>([
    ["S1 both, coding first", ["Transfer-Encoding: chunked", "Content-Length: 5"], chunked],
    ["S1 both, length first", ["Content-Length: 5", "Transfer-Encoding: chunked"], chunked],
    ["S1 the coding twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], chunked],
    ["S1 chunked, identity", ["Transfer-Encoding: chunked, identity"], chunked],
    ["S1 identity", ["Transfer-Encoding: identity"], chunked],
    ["S1 xchunked", ["Transfer-Encoding: xchunked"], chunked],
    ["S1 a vertical tab before it", ["Transfer-Encoding: \x0bchunked"], chunked],
    ["S1 an empty coding", ["Transfer-Encoding:"], chunked],
    ["S1 gzip, chunked", ["Transfer-Encoding: gzip, chunked"], chunked],
    ["S2 a list of equal lengths", ["Content-Length: 3,3"], "abc"],
    ["S2 two lengths", ["Content-Length: 3", "Content-Length: 4"], "abc"],
    ["S2 two lengths, one of them 0", ["Content-Length: 0", "Content-Length: 3"], "abc"],
    ["S2 the same length twice", ["Content-Length: 3", "Content-Length: 3"], "abc"],
    ["S2 +3", ["Content-Length: +3"], "abc"],
    ["S2 -3", ["Content-Length: -3"], "abc"],
    ["S2 0x3", ["Content-Length: 0x3"], "abc"],
    ["S2 an empty length", ["Content-Length:"], "abc"],
    ["S2 2^64+3", ["Content-Length: 18446744073709551619"], "abc"],
    ["S2 1_0", ["Content-Length: 1_0"], "abc"],
    ["S2 two numbers", ["Content-Length: 3 3"], "abc"],
  ])("%s", async (_what, lines, body) => {
    const fresh = await bench.scene();
    await endsWith(400, post(fresh.host, lines, body));
    await untouched(fresh, port);
  });

  test("S1 a coding in HTTP/1.0", async () => {
    const fresh = await bench.scene();
    const lines = ["Transfer-Encoding: chunked"];
    await endsWith(400, request(fresh.host, "POST / HTTP/1.0", ...lines) + chunked);
    await untouched(fresh, port);
  });

  async function isChunked(line: string): Promise<void> {
    const { host, witness } = await bench.scene();
    const answer = await answerTo(port, post(host, [line], "3\r\nabc\r\n0\r\n\r\n"));
    expect(answer?.status).toBe(200);
    expect(witness.latest("transfer-encoding")).toEqual(["chunked"]);
    expect(witness.requests.map(({ body }) => body)).toEqual(["3\r\nabc\r\n0\r\n\r\n"]);
  }

  test("S1 upper case is chunked", () => isChunked("Transfer-Encoding: CHUNKED"));

  // The wire edge takes no line that others may misread.
  test.each([
    ["S1 an empty element of the list", "Transfer-Encoding: chunked,"],
    ["S1 a tab before it", "Transfer-Encoding:\tchunked"],
  ])(`%s is ${onEdge({ serve: "chunked, and is framed anew", wire: "refused" })}`, (_what, line) =>
    onEdge({
      serve: () => isChunked(line),
      wire: async () => {
        const fresh = await bench.scene();
        await endsWith(400, post(fresh.host, [line], "3\r\nabc\r\n0\r\n\r\n"));
        await untouched(fresh, port);
      },
    })(),
  );
});

describe("a malformed head is refused, ends the connection, and the upstream sees nothing", () => {
  const badLine = onEdge({ serve: 505, wire: 400 });
  const heads: [string, string, number][] = [
    ["S3 bare LF throughout", "GET / HTTP/1.1\nHost: @\n\n", badLine],
    ["S3 a bare LF after a field", "GET / HTTP/1.1\r\nHost: @\r\nX: 1\nY: 2\r\n\r\n", 400],
    ["S3 a bare LF at the end", "GET / HTTP/1.1\r\nHost: @\r\n\n", 400],
    ["S3 a bare CR in a value", "GET / HTTP/1.1\r\nHost: @\r\nX: a\rb\r\n\r\n", 400],
    ["S3 a NUL in a value", "GET / HTTP/1.1\r\nHost: @\r\nX: a\0b\r\n\r\n", 400],
    ["S3 a NUL in a name", "GET / HTTP/1.1\r\nHost: @\r\nX\0: b\r\n\r\n", 400],
    ["S3 a control character in a value", "GET / HTTP/1.1\r\nHost: @\r\nX: a\x01b\r\n\r\n", 400],
    ["S3 a folded line", "GET / HTTP/1.1\r\nHost: @\r\nX: a\r\n b\r\n\r\n", 400],
    ["S3 a folded first line", "GET / HTTP/1.1\r\n Host: @\r\nHost: @\r\n\r\n", 400],
    ["S3 a space before the colon", "GET / HTTP/1.1\r\nHost: @\r\nX : a\r\n\r\n", 400],
    ["S3 an empty name", "GET / HTTP/1.1\r\nHost: @\r\n: a\r\n\r\n", 400],
    ["S3 a name that is no token", "GET / HTTP/1.1\r\nHost: @\r\nX(: a\r\n\r\n", 400],
    ["S3 a name beyond ASCII", "GET / HTTP/1.1\r\nHost: @\r\nX\xe9: a\r\n\r\n", 400],
    ["S3 no colon", "GET / HTTP/1.1\r\nHost: @\r\nXa\r\n\r\n", 400],
    ["S3 a space in the target", "GET /a b HTTP/1.1\r\nHost: @\r\n\r\n", badLine],
    ["S3 two spaces", "GET  /a HTTP/1.1\r\nHost: @\r\n\r\n", 400],
    ["S3 tabs for spaces", "GET\t/a\tHTTP/1.1\r\nHost: @\r\n\r\n", badLine],
    ["S3 a NUL in the target", "GET /\0 HTTP/1.1\r\nHost: @\r\n\r\n", badLine],
    ["S3 HTTP/1.2", "GET / HTTP/1.2\r\nHost: @\r\n\r\n", 505],
    ["S3 HTTP/0.9", "GET /\r\n\r\n", badLine],
    [
      "S7 a request line over the limit",
      `GET /${"a".repeat(17_000)} HTTP/1.1\r\nHost: @\r\n\r\n`,
      onEdge({ serve: 431, wire: 414 }),
    ],
    [
      "S7 a field over the limit",
      `GET / HTTP/1.1\r\nHost: @\r\nX: ${"a".repeat(17_000)}\r\n\r\n`,
      431,
    ],
    [
      "S7 more fields than the limit",
      `GET / HTTP/1.1\r\nHost: @\r\n${"X: a\r\n".repeat(220)}\r\n`,
      431,
    ],
  ];
  test.each(heads)("%s", async (_what, head, status) => {
    const fresh = await bench.scene();
    await endsWith(status, head.replaceAll("@", fresh.host));
    await untouched(fresh, port);
  });

  const unknown = onEdge({
    serve: "ends the connection without an answer",
    wire: "is decided like any other, and passed on as it came",
  });
  test.each(["FOO", "get"])(`S3 the unknown method %s ${unknown}`, async (method) => {
    const closed = await bench.scene({ own: { default: "deny" } });
    const open = await bench.scene();
    const line = `${method} / HTTP/1.1`;
    const close = onEdge({ serve: [], wire: ["Connection: close"] });
    const outcome = async ({ host }: Scene) => {
      const text = await untilClosed(port, request(host, line, ...close));
      onEdge({ serve: () => expect(text).toBe(""), wire: () => {} })();
      return answersIn(text).map(({ status }) => status);
    };
    expect(await outcome(closed)).toEqual(onEdge({ serve: [], wire: [403] }));
    expect(await outcome(open)).toEqual(onEdge({ serve: [], wire: [200] }));
    expect(open.witness.requests.map((seen) => seen.line)).toEqual(
      onEdge({ serve: [], wire: [line] }),
    );
    await untouched(closed, port);
  });
});

describe("a malformed chunk is 400 and the upstream never sees the end of the request", () => {
  test.each([
    ["S4 0x3", "0x3\r\nabc\r\n0\r\n\r\n"],
    ["S4 negative", "-3\r\nabc\r\n0\r\n\r\n"],
    ["S4 a sign", "+3\r\nabc\r\n0\r\n\r\n"],
    ["S4 no digit", "\r\nabc\r\n0\r\n\r\n"],
    ["S4 an extension alone", ";a\r\nabc\r\n0\r\n\r\n"],
    ["S4 not hex", "g\r\nabc\r\n0\r\n\r\n"],
    ["S4 seventeen digits", "10000000000000003\r\nabc\r\n0\r\n\r\n"],
    ["S4 a space after", "3 \r\nabc\r\n0\r\n\r\n"],
    ["S4 a space before", " 3\r\nabc\r\n0\r\n\r\n"],
    ["S4 a bare LF after the size", "3\nabc\r\n0\r\n\r\n"],
    ["S4 a bare CR after the size", "3\rabc\r\n0\r\n\r\n"],
    ["S4 a bare LF after an extension", "3;a\nabc\r\n0\r\n\r\n"],
    ["S4 a NUL in an extension", "3;\0\r\nabc\r\n0\r\n\r\n"],
    ["S4 no line end after the data", "3\r\nabc0\r\n\r\n"],
    ["S4 more data than said", "3\r\nabcd\r\n0\r\n\r\n"],
  ])("%s", async (_what, body) => {
    const fresh = await bench.scene();
    const { host, witness } = fresh;
    const received = await untilClosed(port, post(host, ["Transfer-Encoding: chunked"], body));
    expect(answersIn(received).map(({ status }) => status)).toEqual([400]);
    await answerTo(port, request(host, "GET /next HTTP/1.1"));
    expect(witness.requests.map(({ line }) => line)).toEqual(["GET /next HTTP/1.1"]);
  });

  test("S4 after a good first chunk, too: the upstream's request is broken off", async () => {
    const { host, witness } = await bench.scene();
    const wire = new Wire(port).send(post(host, ["Transfer-Encoding: chunked"], "3\r\nabc\r\n"));
    await until(() => witness.bytes > 0, "the upstream gets a byte");
    wire.send("zz\r\n");
    await wire.closed;
    await until(() => witness.open.size === 0, "the upstream is let go");
    expect(witness.requests).toEqual([]);
  });

  const zeros = onEdge({ serve: "are read as the number they are", wire: "are too many" });
  test(`S4 seventeen digits of which the first are zeros ${zeros}`, async () => {
    const { host, witness } = await bench.scene();
    const body = "00000000000000003\r\nabc\r\n0\r\n\r\n";
    const answer = await answerTo(port, post(host, ["Transfer-Encoding: chunked"], body));
    expect(answer?.status).toBe(onEdge({ serve: 200, wire: 400 }));
    expect(witness.requests.map((seen) => seen.body)).toEqual(
      onEdge({ serve: ["3\r\nabc\r\n0\r\n\r\n"], wire: [] }),
    );
  });
});

describe("S5 chunk extensions and trailers", () => {
  test.each(["3;a", "3;a=b", '3;a="\\"b"'])("S5 the extension of %j is dropped", async (size) => {
    const { host, witness } = await bench.scene();
    const body = `${size}\r\nabc\r\n0\r\n\r\n`;
    const answer = await answerTo(port, post(host, ["Transfer-Encoding: chunked"], body));
    expect(answer?.status).toBe(200);
    expect(witness.requests.map((seen) => seen.body)).toEqual(["3\r\nabc\r\n0\r\n\r\n"]);
  });

  test.each([
    ["of any kind", "X-T: 1\r\n", onEdge({ serve: 400, wire: 200 })],
    ["that would frame and route", "Content-Length: 5\r\nHost: evil.test\r\n", 400],
    [
      "that would let in",
      "X-Key: good\r\nX-Realmgate-Groups: admin\r\n",
      onEdge({ serve: 400, wire: 200 }),
    ],
    [
      "that imitate the gate",
      "x_realmgate_user: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-T: 1\r\n",
      onEdge({ serve: 400, wire: 200 }),
    ],
    ["that look like a request", "GET /smuggled HTTP/1.1\r\nHost: @\r\n", 400],
  ])("S5 trailers %s never become headers nor a request", async (_what, lines, status) => {
    const { host, witness } = await bench.scene();
    const trailers = lines.replace("@", host);
    const body = `3\r\nabc\r\n0\r\n${trailers}\r\n`;
    // Only what is answered needs to ask for the end: a refusal ends the connection by itself.
    const close = status === 200 ? ["Connection: close"] : [];
    const framing = ["Transfer-Encoding: chunked", ...close];
    const answers = answersIn(await untilClosed(port, post(host, framing, body)));
    expect(answers.at(-1)?.status).toBe(status);
    if (status === 200) {
      // Of the gate's own names nothing arrives, be it a trailer.
      const arrives = body.replace(/^(?:X.Realmgate|X.Forwarded).*\r\n/gim, "");
      expect(witness.requests.map((seen) => seen.body)).toEqual([arrives]);
    }
    for (const { line, headers } of witness.requests) {
      expect(line).toBe("POST / HTTP/1.1");
      expect(headers.find(([name]) => name === "x-t" || name === "x-key")).toBeUndefined();
      expect(headers.filter(([name]) => name === "host")).toEqual([["host", host]]);
    }
  });
});

describe("bodies of methods that rarely have one", () => {
  async function isRefused(method: string): Promise<void> {
    const fresh = await bench.scene();
    const smuggled = request(fresh.host, "GET /smuggled HTTP/1.1");
    for (const [framing, body] of [
      [`Content-Length: ${smuggled.length}`, smuggled],
      ["Transfer-Encoding: chunked", `3\r\nabc\r\n0\r\n\r\n${smuggled}`],
    ] as const) {
      const received = await untilClosed(
        port,
        request(fresh.host, `${method} / HTTP/1.1`, framing) + body,
      );
      expect(received).toStartWith("HTTP/1.1 400 ");
      expect(received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    }
    await untouched(fresh, port);
  }

  async function carriesIt(method: string): Promise<void> {
    const { host, witness } = await bench.scene();
    const smuggled = request(host, "GET /smuggled HTTP/1.1");
    const line = `${method} / HTTP/1.1`;
    const bodies = [
      [`Content-Length: ${smuggled.length}`, smuggled],
      ["Transfer-Encoding: chunked", `3\r\nabc\r\n0\r\n\r\n`],
    ] as const;
    for (const [framing, body] of bodies) {
      const bytes = request(host, line, framing, "Connection: close") + body;
      const received = await untilClosed(port, bytes);
      expect(received).toStartWith("HTTP/1.1 200 ");
      expect(received.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
    }
    expect(witness.requests.map((seen) => [seen.line, seen.body])).toEqual(
      bodies.map(([, body]) => [line, body]),
    );
  }

  const withBody = onEdge({ serve: "is 400 and ends the connection", wire: "carries it" });
  test.each(["GET", "HEAD"])(`S6 %s with a body ${withBody}`, (method) =>
    onEdge({ serve: isRefused, wire: carriesIt })(method),
  );

  test.each([
    ["Content-Length: 3", "abc", "abc"],
    ["Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"],
  ])("S6 DELETE with %s carries it", async (framing, body, arrives) => {
    const { host, witness } = await bench.scene();
    const bytes = request(host, "DELETE / HTTP/1.1", framing) + body;
    expect((await answerTo(port, bytes))?.status).toBe(200);
    expect(witness.requests.map((seen) => seen.body)).toEqual([arrives]);
  });

  // A program that does not read such a body would take it for a request.
  test.each(
    onEdge({ serve: ["DELETE", "OPTIONS"], wire: ["DELETE", "OPTIONS", "GET", "HEAD", "X"] }),
  )("S6 %s with a body is the last request of its upstream connection", async (method) => {
    const { host, witness } = await bench.scene();
    const bodies = [`Content-Length: 3\r\n\r\nabc`, "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"];
    for (const body of bodies) {
      const bytes = request(host, `${method} / HTTP/1.1`).slice(0, -2) + body;
      const wire = new Wire(port).send(bytes);
      expect(await wire.saw("HTTP/1.1 200 ")).toBe(true);
      wire.end();
      expect(witness.latest("connection")).toEqual(["close"]);
      await until(() => witness.open.size === 0, "the upstream connection ends");
    }
    const plain = request(host, `${method} / HTTP/1.1`, "Content-Length: 0");
    const wire = new Wire(port).send(plain);
    expect(await wire.saw("HTTP/1.1 200 ")).toBe(true);
    wire.end();
    expect(witness.latest("connection")).not.toEqual(["close"]);
    // A response to HEAD that names a body ends its connection, see S11.
    if (method !== "HEAD") expect(witness.open.size).toBe(1);
  });

  test("S6 POST with a body leaves its upstream connection to others", async () => {
    const { host, witness } = await bench.scene();
    for (let i = 0; i < 3; i++) {
      expect((await answerTo(port, post(host, ["Content-Length: 3"], "a=b")))?.status).toBe(200);
    }
    // The runtime's edge has nothing of a body when its head goes upstream.
    expect(witness.connections).toBe(onEdge({ serve: 3, wire: 1 }));
  });
});

test.each([
  ["of which a part is missing", "Content-Length: 500", (inner: string) => inner],
  ["with something behind it", "Content-Length: 3", (inner: string) => `abc${inner}`],
  ["that lacks its last chunk", "Transfer-Encoding: chunked", (inner: string) => `fff\r\n${inner}`],
  [
    "in chunks, with something behind it",
    "Transfer-Encoding: chunked",
    (inner: string) => `3\r\nabc\r\n0\r\n\r\n${inner}`,
  ],
])(
  "S8 a refusal before a body %s ends the connection: nothing of it becomes a request",
  async (_what, framing, body) => {
    const fresh = await bench.scene({ own: { default: "deny" } });
    const smuggled = request(place.host, "GET /smuggled HTTP/1.1");
    const bytes = request(fresh.host, "POST / HTTP/1.1", framing) + body(smuggled);
    const received = await untilClosed(port, bytes);
    expect(received).toStartWith("HTTP/1.1 403 ");
    expect(received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(place.witness.requests.filter(({ line }) => line.includes("smuggled"))).toEqual([]);
    await untouched(fresh, port);
  },
);

const T = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
const EVIL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/** The upstream answers the first request with these bytes and the next ones well; the answers to both. */
async function spoiled(bytes: string, method = "POST", end = false) {
  let first = true;
  const scene = await bench.scene({}, ({ line }, socket: net.Socket) => {
    if (!first) return ok(line);
    first = false;
    if (end) socket.end(bytes, "latin1");
    return end ? null : bytes;
  });
  const line = `${method} /1 HTTP/1.1`;
  const wire = new Wire(port).send(request(scene.host, line, "Content-Length: 0"));
  const { answer, interim } =
    method === "HEAD" ? { answer: await headOf(wire), interim: [] } : await wire.finalAnswer();
  const { received } = wire;
  wire.end();
  const next = await answerTo(port, request(scene.host, "POST /2 HTTP/1.1", "Content-Length: 0"));
  expect(next?.body).toBe("POST /2 HTTP/1.1");
  return { answer, interim: interim.map(({ status }) => status), received, ...scene };
}

async function headOf(wire: Wire) {
  expect(await wire.saw("\r\n\r\n")).toBe(true);
  const [head = "", rest] = wire.received.split("\r\n\r\n");
  const [line = "", ...lines] = head.split("\r\n");
  const headers = new Map(lines.map((each) => each.toLowerCase().split(": ") as [string, string]));
  return { status: Number(line.split(" ")[1]), headers, body: rest ?? "" };
}

describe("an upstream's answer that is malformed is 502, and the next one is right", () => {
  test.each([
    [
      "S9 both framings",
      `${T}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    ],
    ["S9 two lengths", `${T}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`],
    ["S9 the same length twice", `${T}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`],
    ["S9 a list of lengths", `${T}Content-Length: 3, 3\r\n\r\nabc`],
    ["S9 +3", `${T}Content-Length: +3\r\n\r\nabc`],
    ["S9 -3", `${T}Content-Length: -3\r\n\r\nabc`],
    ["S9 2^64+3", `${T}Content-Length: 18446744073709551619\r\n\r\nabc`],
    [
      "S9 the coding twice",
      `${T}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    ],
    ["S9 another coding", `${T}Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`],
    ["S9 a coding besides", `${T}Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`],
    ["S9 a bare CR", `${T}X: a\rSet-Cookie: b=1\r\nContent-Length: 3\r\n\r\nabc`],
    ["S9 a bare LF", `${T}X: a\nY: b\r\nContent-Length: 3\r\n\r\nabc`],
    ["S9 a NUL", `${T}X: a\0b\r\nContent-Length: 3\r\n\r\nabc`],
    ["S9 a folded line", `${T}X: a\r\n b\r\nContent-Length: 3\r\n\r\nabc`],
    ["S9 a space before the colon", `${T}X : a\r\nContent-Length: 3\r\n\r\nabc`],
    ["S9 an empty name", `${T}: a\r\nContent-Length: 3\r\n\r\nabc`],
    [
      "S9 an unasked 101",
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc`,
    ],
    ["S9 HTTP/2.0", `HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabc`],
    ["S9 status 99", `HTTP/1.1 99 X\r\nContent-Length: 3\r\n\r\nabc`],
    ["S9 status 600", `HTTP/1.1 600 X\r\nContent-Length: 3\r\n\r\nabc`],
    [
      "D1 a flood of fields",
      `HTTP/1.1 200 OK\r\n${"X: a\r\n".repeat(300)}Content-Length: 3\r\n\r\nabc`,
    ],
    [
      "D1 a head of two megabytes",
      `${T}X: ${"a".repeat(2_000_000)}\r\nContent-Length: 3\r\n\r\nabc`,
    ],
  ])("%s", async (_what, bytes) => {
    const { answer, interim } = await spoiled(bytes);
    expect([answer?.status, codeOf(answer?.body ?? "")]).toEqual([502, "upstream_unreachable"]);
    expect(answer?.headers.get("set-cookie")).toBeUndefined();
    expect(interim).toEqual([]);
  });

  const hints = (count: number) => "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(count);
  const sixteen = onEdge({ serve: [], wire: Array<number>(16).fill(103) });

  test("S9 seventeen 1xx", async () => {
    const { answer, interim } = await spoiled(`${hints(17)}${T}Content-Length: 3\r\n\r\nabc`);
    expect([answer?.status, codeOf(answer?.body ?? "")]).toEqual([502, "upstream_unreachable"]);
    expect(answer?.headers.get("set-cookie")).toBeUndefined();
    expect(interim).toEqual(sixteen);
  });

  const pass = onEdge({ serve: "are dropped", wire: "are passed on" });
  test(`S9 sixteen 1xx ${pass}, the answer arrives`, async () => {
    const { answer, interim } = await spoiled(`${hints(16)}${T}Content-Length: 3\r\n\r\nabc`);
    expect(interim).toEqual(sixteen);
    expect([answer?.status, answer?.body, answer?.headers.has("link")]).toEqual([
      200,
      "abc",
      false,
    ]);
  });

  test.each([
    ["a length", `${T}Content-Length: 3\r\n\r\nabc${EVIL}`],
    ["chunks", `${T}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n${EVIL}`],
  ])("S9 bytes after the end of a body with %s are nobody's answer", async (_what, bytes) => {
    const { answer, received } = await spoiled(bytes);
    expect([answer?.status, answer?.body, received]).toEqual([200, "abc", ""]);
  });

  test("S9 trailers and chunk extensions of an answer are dropped", async () => {
    const body = "3;a=b\r\nabc\r\n0\r\nSet-Cookie: b=1\r\n\r\n";
    const { answer } = await spoiled(`${T}Transfer-Encoding: chunked\r\n\r\n${body}`);
    expect([answer?.status, answer?.body, answer?.headers.has("set-cookie")]).toEqual([
      200,
      "abc",
      false,
    ]);
  });
});

describe("an answer that is cut short is seen to be cut short", () => {
  const partial = [
    ["a length, short", `${T}Content-Length: 10\r\n\r\nabc`],
    ["a length, long", `${T}Content-Length: 70000\r\n\r\n${"x".repeat(5_000)}`],
    ["chunks", `${T}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`],
    ["a chunk that is cut", `${T}Transfer-Encoding: chunked\r\n\r\na\r\nabc`],
    ["a chunk whose size is none", `${T}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n`],
    ["a chunk without its end", `${T}Transfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n`],
  ] as const;
  const ends = [
    ["FIN", (socket: net.Socket) => socket.end()],
    ["RST", (socket: net.Socket) => socket.resetAndDestroy()],
  ] as const;

  test.each(
    ends.flatMap(([end, cut]) => partial.map(([what, bytes]) => [end, what, bytes, cut] as const)),
  )("S10 by %s, of a body with %s", async (_end, _what, bytes, cut) => {
    const { host } = await bench.scene({}, (_request, socket) => {
      socket.write(bytes, "latin1", () => cut(socket));
      return null;
    });
    const received = await untilClosed(
      port,
      request(host, "POST / HTTP/1.1", "Content-Length: 0", "Connection: close"),
    );
    // Either it never began, or it is no whole answer.
    const whole = answersIn(received);
    expect(whole.filter(({ status }) => status !== 502)).toEqual([]);
  });
});

describe("answers that have no body are passed without one, and the next one is right", () => {
  test.each([
    ["HEAD", "POST", ""],
    ["204", "POST", "204 No Content"],
    ["304", "POST", "304 Not Modified"],
  ])("S11 %s", async (what, _method, status) => {
    for (const rest of [
      `Content-Length: ${EVIL.length}\r\n\r\n${EVIL}`,
      `\r\n${EVIL}`,
      `Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n${EVIL}`,
    ]) {
      const isHead = what === "HEAD";
      const bytes = isHead ? `${T}${rest}` : `HTTP/1.1 ${status}\r\n${rest}`;
      const { answer, received, witness } = await spoiled(bytes, isHead ? "HEAD" : "POST");
      expect(answer?.body).toBe("");
      expect(received.slice(received.indexOf("\r\n\r\n") + 4)).not.toContain("evil");
      // A connection with leftovers is not used again.
      expect(witness.connections).toBe(2);
    }
  });

  test.each([
    ["HEAD", `${T}Content-Length: 3\r\n\r\n`],
    ["HEAD", `${T}Transfer-Encoding: chunked\r\n\r\n`],
    ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n"],
  ])("S11 %s with %j: a body that comes late is nobody's answer", async (method, bytes) => {
    const { answer, witness } = await spoiled(bytes, method);
    expect(answer?.body).toBe("");
    expect(witness.connections).toBe(2);
  });

  test.each([
    ["HEAD", `${T}Content-Length: 0\r\n\r\n`],
    ["GET", "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"],
  ])("S11 %s with %j leaves its connection to others", async (method, bytes) => {
    const { witness } = await spoiled(bytes, method);
    expect(witness.connections).toBe(1);
  });
});

describe("what is sent to an upstream again", () => {
  /** Answers the first request of a connection, and hangs up on the second of the first connection. */
  async function reused(method: string, hangUp: (socket: net.Socket) => void, body: string) {
    const { host, witness } = await bench.scene({}, ({ line, connection }, socket) => {
      const nth = witness.requests.filter((seen) => seen.connection === connection).length;
      if (connection === 1 && nth === 2) {
        hangUp(socket);
        return null;
      }
      return ok(line);
    });
    await answerTo(port, request(host, "GET /first HTTP/1.1"));
    const framing = body === "" && method === "GET" ? [] : [`Content-Length: ${body.length}`];
    const answer = await answerTo(
      port,
      request(host, `${method} /second HTTP/1.1`, ...framing) + body,
    );
    const seconds = witness.requests.filter(({ line }) => line.includes("/second"));
    return { status: answer?.status, seconds: seconds.map((seen) => seen.body) };
  }
  const silently = (socket: net.Socket) => socket.destroy();

  test.each([
    ["POST", ""],
    ["POST", "abc"],
    ["PATCH", "abc"],
  ])("S12 %s is never sent twice (body %j)", async (method, body) => {
    expect(await reused(method, silently, body)).toEqual({ status: 502, seconds: [body] });
  });

  test("S12 GET is, once, when a reused connection ends before the answer begins", async () => {
    expect(await reused("GET", silently, "")).toEqual({ status: 200, seconds: ["", ""] });
  });

  test("S12 GET is not when anything of the answer came, be it a part of its head", async () => {
    const afterAPart = (socket: net.Socket) => socket.write(T, () => socket.destroy());
    expect(await reused("GET", afterAPart, "")).toEqual({ status: 502, seconds: [""] });
    const afterTheHead = (socket: net.Socket) =>
      socket.write(`${T}Content-Length: 9\r\n\r\n`, () => socket.destroy());
    // The wire edge has passed the head on by then: the client sees an answer that is cut short.
    const status = onEdge({ serve: 502, wire: undefined });
    expect(await reused("GET", afterTheHead, "")).toEqual({ status, seconds: [""] });
  });

  test.each(["PUT", "DELETE"])(
    "S12 %s with a body never arrives twice with another body",
    async (method) => {
      const { seconds } = await reused(method, silently, "abc");
      expect([["abc"], ["abc", "abc"]]).toContainEqual(seconds);
    },
  );

  test("S12 GET is not, on a connection that was not used before", async () => {
    const { host, witness } = await bench.scene({}, (_request, socket) => {
      socket.destroy();
      return null;
    });
    expect((await answerTo(port, request(host)))?.status).toBe(502);
    expect(witness.requests).toHaveLength(1);
  });
});

describe("what else the edge changes", () => {
  test("HEAD of a chunked answer says no length, as GET would not", async () => {
    const bytes = `${T}Transfer-Encoding: chunked\r\n\r\n`;
    const { answer } = await spoiled(bytes, "HEAD");
    expect([answer?.status, answer?.headers.get("content-length")]).toEqual([200, undefined]);
  });

  const halfClosed = onEdge({ serve: "is taken for gone", wire: "is answered" });
  test(`a client that half-closes after its request ${halfClosed}`, async () => {
    const wire = new Wire(port);
    wire.socket.allowHalfOpen = true;
    wire.socket.end(request(place.host));
    await wire.closed;
    expect(answersIn(wire.received).map(({ status }) => status)).toEqual(
      onEdge({ serve: [], wire: [200] }),
    );
    if (onEdge({ serve: true, wire: false })) expect(wire.received).toBe("");
  });

  const survive = onEdge({ serve: "do not survive", wire: "survive" });
  test(`bytes in a target that are no UTF-8 ${survive}`, async () => {
    const { host, witness } = await bench.scene();
    expect((await answerTo(port, request(host, "GET /\xe9 HTTP/1.1")))?.status).toBe(200);
    expect(witness.requests.map(({ line }) => line)).toEqual([
      onEdge({ serve: "GET /%EF%BF%BD HTTP/1.1", wire: "GET /\xe9 HTTP/1.1" }),
    ]);
  });
});
