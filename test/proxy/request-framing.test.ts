// How the wire edge says to a program where the body of a request ends, when the client says it oddly.
import { afterAll, expect, test } from "bun:test";
import { startProxy } from "../../src/proxy/proxy.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { answerTo, request } from "../harness/wire.ts";
import { startWitness } from "../harness/witness.ts";

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
