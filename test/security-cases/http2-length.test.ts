// A request over HTTP/2 whose body is not as long as it says: programs behind TLS, too, get that length or no whole request.
import { afterAll, expect, test } from "bun:test";
import tls from "node:tls";
import { startProxy } from "../../src/proxy/proxy.ts";
import { certificate } from "../harness/certificate.ts";
import { data, END_STREAM, type Field, frame, head, Type } from "../harness/http2-frames.ts";
import { listenLocally } from "../harness/local-server.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { handshake, PairFiles, pairFor } from "../harness/tls-bench.ts";
import { until } from "../harness/until.ts";

const bench = await testBench();
const files = new PairFiles();
files.write(pairFor());
const gate = await startProxy(
  bench.options({ tls: files.options(), upstreamTls: "off" }),
  bench.registry,
);
afterAll(() => gate.stop(true));

const { cert, key } = certificate();
let received = "";
const program = tls.createServer({ cert, key }, (socket) => {
  socket.on("error", () => {});
  socket.on("data", (data) => {
    received += data.toString("latin1");
    if (received.endsWith("12345")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
});
const port = await listenLocally(program);
afterAll(() => program.close());

async function placed() {
  const { host } = await bench.place({});
  return { host: host(`https-${port}`) };
}

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/** What a client that says what it likes gets back of the first request: frames of its stream, by type. */
async function answered(host: string, length: string, body: string, isEnded: boolean) {
  const socket = await handshake({ port: gate.tls?.port ?? 0, servername: host, alpn: ["h2"] });
  const fields: Field[] = [
    [":method", "POST"],
    [":scheme", "https"],
    [":path", "/"],
    [":authority", host],
    ["content-length", length],
  ];
  const sent = [Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(Type.settings, 0, 0)];
  sent.push(head(1, fields, isEnded ? END_STREAM : 0));
  if (!isEnded) sent.push(data(1, body, END_STREAM));
  let kept = Buffer.alloc(0);
  const { promise, resolve } = Promise.withResolvers<number>();
  socket.on("error", () => resolve(-1));
  socket.on("close", () => resolve(-1));
  socket.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]);
    while (kept.length >= 9 && kept.length >= 9 + kept.readUIntBE(0, 3)) {
      const type = kept[3] ?? 0;
      const isOurs = (kept.readUInt32BE(5) & 0x7fff_ffff) === 1;
      kept = kept.subarray(9 + kept.readUIntBE(0, 3));
      if (isOurs && (type === Type.headers || type === Type.reset)) resolve(type);
    }
  });
  socket.write(Buffer.concat(sent));
  const type = await promise;
  socket.destroy();
  return type;
}

test("S4 a body of the length that it says reaches a program behind TLS", async () => {
  received = "";
  const { host } = await placed();
  expect(await answered(host, "5", "12345", false)).toBe(Type.headers);
  await until(() => received.endsWith("\r\n\r\n12345"), "all of it has come");
});

test.each([
  ["more than it says", "5", `12345${SMUGGLED}`, false],
  ["less than it says", "500", "12345", false],
  ["nothing of what it says", "5", "", true],
  ["nothing in a frame of what it says", "5", "", false],
])("S4 a body that is %s reaches no program", async (_what, length, body, isEnded) => {
  received = "";
  const { host } = await placed();
  expect(await answered(host, length, body, isEnded)).toBe(Type.reset);
  expect(received).not.toContain("\r\n\r\n");
});
