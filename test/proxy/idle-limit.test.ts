// A connection that carried an allowed request has its idle limit back afterwards. The runtime looks every 4 s.
import { describe, expect, test } from "bun:test";
import net from "node:net";
import { startProxy } from "../../src/proxy/proxy.ts";
import { testBench } from "../harness/proxy-bench.ts";

const { listen, options, place, registry } = await testBench();

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
const IN_CHUNKS = "Transfer-Encoding: chunked\r\n\r\n";

/** Sends the request, then `more` as soon as `mark` came; answers what came until the connection ended, or `open`. */
function watch(port: number, request: string, mark: string, more: string, limitMs: number) {
  const { promise, resolve } = Promise.withResolvers<[received: string, ended: boolean]>();
  let received = "";
  let sent = false;
  const socket = net.connect(port, "127.0.0.1", () => socket.write(request));
  const limit = setTimeout(() => {
    resolve([received, false]);
    socket.destroy();
  }, limitMs);
  socket.on("data", (data) => {
    received += data.toString("latin1");
    if (!sent && received.includes(mark)) {
      sent = true;
      socket.write(more);
    }
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    clearTimeout(limit);
    resolve([received, true]);
  });
  return promise;
}

describe("after an allowed request", () => {
  test.concurrent.each([
    ["a short body", "GET", `${HEAD}Content-Length: 2\r\n\r\nok`, "ok", ""],
    ["a long body", "GET", `${HEAD}Content-Length: 70000\r\n\r\n${"x".repeat(70_000)}`, "xx", ""],
    ["a body in chunks", "GET", `${HEAD}${IN_CHUNKS}2\r\nok\r\n0\r\n\r\n`, "ok", ""],
    ["an empty body in chunks", "GET", `${HEAD}${IN_CHUNKS}0\r\n\r\n`, "200 OK", ""],
    ["a body without a type", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", ""],
    ["no body", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "204", ""],
    ["the answer to HEAD", "HEAD", `${HEAD}Content-Length: 99\r\n\r\n`, "200 OK", ""],
    ["an upstream that hangs up", "POST", "", "502", ""],
    ["a half-sent head", "GET", `${HEAD}Content-Length: 2\r\n\r\nok`, "ok", "GET / HT"],
  ])(
    "%s: the idle connection ends",
    async (_what, method, answer, mark, more) => {
      const upstream = await listen((socket) => socket.once("data", () => socket.end(answer)));
      const placed = await place({ programs: { terminal: upstream } });
      const proxy = await startProxy(options({ idleS: 1 }), registry);
      const request = `${method} / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nContent-Length: 0\r\n\r\n`;
      const [received, ended] = await watch(proxy.port, request, mark, more, 9_000);
      await proxy.stop(true);
      expect([received.includes(mark), ended]).toEqual([true, true]);
    },
    20_000,
  );
});

test.concurrent("after an internal error the idle connection ends", async () => {
  const upstream = await listen((socket) => socket.once("data", () => socket.end()));
  const placed = await place({ programs: { terminal: upstream } });
  const log = {
    info() {},
    error() {},
    warn(_fields: object, message: string) {
      if (message === "upstream failed") throw new Error("a failure of the gate itself");
    },
  };
  const proxy = await startProxy({ ...options({ idleS: 1 }), log }, registry);
  const request = `POST / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nContent-Length: 0\r\n\r\n`;
  const [received, ended] = await watch(proxy.port, request, "500 Internal", "", 9_000);
  await proxy.stop(true);
  expect([received.includes("500 Internal"), ended]).toEqual([true, true]);
}, 20_000);

test.concurrent("a quiet stream outlives the limit", async () => {
  const upstream = await listen((socket) =>
    socket.once("data", () => {
      socket.write(`${HEAD}${IN_CHUNKS}3\r\nabc\r\n`);
      setTimeout(() => socket.end("3\r\ndef\r\n0\r\n\r\n"), 9_000);
    }),
  );
  const placed = await place({ programs: { terminal: upstream } });
  const proxy = await startProxy(options({ idleS: 1 }), registry);
  const request = `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\n\r\n`;
  const [received] = await watch(proxy.port, request, "\0", "", 10_000);
  await proxy.stop(true);
  expect(received).toContain("def");
}, 20_000);

test.concurrent("a connection has its time after a while without any", async () => {
  const placed = await place();
  const proxy = await startProxy(options({ idleS: 1 }), registry);
  const request = `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nConnection: close\r\n\r\n`;
  for (let i = 0; i < 2; i++) {
    const [received] = await watch(proxy.port, request, "\0", "", 5_000);
    expect(received).toStartWith("HTTP/1.1 200 ");
    await Bun.sleep(1_600);
  }
  await proxy.stop(true);
}, 20_000);
