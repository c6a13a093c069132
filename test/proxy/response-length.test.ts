// What responses say of their length and type: what the upstream said, and never anything else.
import { describe, expect, test } from "bun:test";
import type net from "node:net";
import { onEdge } from "../harness/on-edge.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { answersIn, untilClosed, Wire } from "../harness/wire.ts";

const { proxy, place, listen } = await testBench();

/** Answers each request with this head and so many bytes; to HEAD with the head alone. */
function upstream(lines: readonly string[], bytes: number, chunked = false) {
  return (socket: net.Socket) => {
    socket.on("data", (data) => {
      socket.write([...lines, "", ""].join("\r\n"));
      if (data.toString("latin1").startsWith("HEAD ")) return;
      const body = Buffer.alloc(bytes, "x");
      if (!chunked) socket.write(body);
      else if (bytes === 0) socket.write("0\r\n\r\n");
      else
        socket.write(
          Buffer.concat([
            Buffer.from(`${bytes.toString(16)}\r\n`),
            body,
            Buffer.from("\r\n0\r\n\r\n"),
          ]),
        );
    });
  };
}

async function answerOf(method: string, serve: (socket: net.Socket) => void) {
  const placed = await place({ programs: { terminal: await listen(serve) } });
  const text = await untilClosed(
    proxy.port,
    `${method} / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nConnection: close\r\n\r\n`,
  );
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const field = (name: string) =>
    head
      .split("\r\n")
      .filter((line) => line.toLowerCase().startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trim());
  return {
    status: Number(head.split(" ")[1]),
    length: field("content-length"),
    coding: field("transfer-encoding"),
    type: field("content-type"),
    body: rest.join("\r\n\r\n"),
  };
}

describe("the length that the upstream said is said to the client, and no type is made up", () => {
  const sizes = [1, 10, 11, 1_000, 16_384, 65_535, 65_536, 65_537, 200_000, 1_048_576];
  const cases = sizes.flatMap((bytes): [string, number, string][] => [
    ["200 OK", bytes, "text/x"],
    ["200 OK", bytes, ""],
    ["206 Partial Content", bytes, "video/x"],
    ["404 Not Found", bytes, ""],
  ]);
  test.each(cases)("%s with %i bytes of type %j", async (status, bytes, type) => {
    const lines = [`HTTP/1.1 ${status}`, `Content-Length: ${bytes}`];
    if (type !== "") lines.push(`Content-Type: ${type}`);
    const answer = await answerOf("GET", upstream(lines, bytes));
    expect(answer).toMatchObject({
      status: Number(status.slice(0, 3)),
      length: [String(bytes)],
      coding: [],
      type: type === "" ? [] : [type],
    });
    expect(answer.body.length).toBe(bytes);
  });

  test.each(["text/x", ""])("an empty body of type %j", async (type) => {
    const lines = ["HTTP/1.1 200 OK", "Content-Length: 0"];
    if (type !== "") lines.push(`Content-Type: ${type}`);
    const answer = await answerOf("GET", upstream(lines, 0));
    expect(answer).toMatchObject({ length: ["0"], type: type === "" ? [] : [type], body: "" });
  });

  test.each([5, 70_000])("%i bytes of a type that is empty", async (bytes) => {
    const lines = ["HTTP/1.1 200 OK", "Content-Type: ", `Content-Length: ${bytes}`];
    const answer = await answerOf("GET", upstream(lines, bytes));
    expect(answer).toMatchObject({ length: [String(bytes)], type: [""] });
  });

  test.each([5, 70_000])("%i bytes in chunks have no type that was not said", async (bytes) => {
    const lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"];
    expect((await answerOf("GET", upstream(lines, bytes, true))).type).toEqual([]);
  });
});

