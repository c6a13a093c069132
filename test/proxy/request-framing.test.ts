// How the wire edge says where a body ends, when the client or the program says it oddly.
import { afterAll, expect, test } from "bun:test";
import { startProxy } from "../../src/proxy/proxy.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { answerTo, request, untilClosed } from "../harness/wire.ts";
import { ok, startWitness } from "../harness/witness.ts";

const bench = await testBench();
const witness = await startWitness();
const gate = await startProxy(
  bench.options({ plainEdge: "wire", responseHeaderMs: 60_000 }),
  bench.registry,
);
afterAll(async () => {
  await gate.stop(true);
  witness.stop();
});

test.each([
  ["S1 chUNKed", "transfer-encoding", "chUNKed", "chunked", "3\r\nabc\r\n0\r\n\r\n"],
  ["S1 chunked", "transfer-encoding", "chunked", "chunked", "3\r\nabc\r\n0\r\n\r\n"],
  ["S2 010, which some read as eight,", "content-length", "010", "10", "0123456789"],
  ["S2 0000000000000003", "content-length", "0000000000000003", "3", "abc"],
  ["S2 10", "content-length", "10", "10", "0123456789"],
])("%s reaches the program in the common spelling", async (_what, name, said, heard, body) => {
  const { host } = await bench.place({ programs: { terminal: witness.port } });
  expect(await gate.reached(bench.registry.revision, 10_000)).toBe(true);
  const bytes = request(host("terminal-1"), "POST / HTTP/1.1", `${name}: ${said}`) + body;
  expect((await answerTo(gate.port, bytes))?.status).toBe(200);
  expect([witness.latest(name), witness.requests.at(-1)?.body]).toEqual([[heard], body]);
});

test.each([
  ["S1", "Transfer-Encoding: chunked  ", "3\r\nabc\r\n0\r\n\r\n"],
  ["S2", "Content-Length: 3 ", "abc"],
])("%s a program gets %j without the spaces behind it", async (_case, line, body) => {
  let head = "";
  const program = await bench.listen((socket) => {
    socket.on("data", (data) => {
      head += data.toString("latin1");
      if (head.endsWith(body)) socket.write("HTTP/1.1 204 No Content\r\n\r\n");
    });
  });
  const { host } = await bench.place({ programs: { terminal: program } });
  expect(await gate.reached(bench.registry.revision, 10_000)).toBe(true);
  const bytes = request(host("terminal-1"), "POST / HTTP/1.1", line) + body;
  expect((await answerTo(gate.port, bytes))?.status).toBe(204);
  expect(head).toContain(`\r\n${line.trim()}\r\n`);
  expect(head).not.toContain(line);
});

test.each([
  ["GET", "Transfer-Encoding: chUNKed", "Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"],
  ["GET", "Transfer-Encoding: chunked ", "Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"],
  ["GET", "Content-Length: 010", "Content-Length: 10", "0123456789"],
  ["GET", "Content-Length: 3 ", "Content-Length: 3", "abc"],
  ["HEAD", "Content-Length: 010", "Content-Length: 10", ""],
  ["GET", "Content-Length: 00", "Content-Length: 0", ""],
])("S9 to %s the client hears of %j in the common spelling", async (method, said, heard, body) => {
  witness.answering = () => `HTTP/1.1 200 OK\r\nX-A: 1\r\n${said}\r\nX-B: 2\r\n\r\n${body}`;
  const { host } = await bench.place({ programs: { terminal: witness.port } });
  expect(await gate.reached(bench.registry.revision, 10_000)).toBe(true);
  const bytes = request(host("terminal-1"), `${method} / HTTP/1.1`, "Connection: close");
  const [lines = "", came] = (await untilClosed(gate.port, bytes)).split(/\r\n\r\n(.*)/s);
  const framing = lines.split("\r\n").filter((line) => /^(?:content-l|transfer-)/i.test(line));
  expect([framing, came]).toEqual([[heard], body]);
  witness.answering = ({ line }) => ok(line);
});

test.each(["80000000", "100000003", "FFFFFFFF"])(
  "S4 a chunk of %s bytes, which some count in 32 bits, is refused",
  async (size) => {
    const { host } = await bench.place({ programs: { terminal: witness.port } });
    expect(await gate.reached(bench.registry.revision, 10_000)).toBe(true);
    const seen = witness.requests.length;
    const bytes = request(host("terminal-1"), "POST / HTTP/1.1", "Transfer-Encoding: chunked");
    const answer = await answerTo(gate.port, `${bytes}${size}\r\nabc\r\n0\r\n\r\n`);
    expect(answer?.status).toBe(400);
    expect(witness.requests.length).toBe(seen);
  },
);
