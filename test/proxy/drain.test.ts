// Going without breaking anything off, as far as the bound allows.
import { expect, test } from "bun:test";
import net from "node:net";
import { startProxy } from "../../src/proxy/proxy.ts";
import { LOCAL, testBench } from "../harness/proxy-bench.ts";
import { within } from "../harness/until.ts";

const bench = await testBench();
const OPEN = { own: { groups: { all: LOCAL }, permissions: { all: { terminal: true } } } };

/** A connection of HTTP/1.1 in the test's hands. */
async function connected(port: number) {
  const socket = net.connect(port, "127.0.0.1");
  const closed = Promise.withResolvers<string>();
  let text = "";
  let answered = Promise.withResolvers<string>();
  socket.on("data", (data) => {
    text += data.toString("latin1");
    answered.resolve(text);
  });
  socket.on("error", () => {});
  socket.on("close", () => closed.resolve(text));
  await new Promise((resolve) => socket.once("connect", resolve));
  return {
    closed: closed.promise,
    /** What has come when something has. */
    ask(host: string): Promise<string> {
      text = "";
      answered = Promise.withResolvers<string>();
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      return answered.promise;
    },
    write: (part: string) => socket.write(part),
  };
}

test("a kept connection is told with its next answer; one that says nothing is closed", async () => {
  const proxy = await startProxy(bench.options(), bench.registry);
  const host = (await bench.place(OPEN)).host("terminal");
  expect(await proxy.reached(bench.registry.revision, 5_000)).toBe(true);
  const [busy, silent] = [await connected(proxy.port), await connected(proxy.port)];
  expect((await busy.ask(host)).toLowerCase()).not.toContain("connection: close");
  await silent.ask(host);
  const drained = proxy.drain(10_000);
  expect((await busy.ask(host)).toLowerCase()).toContain("connection: close");
  expect(await busy.closed).toStartWith("HTTP/1.1 200");
  await silent.closed;
  await drained;
});

test("a request that has begun to come in is answered", async () => {
  const proxy = await startProxy(bench.options({ responseHeaderMs: 60_000 }), bench.registry);
  const host = (await bench.place(OPEN)).host("terminal");
  expect(await proxy.reached(bench.registry.revision, 5_000)).toBe(true);
  const late = await connected(proxy.port);
  await late.ask(host);
  const slow = await connected(proxy.port);
  slow.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\nab`);
  const drained = proxy.drain(10_000);
  await late.closed;
  slow.write("cd");
  const answer = await slow.closed;
  expect(answer).toStartWith("HTTP/1.1 200");
  expect(answer).toContain('"body":"abcd"');
  await drained;
});

test("what goes on beyond the bound is cut, its client sees a broken body, and its upstream is let go", async () => {
  const proxy = await startProxy(bench.options(), bench.registry);
  const gone = Promise.withResolvers<void>();
  const port = await bench.listen((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nbegun\n");
    });
    socket.on("close", () => gone.resolve());
  });
  const host = (await bench.place({ ...OPEN, programs: { terminal: port } })).host("terminal");
  expect(await proxy.reached(bench.registry.revision, 5_000)).toBe(true);
  const response = await bench.ask(host, { via: proxy });
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/event-stream",
  ]);
  await proxy.drain(300);
  expect(
    await response.text().then(
      () => "whole",
      () => "broken",
    ),
  ).toBe("broken");
  await within(gone.promise, "the upstream is let go");
});

test("responses that wait for a client that reads late come whole", async () => {
  const proxy = await startProxy(bench.options({ plainEdge: "wire" }), bench.registry);
  const late = net.connect(proxy.port, "127.0.0.1");
  const ended = Promise.withResolvers<string>();
  let text = "";
  late.on("data", (data) => {
    text += data.toString("latin1");
  });
  late.on("error", (error) => ended.resolve(error.message));
  late.on("end", () => ended.resolve("in order"));
  late.pause();
  // Each is refused. When no more of them are taken, responses are waiting.
  const asks = "GET / HTTP/1.1\r\nHost: nowhere\r\n\r\n".repeat(1_000);
  const send = () => {
    while (late.write(asks)) {}
  };
  late.on("drain", send);
  send();
  for (let before = -1; late.bytesWritten !== before; await Bun.sleep(300)) {
    before = late.bytesWritten;
  }
  late.off("drain", send);
  await proxy.drain(10_000, () => late.resume());
  expect(await within(ended.promise, "the connection ends")).toBe("in order");
  const [head = "", body = ""] = text.slice(text.lastIndexOf("HTTP/1.1 ")).split("\r\n\r\n");
  expect(head.toLowerCase()).toContain("connection: close");
  expect(head.toLowerCase()).toContain(`content-length: ${body.length}`);
});

test("revocation still reaches what goes on meanwhile", async () => {
  const proxy = await startProxy(bench.options(), bench.registry);
  const port = await bench.listen((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nbegun\n");
    });
  });
  const placed = await bench.place({ ...OPEN, programs: { terminal: port } });
  expect(await proxy.reached(bench.registry.revision, 5_000)).toBe(true);
  const response = await bench.ask(placed.host("terminal"), { via: proxy });
  expect(response.status).toBe(200);
  const drained = proxy.drain(60_000);
  await placed.change({ own: { groups: {}, permissions: {}, default: "deny" } });
  expect(
    await response.text().then(
      () => "whole",
      () => "broken",
    ),
  ).toBe("broken");
  // Its bound is a minute.
  await within(drained, "drained as soon as nothing goes on");
});
