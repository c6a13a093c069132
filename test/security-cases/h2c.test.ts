// Programs that speak HTTP/2 and do not keep to its rules: no response is more than what they sent, and nothing odd is used again.
import { afterEach, describe, expect, test } from "bun:test";
import type net from "node:net";
import { caseBench, codeOf } from "../harness/gate.ts";
import {
  block,
  data,
  END_HEADERS,
  END_STREAM,
  type Field,
  type FrameScript,
  type FrameUpstream,
  frame,
  head,
  number32,
  startFrameUpstream,
  Type,
} from "../harness/http2-frames.ts";
import { onEdge } from "../harness/on-edge.ts";
import { within } from "../harness/until.ts";
import { answerTo, request, untilClosed } from "../harness/wire.ts";

const bench = await caseBench();
const OK: readonly Field[] = [
  [":status", "200"],
  ["content-type", "text/plain"],
];
const whole = (stream: number) =>
  Buffer.concat([head(stream, OK), data(stream, "fine", END_STREAM)]);

/** How `whole` ends at the client: the runtime's server says the length of what has come at once. */
const FINE = onEdge({ wire: "4\r\nfine\r\n0\r\n\r\n", serve: "\r\n\r\nfine" });

const started: FrameUpstream[] = [];
afterEach(() => {
  for (const upstream of started.splice(0)) upstream.stop();
});

async function scene(script: FrameScript | FrameScript["asked"]) {
  const upstream = await startFrameUpstream(
    typeof script === "function" ? { asked: script } : script,
  );
  started.push(upstream);
  const placed = await bench.place({
    programs: { terminal: { port: upstream.port, stride: 0, protocol: "h2c" } },
  });
  return { upstream, placed, host: placed.host("terminal-1") };
}

/** Everything that a client gets on a connection of its own. */
const all = (host: string, line = "GET / HTTP/1.1", port = bench.proxy.port) =>
  untilClosed(port, request(host, line, "Connection: close"));

const BIG = "a".repeat(16_000);

