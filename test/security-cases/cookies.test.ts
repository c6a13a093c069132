// K: what a program sets for the parent domain reaches no neighbour.
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import tls from "node:tls";
import type { JsonObject } from "@bufbuild/protobuf";
import { certificate } from "../harness/certificate.ts";
import { PARENT } from "../harness/change-registry.ts";
import { caseBench } from "../harness/gate.ts";
import { listenLocally } from "../harness/local-server.ts";
import { onEdge } from "../harness/on-edge.ts";
import { answerTo, request, untilClosed, Wire } from "../harness/wire.ts";

const bench = await caseBench();
const { port } = bench.proxy;

const COOKIES = [
  `Set-Cookie: tok=x; Domain=${PARENT}`,
  `set-cookie: sid=y; Path=/; dOMAIN = ".${PARENT.toUpperCase()}" ; Secure`,
  "Set-Cookie: plain=z; HttpOnly",
].join("\r\n");
const CONFINED = ["tok=x", "sid=y; Path=/; Secure", "plain=z; HttpOnly"];

function cookiesOf(received: string): string[] {
  return [...received.matchAll(/\r\nset-cookie: ([^\r]*)/gi)].map(([, value = ""]) => value);
}

async function received(host: string, ...lines: string[]): Promise<string> {
  const wire = new Wire(port).send(request(host, "GET / HTTP/1.1", ...lines));
  expect(await wire.saw("\r\n\r\n")).toBe(true);
  const { received: text } = wire;
  wire.end();
  return text;
}

describe("K1 a program's Set-Cookie for the domain that all containers share is the host's alone", () => {
  test.each([
    ["200 OK", "Content-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"],
    ["200 OK", "Content-Length: 2\r\n\r\nok"],
    ["200 OK", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
    ["204 No Content", "\r\n"],
    ["302 Found", "Location: /\r\nContent-Length: 0\r\n\r\n"],
    ["401 Unauthorized", "Content-Length: 0\r\n\r\n"],
    ["500 Internal Server Error", "Content-Length: 0\r\n\r\n"],
  ])("in %s", async (status, rest) => {
    const { host } = await bench.scene({}, () => `HTTP/1.1 ${status}\r\n${COOKIES}\r\n${rest}`);
    const text = await received(host);
    expect(text).toStartWith(`HTTP/1.1 ${status.slice(0, 3)} `);
    expect(cookiesOf(text)).toEqual(CONFINED);
  });

  const arrive = onEdge({ serve: "of which nothing arrives", wire: "which arrive" });
  test(`in early hints, ${arrive}, and in the answer behind them`, async () => {
    const hints = `HTTP/1.1 103 Early Hints\r\n${COOKIES}\r\n\r\n`;
    const final = `HTTP/1.1 200 OK\r\n${COOKIES}\r\nContent-Length: 0\r\n\r\n`;
    const { host } = await bench.scene({}, () => hints + final);
    const bytes = request(host, "GET / HTTP/1.1", "Connection: close");
    expect(cookiesOf(await untilClosed(port, bytes))).toEqual(
      onEdge({ serve: CONFINED, wire: [...CONFINED, ...CONFINED] }),
    );
  });

  const handshake = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];

  test("in 101", async () => {
    const { host } = await bench.scene({}, ({ headers }) => {
      const key = headers.find(([name]) => name.toLowerCase() === "sec-websocket-key")?.[1] ?? "";
      const accept = createHash("sha1")
        .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n${COOKIES}\r\n\r\n`
      );
    });
    const text = await received(host, ...handshake);
    expect(text).toStartWith("HTTP/1.1 101 ");
    expect(cookiesOf(text)).toEqual(CONFINED);
  });

  test("in the refusal of an upgrade", async () => {
    const { host } = await bench.scene(
      {},
      () => `HTTP/1.1 403 Forbidden\r\n${COOKIES}\r\nContent-Length: 0\r\n\r\n`,
    );
    const text = await received(host, ...handshake);
    expect(text).toStartWith("HTTP/1.1 403 ");
    expect(cookiesOf(text)).toEqual(CONFINED);
  });

  test("in the answer of a hook's script", async () => {
    const script = await bench.scene(
      {},
      () => `HTTP/1.1 200 OK\r\n${COOKIES}\r\nContent-Length: 0\r\n\r\n`,
    );
    const hook: JsonObject = {
      id: "guard",
      match: { path: "/*" },
      script: { path: "/s" },
      timeout: 5_000,
    };
    const { host } = await bench.scene({
      programs: { exec: script.witness.port },
      hooks: { terminal: [hook] },
    });
    expect(cookiesOf(await received(host))).toEqual(CONFINED);
  });

  test("in the reason of a program over HTTPS, where U+010D U+010A is no end of a line", async () => {
    const hidden = Buffer.from(`a\u010d\u010aSet-Cookie: tok=x; Domain=${PARENT}`);
    const program = tls.createServer(certificate(), (socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(Buffer.concat([Buffer.from("HTTP/1.1 200 "), hidden]));
        socket.write("\r\nContent-Length: 0\r\n\r\n");
      });
    });
    bench.listening.push(program);
    const programs = { https: await listenLocally(program) };
    const placed = await bench.place({ programs });
    const text = await received(placed.host(`https-${programs.https}`));
    expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(cookiesOf(text)).toEqual([]);
  });

  test("in an answer through the curl program no cookie is left", async () => {
    const { host, placed } = await bench.scene(
      {},
      () => `HTTP/1.1 200 OK\r\n${COOKIES}\r\nContent-Length: 0\r\n\r\n`,
    );
    const url = encodeURIComponent(`http://${host}/`);
    const answer = await answerTo(
      port,
      request(placed.host("curl-1"), `GET /proxy?url=${url} HTTP/1.1`),
    );
    expect([answer?.status, answer?.headers.has("set-cookie")]).toEqual([200, false]);
  });
});

test("K2 a Domain that is the host itself stays", async () => {
  const { host } = await bench.scene({}, ({ headers }) => {
    const own = headers.find(([name]) => name.toLowerCase() === "host")?.[1] ?? "";
    return `HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=.${own}; Path=/\r\nContent-Length: 0\r\n\r\n`;
  });
  expect(cookiesOf(await received(host))).toEqual([`a=1; Domain=.${host}; Path=/`]);
});

describe("K3 a program clears no cookies with Clear-Site-Data: browsers clear those of all containers", () => {
  const all = '"cache", "clientHints", "executionContexts", "storage"';
  test.each<[string, string | null]>([
    ['"cookies"', null],
    ['"cache", "cookies","storage"', '"cache", "storage"'],
    ['"*"', all],
    [' "COOKIES" ', null],
    ['"storage"', '"storage"'],
    ['"executionContexts" , "cache"', '"executionContexts" , "cache"'],
  ])("%s becomes %p", async (sent, left) => {
    for (const name of ["Clear-Site-Data", "clear-site-data"]) {
      const head = `HTTP/1.1 200 OK\r\n${name}: ${sent}\r\n`;
      const { host } = await bench.scene({}, () => `${head}Content-Length: 0\r\n\r\n`);
      const text = await received(host);
      expect(/\r\nclear-site-data: ([^\r]*)/i.exec(text)?.[1] ?? null).toBe(left);
    }
  });
});
