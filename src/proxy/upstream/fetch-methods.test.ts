import { afterAll, expect, test } from "bun:test";
import net from "node:net";
import { listenLocally } from "../../../test/harness/local-server.ts";
import { isSentAsItIs, METHODS_SENT } from "./fetch-methods.ts";

let line = "";
const server = net.createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", (data) => {
    line = data.toString("latin1").split("\r\n", 1)[0] ?? "";
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
});
const port = await listenLocally(server);
afterAll(() => server.close());

test.each([...METHODS_SENT])("fetch sends %s as it is", async (method) => {
  await fetch(`http://127.0.0.1:${port}/`, { method, proxy: false });
  expect(line).toBe(`${method} / HTTP/1.1`);
});

test.each(["get", "Head", "FOO", "TRACE", "CONNECT", "VERSION-CONTROL", ""])(
  "%j is not asked for",
  (method) => {
    expect(isSentAsItIs(method)).toBe(false);
  },
);
