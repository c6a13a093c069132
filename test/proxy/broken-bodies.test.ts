// A body that is malformed, or does not come whole, is its client's fault, whatever it was on its way to.
import { afterAll, describe, expect, test } from "bun:test";
import http2 from "node:http2";
import { startProxy } from "../../src/proxy/proxy.ts";
import { certificate } from "../harness/certificate.ts";
import type { Placement } from "../harness/change-registry.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { answersIn, request, Wire } from "../harness/wire.ts";

const bench = await testBench();
const gate = await startProxy(
  bench.options({ plainEdge: "wire", responseHeaderMs: 60_000 }),
  bench.registry,
);
/** Reads bodies, and answers when they are whole. */
const read = async (request: Request) => {
  await request.arrayBuffer();
  return new Response("whole");
};
const loopback = { hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: read } as const;
const plain = Bun.serve(loopback);
const secure = Bun.serve({ ...loopback, tls: certificate() });
const h2c = http2.createServer((request, response) => {
  request.on("end", () => response.end("whole")).resume();
});
await new Promise<void>((resolve) => h2c.listen(0, "127.0.0.1", resolve));
afterAll(async () => {
  await gate.stop(true);
  await plain.stop(true);
  await secure.stop(true);
  h2c.close();
});

const portOf = ({ port }: { readonly port?: number | undefined }) => port ?? 0;
const h2cPort = () => {
  const address = h2c.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
};
const hooked = (onError: string): Placement => ({
  programs: { exec: portOf(plain), terminal: portOf(plain) },
  hooks: {
    terminal: [{ id: "h", match: { path: "/" }, script: { path: "/s" }, on_error: onError }],
  },
});

const ways: [string, () => { placement: Placement; service?: string; path?: string }][] = [
  ["a program", () => ({ placement: { programs: { terminal: portOf(plain) } } })],
  [
    "one that speaks h2c",
    () => ({
      placement: { programs: { terminal: { port: h2cPort(), stride: 0, protocol: "h2c" } } },
    }),
  ],
  ["one over HTTPS", () => ({ placement: {}, service: `https-${portOf(secure)}` })],
  ["one with an open hook", () => ({ placement: hooked("open") })],
  ["one with a closed hook", () => ({ placement: hooked("closed") })],
  ["curl", () => ({ placement: {}, service: "curl-1", path: "/proxy" })],
];

describe.each(ways)("on its way to %s", (_where, way) => {
  test.each([
    ["a chunk is malformed", "Transfer-Encoding: chunked", "3\r\nabc\r\n0x\r\n"],
    ["trailers frame it anew", "Transfer-Encoding: chunked", "0\r\nContent-Length: 1\r\n\r\n"],
    ["its end is missing", "Content-Length: 100", "0123456789"],
    ["so is its last chunk", "Transfer-Encoding: chunked", "3\r\nabc\r\n"],
  ])("it is 400 when %s", async (_what, framing, body) => {
    const { placement, service = "terminal-1", path = "/" } = way();
    const { host } = await bench.place(placement);
    expect(await gate.reached(bench.registry.revision, 10_000)).toBe(true);
    const before = bench.logged.length;
    const wire = new Wire(gate.port);
    wire.socket.allowHalfOpen = true;
    const type = "Content-Type: application/json";
    wire.socket.end(request(host(service), `POST ${path} HTTP/1.1`, framing, type) + body);
    await wire.closed;
    const [answer, ...more] = answersIn(wire.received);
    expect([answer?.status, more]).toEqual([400, []]);
    expect(JSON.parse(answer?.body ?? "")).toMatchObject({ code: "bad_request" });
    const worse = bench.logged.slice(before).filter(({ level }) => level !== "info");
    expect(worse).toEqual([]);
  });
});
