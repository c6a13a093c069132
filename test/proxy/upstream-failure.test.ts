import { describe, expect, test } from "bun:test";
import net from "node:net";
import { onEdge } from "../harness/on-edge.ts";
import { code, echoed, testBench } from "../harness/proxy-bench.ts";
import { within } from "../harness/until.ts";

const { ask, listen, listening, logged, place, proxy, raw } = await testBench();

/** In no log line, and on no stderr (stderr.test.ts). */
const SECRET_PATH = "/private?token=hunter2";

describe("an upstream that fails", () => {
  // The first: of many in a second not all are logged.
  test("is logged by a name, without path or query", async () => {
    const port = await listen((socket) => socket.once("data", () => socket.destroy()));
    const placed = await place({ programs: { terminal: port } });
    const before = logged.length;
    const init = { method: "POST", body: "x", path: SECRET_PATH };
    const response = await ask(placed.host("terminal-1"), init);
    const requestId = response.headers.get("x-realmgate-request-id");
    const lines = logged.slice(before);
    expect(lines.map(({ message }) => message)).toEqual(["upstream failed", "request refused"]);
    expect(lines[0]?.fields).toEqual({
      requestId,
      address: "127.0.0.1",
      port,
      error: "ECONNRESET",
    });
    expect(Bun.inspect(lines, { depth: 9 })).not.toMatch(/hunter2|private/);
  });

  test("refusing the connection is 502", async () => {
    const port = await listen(() => {});
    listening.pop()?.close();
    const placed = await place({ programs: { terminal: port } });
    expect(await code(await ask(placed.host("terminal-1")))).toEqual([502, "upstream_unreachable"]);
  });

  test.each([
    ["hanging up", ""],
    ["garbage", "SSH-2.0-OpenSSH\r\n"],
    ["a status that is none", "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"],
    ["switching protocols unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
  ])("%s is 502", async (_what, bytes) => {
    const port = await listen((socket) => socket.once("data", () => socket.end(bytes)));
    const placed = await place({ programs: { terminal: port } });
    const init = { method: "POST", body: "x" };
    const response = await ask(placed.host("terminal-1"), init);
    expect(await code(response)).toEqual([502, "upstream_unreachable"]);
  });

  test("silence is 504, and the upstream is let go", async () => {
    const gone = Promise.withResolvers<void>();
    const port = await listen((socket) => {
      socket.on("data", () => {});
      socket.on("close", () => gone.resolve());
    });
    const placed = await place({ programs: { terminal: port } });
    expect(await code(await ask(placed.host("terminal-1")))).toEqual([504, "upstream_timeout"]);
    await within(gone.promise, "the upstream is let go");
  });

  // The wire edge has passed the head on by then.
  test("dying in the middle of a short body is no whole response, and logged by a name", async () => {
    const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n";
    const port = await listen((socket) => socket.once("data", () => socket.end(`${head}abc`)));
    const placed = await place({ programs: { terminal: port } });
    const before = logged.length;
    const answer = await raw(
      `GET ${SECRET_PATH} HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nConnection: close\r\n\r\n`,
    );
    const refused = /^HTTP\/1.1 502 .*"code":"upstream_unreachable"/s;
    const cut = /^HTTP\/1.1 200 OK\r\n.*Content-Length: 10\r\n.*\r\n\r\nabc$/s;
    expect(answer).toMatch(onEdge({ serve: refused, wire: cut }));
    expect(logged[before]).toMatchObject({
      message: "upstream failed",
      fields: { error: "ECONNRESET" },
    });
  });

  // The wire edge has passed the head on by then, and the response goes on until its client goes.
  test("a short body that never ends keeps no upstream", async () => {
    const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n";
    const gone = Promise.withResolvers<void>();
    const port = await listen((socket) => {
      socket.once("data", () => socket.write(`${head}abc`));
      socket.on("close", () => gone.resolve());
    });
    const placed = await place({ programs: { terminal: port } });
    const response = await ask(placed.host("terminal-1"), { path: SECRET_PATH });
    if (response.status !== 200) {
      expect(await code(response)).toEqual([504, "upstream_timeout"]);
    } else {
      const reader = response.body?.getReader();
      expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("abc");
      await reader?.cancel();
    }
    expect(response.status).toBe(onEdge({ serve: 504, wire: 200 }));
    await within(gone.promise, "the upstream is let go");
  });

  const broken = [
    ["of known length", "Content-Type: text/plain\r\nContent-Length: 65536\r\n\r\nabc"],
    ["in chunks", "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
    ["without a type", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
    ["short and without a type", "Content-Length: 10\r\n\r\nabc"],
  ] as const;

  test.each(broken)(
    "dying right after the first part of a body %s is seen by the client",
    async (_how, rest) => {
      const port = await listen((socket) =>
        socket.once("data", () => socket.end(`HTTP/1.1 200 OK\r\n${rest}`)),
      );
      const placed = await place({ programs: { terminal: port } });
      const answer = await raw(
        `GET ${SECRET_PATH} HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\n\r\n`,
      );
      // Neither a whole head without a body nor a last chunk.
      expect(answer).toStartWith("HTTP/1.1 200 OK\r\n");
      expect(answer).not.toEndWith("\r\n\r\n");
    },
  );

  test.each(broken)(
    "dying in the middle of a body %s is seen by the client",
    async (_how, rest) => {
      const cut = Promise.withResolvers<void>();
      const port = await listen((socket) =>
        socket.once("data", async () => {
          socket.write(`HTTP/1.1 200 OK\r\n${rest}`);
          await cut.promise;
          socket.destroy();
        }),
      );
      const placed = await place({ programs: { terminal: port } });
      const client = net.connect(proxy.port, "127.0.0.1");
      const { promise, resolve } = Promise.withResolvers<string>();
      let received = "";
      client.on("data", (data) => {
        received += data.toString();
        if (received.includes("abc")) {
          cut.resolve();
        }
      });
      client.on("error", () => {});
      client.on("close", () => resolve(received));
      client.write(`GET ${SECRET_PATH} HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\n\r\n`);
      const answer = await promise;
      expect(answer).toContain("abc");
      expect(answer).not.toEndWith("0\r\n\r\n");
      const length = /content-length: (\d+)/i.exec(answer)?.[1];
      expect(length === undefined || Number(length) > 3).toBe(true);
    },
  );

  test("the next request is served as if nothing had been", async () => {
    const placed = await place();
    await echoed(await ask(placed.host("terminal-1")));
  });
});