describe("HEAD", () => {
  test.each(["0", "5", "65536", "5000000000"])("says length %s as GET would", async (length) => {
    const lines = ["HTTP/1.1 200 OK", `Content-Length: ${length}`, "Content-Type: text/x"];
    const answer = await answerOf("HEAD", upstream(lines, 0));
    expect(answer).toMatchObject({ length: [length], coding: [], type: ["text/x"], body: "" });
  });

  test.each([
    ["chunked", ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"]],
    [
      "chunked, with a type",
      ["HTTP/1.1 404 No", "Content-Type: a/b", "Transfer-Encoding: chunked"],
    ],
    ["until the connection ends", ["HTTP/1.1 200 OK", "Connection: close"]],
  ])("says no length where GET is %s", async (how, lines) => {
    const answer = await answerOf("HEAD", upstream(lines, 0));
    // The wire edge says of a coding what the upstream says.
    const isCoded = onEdge({ serve: true, wire: how.startsWith("chunked") });
    expect(answer).toMatchObject({ length: [], coding: isCoded ? ["chunked"] : [], body: "" });
    expect(answer.type).toEqual(lines.some((line) => line.includes("a/b")) ? ["a/b"] : []);
  });

  test("leaves the connection in order where there is no length", async () => {
    const lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"];
    const placed = await place({ programs: { terminal: await listen(upstream(lines, 3, true)) } });
    const host = placed.host("terminal-1");
    const wire = new Wire(proxy.port).send(`HEAD / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect(await wire.saw("\r\n\r\n")).toBe(true);
    const head = wire.received.length;
    wire.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    await wire.closed;
    expect(answersIn(wire.received.slice(head))).toMatchObject([{ status: 200, body: "xxx" }]);
  });
});

test("a body that stands still is sent on as far as it came", async () => {
  const more = Promise.withResolvers<void>();
  const port = await listen((socket) => {
    socket.once("data", async () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\nbegun");
      await more.promise;
      socket.write(Buffer.alloc(69_995));
    });
  });
  const placed = await place({ programs: { terminal: port } });
  const response = await fetch(`http://127.0.0.1:${proxy.port}/`, {
    headers: { host: placed.host("terminal-1") },
  });
  const reader = response.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("begun");
  more.resolve();
  let bytes = 5;
  for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
    bytes += next.value.byteLength;
  }
  expect(bytes).toBe(70_000);
});

// The runtime sends a streamed body in chunks, whatever Content-Length says. When this fails, the limit is gone.
const keepsLength = onEdge({ serve: "loses its length on this edge", wire: "keeps its length" });
test(`a body too long to hold ${keepsLength}, but no byte`, async () => {
  const bytes = 1_048_577;
  const lines = ["HTTP/1.1 200 OK", `Content-Length: ${bytes}`];
  const answer = await answerOf("GET", upstream(lines, bytes));
  expect(answer).toMatchObject(
    onEdge({
      serve: { length: [], coding: ["chunked"], type: [] },
      wire: { length: [String(bytes)], coding: [], type: [] },
    }),
  );
  expect(answer.body.replace(/\r\n[0-9a-f]+\r\n/g, "").length).toBeGreaterThanOrEqual(bytes);
});

test("the answers are whole ones, by an independent reader", async () => {
  const lines = ["HTTP/1.1 200 OK", "Content-Length: 3"];
  const placed = await place({ programs: { terminal: await listen(upstream(lines, 3)) } });
  const text = await untilClosed(
    proxy.port,
    `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nConnection: close\r\n\r\n`,
  );
  expect(answersIn(text).map(({ status, body }) => [status, body])).toEqual([[200, "xxx"]]);
});

// So many bytes are gathered with a head before they leave: trailers may come when there is no room for them any more.
test.each([13_000, 13_060, 13_090, 13_100])(
  "ten chunks of %i bytes with extensions and long trailers come whole",
  async (bytes) => {
    const chunk = `${bytes.toString(16)};a\r\n${"~".repeat(bytes)}\r\n`;
    const trailer = `X-Sum: ${"y".repeat(7_000)}`;
    const response = Buffer.from(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(10)}0\r\n${trailer}\r\n\r\n`,
    );
    const serve = (socket: net.Socket) => socket.on("data", () => void socket.write(response));
    const placed = await place({ programs: { terminal: await listen(serve) } });
    for (let round = 0; round < 5; round++) {
      const text = await untilClosed(
        proxy.port,
        `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nConnection: close\r\n\r\n`,
      );
      expect(text.match(/~/g)).toHaveLength(10 * bytes);
      // The runtime's server sends no trailers over HTTP/1.1.
      expect(text.split(trailer)).toHaveLength(onEdge({ wire: 2, serve: 1 }));
    }
  },
);