/** What is sent in answer to a request: each ends in 502, and the next request has a connection of its own. */
const UNUSABLE: Record<string, (stream: number) => Buffer> = {
  "HTTP/1.1": () => Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
  "no status": (stream) => head(stream, [["content-type", "a/b"]], END_STREAM),
  "two statuses": (stream) =>
    head(
      stream,
      [
        [":status", "200"],
        [":status", "403"],
      ],
      END_STREAM,
    ),
  "status 99": (stream) => head(stream, [[":status", "99"]], END_STREAM),
  "status 101": (stream) => head(stream, [[":status", "101"]]),
  "status 999": (stream) => head(stream, [[":status", "999"]], END_STREAM),
  "a name in upper case": (stream) => head(stream, [...OK, ["X-Up", "1"]], END_STREAM),
  "a line end in a value": (stream) =>
    head(stream, [...OK, ["x", "1\r\nset-cookie: a"]], END_STREAM),
  "NUL in a value": (stream) => head(stream, [...OK, ["x", "1\0"]], END_STREAM),
  "a field of a connection": (stream) => head(stream, [...OK, ["connection", "close"]], END_STREAM),
  "a transfer coding": (stream) =>
    head(stream, [...OK, ["transfer-encoding", "chunked"]], END_STREAM),
  "two lengths": (stream) =>
    Buffer.concat([
      head(stream, [...OK, ["content-length", "4"], ["content-length", "5"]]),
      data(stream, "four", END_STREAM),
    ]),
  "no number as length": (stream) =>
    Buffer.concat([
      head(stream, [...OK, ["content-length", "+4"]]),
      data(stream, "four", END_STREAM),
    ]),
  "a length, and no body": (stream) => head(stream, [...OK, ["content-length", "30"]], END_STREAM),
  "a body without a head": (stream) => data(stream, "evil", END_STREAM),
  "more than 16 interim responses": (stream) =>
    Buffer.concat([...Array(17).fill(head(stream, [[":status", "103"]])), whole(stream)]),
  "a pushed request": (stream) =>
    frame(
      Type.push,
      END_HEADERS,
      stream,
      Buffer.concat([
        number32(2),
        block([
          [":method", "GET"],
          [":path", "/"],
          [":scheme", "http"],
          [":authority", "x"],
        ]),
      ]),
    ),
  "a stream of its own": () => head(2, OK),
  "a stream of its own, twice": () =>
    Buffer.concat([head(2, OK, END_STREAM), head(2, OK, END_STREAM)]),
  "a stream of its own, and one of number 0": () => Buffer.concat([head(2, OK), head(0, OK)]),
  "a stream of its own whose fields are none": () =>
    frame(Type.headers, END_STREAM | END_HEADERS, 4, Buffer.alloc(5, 255)),
  "1,500 fields": (stream) =>
    head(
      stream,
      [...OK, ...Array.from({ length: 1_500 }, (_, n) => [`x${n}`, "1"] as const)],
      END_STREAM,
    ),
  "16 MB of fields": (stream) =>
    Buffer.concat([
      frame(Type.headers, 0, stream, block(OK)),
      ...Array.from({ length: 1_000 }, (_, n) =>
        frame(Type.continuation, 0, stream, block([[`x${n}`, BIG]])),
      ),
      frame(Type.continuation, END_HEADERS, stream, block([["z", "1"]])),
    ]),
  "one field of 4 KB, named 800,000 times": (stream) =>
    Buffer.concat([
      frame(
        Type.headers,
        0,
        stream,
        Buffer.concat([
          block([[":status", "200"]]),
          Buffer.from([0x40]),
          block([["x", "a".repeat(3_900)]]).subarray(1),
        ]),
      ),
      ...Array.from({ length: 50 }, (_, n) =>
        frame(Type.continuation, n === 49 ? END_HEADERS : 0, stream, Buffer.alloc(16_000, 0xbe)),
      ),
    ]),
  "a block of fields that another frame breaks": (stream) =>
    Buffer.concat([frame(Type.headers, 0, stream, block(OK)), data(stream, "x", END_STREAM)]),
  "a reset": (stream) => frame(Type.reset, 0, stream, number32(2)),
  "60,000 pings": () => Buffer.alloc(60_000 * 17, frame(Type.ping, 0, 0, Buffer.alloc(8))),
  "60,000 priorities": () =>
    Buffer.alloc(60_000 * 14, frame(Type.priority, 0, 1, Buffer.from([0, 0, 0, 0, 1]))),
};

test.each(Object.entries(UNUSABLE))(
  "S9 %s: 502, and the next request has a connection of its own",
  async (_what, sent) => {
    const { host, upstream } = await scene((stream, socket) => {
      socket.write(upstream.connections === 1 ? sent(stream) : whole(stream));
    });
    // POST is not repeated, so that it shows.
    const answer = await answerTo(
      bench.proxy.port,
      request(host, "POST / HTTP/1.1", "Content-Length: 0"),
    );
    expect([answer?.status, codeOf(answer?.body ?? "")]).toEqual([502, "upstream_unreachable"]);
    expect(await all(host)).toEndWith(FINE);
    expect(upstream.connections).toBe(2);
  },
);

/** What follows `part` of a body: the client sees that it broke off. */
test.each(["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH"])(
  "%s with a length of 0 is asked once, over one connection",
  async (method) => {
    let asked = 0;
    const { host, upstream } = await scene((stream, socket) => {
      asked++;
      socket.write(
        method === "HEAD"
          ? head(stream, OK, END_STREAM)
          : Buffer.concat([head(stream, OK), data(stream, "fine", END_STREAM)]),
      );
    });
    const lines = request(host, `${method} / HTTP/1.1`, "Content-Length: 0", "Connection: close");
    const text = await untilClosed(bench.proxy.port, lines);
    expect(text).toStartWith("HTTP/1.1 200");
    expect([asked, upstream.connections]).toEqual([1, 1]);
  },
);

