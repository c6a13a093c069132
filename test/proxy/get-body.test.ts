// Bodies of GET and HEAD: the runtime keeps them from the gate, so every one that can be seen is refused; the wire edge passes them on.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { onEdge } from "../harness/on-edge.ts";
import { echoed, testBench } from "../harness/proxy-bench.ts";
import { H2Client, PairFiles, pairFor } from "../harness/tls-bench.ts";
import { answerTo } from "../harness/wire.ts";

const bench = await testBench();
const files = new PairFiles();
files.write(pairFor());
let gate: ProxyServer;
let h2: H2Client;
let host = "";

beforeAll(async () => {
  gate = await startProxy(
    bench.options({ tls: files.options(), responseHeaderMs: 60_000 }),
    bench.registry,
  );
  h2 = new H2Client(gate.tls?.port ?? 0);
  host = (await bench.place()).host("terminal-1");
});
afterAll(async () => {
  h2.close();
  await gate.stop(true);
});

describe("over HTTP/1.1", () => {
  const get = (...lines: string[]) =>
    answerTo(gate.port, ["GET / HTTP/1.1", `Host: ${host}`, ...lines].join("\r\n"));

  test("GET with a length of 0 passes", async () => {
    expect((await get("Content-Length: 0", "", ""))?.status).toBe(200);
  });

  // The runtime shows neither whether the chunks hold a byte nor the byte. When the first passes, both have to be told apart.
  const fate = onEdge({ serve: "is 400", wire: "passes" });
  test.each([
    ["empty", "0\r\n\r\n"],
    ["of three bytes", "3\r\nabc\r\n0\r\n\r\n"],
  ])(`GET with a chunked body that is %s ${fate} on this edge`, async (_what, body) => {
    const answer = await get("Transfer-Encoding: chunked", "", body);
    expect(answer?.status).toBe(onEdge({ serve: 400, wire: 200 }));
  });
});

describe("over HTTP/2", () => {
  test.each(["GET", "HEAD"])("%s with DATA and a length is 400", async (method) => {
    const head = { ":method": method, ":authority": host, "content-length": "3" };
    expect((await h2.ask(head, "abc")).status).toBe(400);
  });

  // The runtime says nothing of such a body: not here, not in what a handler of its own sees.
  test.each(["GET", "HEAD"])("%s with DATA and no length loses it on this edge", async (method) => {
    const seen: string[] = [];
    const probe = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: pairFor(),
      http2: true,
      async fetch(request) {
        seen.push(`${request.body} ${(await request.clone().text()).length}`);
        seen.push(...request.headers.keys());
        return new Response();
      },
    });
    const direct = new H2Client(probe.port ?? 0);
    expect((await direct.ask({ ":method": method, ":authority": host }, "abc")).status).toBe(200);
    direct.close();
    await probe.stop(true);
    expect(seen).toEqual(["null 0", "host"]);

    const answer = await h2.ask({ ":method": method, ":authority": host }, "abc");
    expect(answer.status).toBe(200);
    if (method === "GET") expect(JSON.parse(answer.body).body).toBe("");
  });

  test.each(["POST", "DELETE", "OPTIONS"])(
    "%s with DATA and no length is forwarded whole",
    async (method) => {
      const { status, body } = await h2.ask({ ":method": method, ":authority": host }, "abc");
      expect([status, JSON.parse(body).body]).toEqual([200, "abc"]);
    },
  );

  test("HEAD says no length where GET has none", async () => {
    const port = await bench.listen((socket) =>
      socket.on("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      }),
    );
    const placed = await bench.place({ programs: { terminal: port } });
    expect(await gate.reached(bench.registry.revision, 5_000)).toBe(true);
    const head = { ":method": "HEAD", ":authority": placed.host("terminal-1") };
    const { status, headers } = await h2.ask(head);
    expect([status, headers["content-length"]]).toEqual([200, undefined]);
  });

  test("a refused upload reads its refusal", async () => {
    const denied = (await bench.place({ own: { default: "deny" } })).host("terminal-1");
    expect(await gate.reached(bench.registry.revision, 5_000)).toBe(true);
    const head = { ":method": "POST", ":authority": denied };
    expect((await h2.ask(head, "x".repeat(4_000_000))).status).toBe(403);
    expect((await h2.ask({ ":authority": host })).status).toBe(200);
  });
});

test("GET without a body is forwarded as before", async () => {
  expect((await echoed(await bench.ask(host))).body).toBe("");
});
