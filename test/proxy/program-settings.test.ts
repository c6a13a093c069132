// What operators say of a program beside its port: which Host it gets, and how long it may take.
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { caseBench, codeOf } from "../harness/gate.ts";
import { answerTo, request, Wire } from "../harness/wire.ts";

const bench = await caseBench();
const { port } = bench.proxy;

const HANDSHAKE = [
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** A container whose terminal has these settings. */
async function scene(settings: object, answering?: Parameters<typeof bench.scene>[1]) {
  const made = await bench.scene({}, answering);
  const at = made.witness.port;
  await made.placed.change({ programs: { terminal: { port: at, stride: 0, ...settings } } });
  return { ...made, upstream: `127.0.0.1:${at}` };
}

describe("the Host that a program gets", () => {
  test.each([[{}], [{ host: "keep" }]])("%j: the client's", async (settings) => {
    const { host, witness } = await scene(settings);
    expect((await answerTo(port, request(host)))?.status).toBe(200);
    expect(witness.latest("host")).toEqual([host]);
  });

  test("upstream: the address and port that are dialled, and X-Forwarded-Host keeps the client's", async () => {
    const { host, witness, upstream } = await scene({ host: "upstream" });
    const lines = [`Origin: https://${host}`, `Referer: http://${host.toUpperCase()}/page?a=1`];
    expect(
      (await answerTo(port, request(host, "POST / HTTP/1.1", ...lines, "Content-Length: 0")))
        ?.status,
    ).toBe(200);
    expect(witness.latest("host")).toEqual([upstream]);
    expect(witness.latest("x-forwarded-host")).toEqual([host]);
    expect(witness.latest("origin")).toEqual([`http://${upstream}`]);
    expect(witness.latest("referer")).toEqual([`http://${upstream}/page?a=1`]);
  });

  test("upstream, in the handshake of a WebSocket", async () => {
    const { host, witness, upstream } = await scene({ host: "upstream" }, ({ headers }) => {
      const key = headers.find(([name]) => name === "sec-websocket-key")?.[1] ?? "";
      const accept = createHash("sha1")
        .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
    });
    const wire = new Wire(port).send(
      request(host, "GET / HTTP/1.1", ...HANDSHAKE, `Origin: http://${host}`),
    );
    expect(await wire.saw("\r\n\r\n")).toBe(true);
    expect(wire.received).toStartWith("HTTP/1.1 101 ");
    wire.end();
    expect(witness.latest("host")).toEqual([upstream]);
    expect(witness.latest("origin")).toEqual([`http://${upstream}`]);
    expect(witness.latest("x-forwarded-host")).toEqual([host]);
  });

  test.each([
    "https://evil.example.com",
    "null",
    "https://evil.example.com/HOST",
    "https://HOST.evil.example.com",
    "https://HOST@evil.example.com",
    "https://xHOST",
    "https://HOST:8443",
  ])("upstream: the origin %j is another's, and stays", async (text) => {
    const { host, witness } = await scene({ host: "upstream" });
    const origin = text.replace("HOST", host);
    await answerTo(
      port,
      request(host, "GET / HTTP/1.1", `Origin: ${origin}`, `Referer: ${origin}`),
    );
    expect(witness.latest("origin")).toEqual([origin]);
    expect(witness.latest("referer")).toEqual([origin]);
  });

  test.each([
    ["http://UP/a?b=1", "http://HOST/a?b=1"],
    ["HTTP://UP", "http://HOST"],
    ["/a", "/a"],
    ["http://UP.evil.example.com/", "http://UP.evil.example.com/"],
    ["http://UP//evil.example.com/", "http://HOST//evil.example.com/"],
    ["http://elsewhere.example.com/UP", "http://elsewhere.example.com/UP"],
  ])("upstream: its redirect to %s is one to %s", async (sent, heard) => {
    let upstream = "";
    const made = await scene({ host: "upstream" }, () => {
      const location = sent.replace("UP", upstream);
      return `HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;
    });
    upstream = made.upstream;
    const answer = await answerTo(port, request(made.host));
    const expected = heard.replace("HOST", made.host).replace("UP", upstream);
    expect(answer?.headers.get("location")).toBe(expected);
  });

  test("upstream, of http: for every port, and for https unless it says otherwise", async () => {
    const { placed, witness } = await bench.scene();
    const http = { port: 0, stride: 0, host: "upstream" } as const;
    await placed.change({ programs: { http } });
    const host = placed.host(`http-${witness.port}`);
    expect((await answerTo(port, request(host)))?.status).toBe(200);
    expect(witness.latest("host")).toEqual([`127.0.0.1:${witness.port}`]);
  });
});

describe("how long a program may take to begin its response", () => {
  const silent = () => null;

  test("its own time is longer than the installation's: it is waited for", async () => {
    // `hasty` waits for 400 ms.
    const { host } = await scene({ responseTimeoutS: 30 }, ({ line }, socket) => {
      setTimeout(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 1_500);
      return line === "" ? line : null;
    });
    const answer = await answerTo(bench.hasty.port, request(host));
    expect([answer?.status, answer?.body]).toEqual([200, "ok"]);
  });

  test("and shorter: 504, for a WebSocket too", async () => {
    // `proxy` waits for a minute.
    const { host } = await scene({ responseTimeoutS: 1 }, silent);
    const [plain, upgrade] = await Promise.all([
      answerTo(port, request(host)),
      answerTo(port, request(host, "GET / HTTP/1.1", ...HANDSHAKE)),
    ]);
    expect([plain?.status, codeOf(plain?.body ?? "")]).toEqual([504, "upstream_timeout"]);
    expect([upgrade?.status, codeOf(upgrade?.body ?? "")]).toEqual([504, "upstream_timeout"]);
  });

  test.each([0, -1, 3_601])("%p is out of range: the installation's holds", async (seconds) => {
    const { host } = await scene({ responseTimeoutS: seconds }, silent);
    const answer = await answerTo(bench.hasty.port, request(host));
    expect(answer?.status).toBe(504);
  });
});