const CUT: Record<string, (stream: number, socket: net.Socket) => void> = {
  "a reset with an error": (stream, socket) =>
    socket.write(frame(Type.reset, 0, stream, number32(2))),
  "a reset without an error": (stream, socket) =>
    socket.write(frame(Type.reset, 0, stream, number32(0))),
  "a reset that says cancelled": (stream, socket) =>
    socket.write(frame(Type.reset, 0, stream, number32(8))),
  "the rest with a stream of its own": (stream, socket) =>
    socket.write(Buffer.concat([data(stream, "rest", END_STREAM), head(2, OK)])),
  "the end of the connection within the last frame": (stream, socket) =>
    socket.end(data(stream, "0123456789", END_STREAM).subarray(0, 14)),
  "the end of the connection behind the head of the last frame": (stream, socket) =>
    socket.end(data(stream, "0123456789", END_STREAM).subarray(0, 9)),
  "the end of the connection within its trailers": (stream, socket) =>
    socket.end(frame(Type.headers, END_STREAM, stream)),
  "a reset without an error and an end behind it": (stream, socket) =>
    socket.write(
      Buffer.concat([frame(Type.reset, 0, stream, number32(0)), data(stream, "", END_STREAM)]),
    ),
  "the end of the connection": (_stream, socket) => socket.end(),
  "a reset of the connection": (_stream, socket) => socket.resetAndDestroy(),
  "trailers that do not end it": (stream, socket) => socket.write(head(stream, [["a", "b"]])),
  "trailers with a status": (stream, socket) =>
    socket.write(head(stream, [[":status", "200"]], END_STREAM)),
  "trailers with a length": (stream, socket) =>
    socket.write(head(stream, [["content-length", "4"]], END_STREAM)),
  "200,000 empty frames": (stream, socket) =>
    socket.write(Buffer.alloc(200_000 * 9, frame(Type.data, 0, stream))),
  "more than its window": (stream, socket) => {
    for (let n = 0; n < 40; n++) socket.write(frame(Type.data, 0, stream, Buffer.alloc(16_384)));
  },
  "a frame that is too large": (stream, socket) =>
    socket.write(frame(Type.data, END_STREAM, stream, Buffer.alloc(70_000))),
};

test.each(Object.entries(CUT))(
  "S10 part of a body and %s: the client sees no end",
  async (_what, cut) => {
    const { host } = await scene((stream, socket) => {
      socket.write(Buffer.concat([head(stream, OK), data(stream, "part")]));
      setTimeout(() => cut(stream, socket), 20);
    });
    const text = await all(host);
    expect(text).toContain("part");
    expect(text).not.toEndWith("0\r\n\r\n");
  },
);

test.each([
  ["fewer", "10"],
  ["more", "2"],
])("S10 %s bytes than the length says: the client sees no whole body", async (_what, length) => {
  const { host } = await scene((stream, socket) => {
    socket.write(
      Buffer.concat([
        head(stream, [
          [":status", "200"],
          ["content-length", length],
        ]),
        data(stream, "part", END_STREAM),
      ]),
    );
  });
  const text = await all(host);
  const body = text.split("\r\n\r\n")[1] ?? "";
  expect(text.startsWith("HTTP/1.1 502") || body.length < Number(length)).toBe(true);
});

describe("before anything is sent", () => {
  test("an upstream that speaks HTTP/1.1 gets no request", async () => {
    const { host, upstream } = await scene({
      preface: Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
      asked: () => {},
    });
    expect((await answerTo(bench.proxy.port, request(host)))?.status).toBe(502);
    expect(upstream.types).not.toContain(Type.headers);
  });

  test("one that says nothing gets none either: 504", async () => {
    const { host, upstream } = await scene({ preface: Buffer.alloc(0), asked: () => {} });
    expect((await answerTo(bench.hasty.port, request(host)))?.status).toBe(504);
    expect(upstream.types).not.toContain(Type.headers);
  });

  test("one that takes no streams: 502", async () => {
    const none = frame(Type.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 0]));
    const { host, upstream } = await scene({ preface: none, asked: () => {} });
    expect((await answerTo(bench.proxy.port, request(host)))?.status).toBe(502);
    expect(upstream.types).not.toContain(Type.headers);
  });
});

test("one that never answers: 504, and its stream is reset", async () => {
  const { host, upstream } = await scene(() => {});
  expect((await answerTo(bench.hasty.port, request(host)))?.status).toBe(504);
  while (upstream.resets.length === 0) await Bun.sleep(5);
  expect(upstream.resets).toEqual([1]);
});

test("S12 a stream that was refused is asked for once more, and no more often", async () => {
  let asked = 0;
  const { host } = await scene((stream, socket) => {
    asked++;
    socket.write(asked === 1 ? frame(Type.reset, 0, stream, number32(7)) : whole(stream));
  });
  expect(await all(host)).toEndWith(FINE);
  expect(asked).toBe(2);
  const always = await scene((stream, socket) => {
    asked++;
    socket.write(frame(Type.reset, 0, stream, number32(7)));
  });
  expect((await answerTo(bench.proxy.port, request(always.host)))?.status).toBe(502);
  expect(asked).toBe(4);
});

test("S12 a request with a body is not repeated", async () => {
  let asked = 0;
  const { host } = await scene((stream, socket) => {
    asked++;
    socket.write(frame(Type.reset, 0, stream, number32(7)));
  });
  const post = `${request(host, "POST / HTTP/1.1", "Content-Length: 1")}x`;
  expect((await answerTo(bench.proxy.port, post))?.status).toBe(502);
  expect(asked).toBe(1);
});

test("after GOAWAY the stream goes on, and the next request has a connection of its own", async () => {
  const { host, upstream } = await scene((stream, socket) => {
    socket.write(
      Buffer.concat([
        head(stream, OK),
        frame(Type.goaway, 0, 0, Buffer.concat([number32(stream), number32(0)])),
      ]),
    );
    setTimeout(() => socket.write(data(stream, "fine", END_STREAM)), 50);
  });
  expect(await all(host)).toEndWith(FINE);
  expect(await all(host)).toEndWith(FINE);
  expect(upstream.connections).toBe(2);
});

test("S13 frames of streams that nobody asked for reach no client", async () => {
  const { host } = await scene((stream, socket) => {
    socket.write(
      Buffer.concat([
        data(stream + 2, "evil", END_STREAM),
        head(stream + 2, OK, END_STREAM),
        whole(stream),
      ]),
    );
  });
  for (let n = 0; n < 5; n++) {
    const text = await all(host);
    expect(text).not.toContain("evil");
    expect(text.endsWith(FINE) || text.startsWith("HTTP/1.1 502")).toBe(true);
  }
});

test("F5 trailers that only the gate may say, and those that mean something in a head, end at the gate", async () => {
  const { host } = await scene((stream, socket) => {
    const trailers: Field[] = [
      ["grpc-status", "0"],
      ["x-realmgate-groups", "root"],
      ["x_realmgate_groups", "root"],
      ["x-forwarded-for", "10.9.9.9"],
      ["set-cookie", "a=1"],
      ["www-authenticate", "Basic"],
      ["trailer", "x"],
      ["x-sum", "7"],
    ];
    socket.write(
      Buffer.concat([head(stream, OK), data(stream, "part"), head(stream, trailers, END_STREAM)]),
    );
  });
  expect(await all(host)).toEndWith(
    onEdge({
      wire: "4\r\npart\r\n0\r\ngrpc-status: 0\r\nx-sum: 7\r\n\r\n",
      serve: "\r\n\r\npart",
    }),
  );
});

test("W1 an upgrade does not reach such a program", async () => {
  const { host, upstream } = await scene(() => {});
  const answer = await answerTo(
    bench.proxy.port,
    request(
      host,
      "GET / HTTP/1.1",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
  );
  expect(answer?.status).toBe(502);
  expect(upstream.connections).toBe(0);
});

test("one program at work does not hold the others up", async () => {
  const flood = Buffer.alloc(16_397 * 60, frame(0x20, 0, 0, Buffer.alloc(16_388)));
  let goesOn = true;
  const { host } = await scene((_stream, socket) => {
    const send = () => {
      while (goesOn && socket.write(flood));
    };
    socket.on("drain", send);
    send();
  });
  const flooded = answerTo(bench.hasty.port, request(host));
  const other = await scene((stream, socket) => socket.write(whole(stream)));
  for (let n = 0; n < 10; n++) expect(await all(other.host)).toEndWith(FINE);
  goesOn = false;
  expect([502, 504]).toContain((await within(flooded, "the flood ends"))?.status ?? 0);
});
