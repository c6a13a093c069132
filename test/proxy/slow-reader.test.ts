// What waits for a client that does not read is that client's own, whatever others get meanwhile.
import { afterAll, expect, test } from "bun:test";
import { startProxy } from "../../src/proxy/proxy.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { PairFiles, pairFor } from "../harness/tls-bench.ts";
import { dial } from "../harness/wire.ts";

const bench = await testBench();
const files = new PairFiles();
files.write(pairFor());
// The other edge cuts off who sends so many requests without reading.
const gate = await startProxy(
  bench.options({ plainEdge: "wire", tls: files.options(), responseHeaderMs: 60_000 }),
  bench.registry,
);
afterAll(() => gate.stop(true));
const BODY_BYTES = 10_000;
/** More than the buffers of the kernel hold. */
const REQUESTS = 3_000;

test.each([
  ["plain text", gate.port],
  ["TLS", { tlsPort: gate.tls?.port ?? 0 }],
] as const)(
  "a client that reads late gets its responses byte for byte, over %s",
  async (_how, at) => {
    const port = await bench.listen((socket) =>
      socket.on("data", (data) => {
        const letters = [...data.toString("latin1").matchAll(/^GET \/(.)/gm)].map(
          ([, c]) => c ?? "",
        );
        for (const letter of letters) {
          socket.write(
            `HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n${letter.repeat(BODY_BYTES)}`,
          );
        }
      }),
    );
    const host = (await bench.place({ programs: { terminal: port } })).host("terminal-1");
    expect(await gate.reached(bench.registry.revision, 5_000)).toBe(true);
    const late = dial(at);
    const ask = `GET /a HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    let left = REQUESTS;
    const send = () => {
      while (left > 0) {
        left--;
        if (!late.write(ask)) {
          late.once("drain", send);
          return;
        }
      }
    };
    late.pause();
    send();
    // Until nothing more is taken.
    let before = -1;
    while (late.bytesWritten !== before) {
      before = late.bytesWritten;
      await Bun.sleep(300);
    }
    for (let n = 0; n < 50; n++) {
      const answer = await bench.ask(host, { path: "/b", via: gate });
      expect(await answer.text()).toBe("b".repeat(BODY_BYTES));
    }
    let bodies = 0;
    let text = "";
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    late.on("error", reject);
    late.on("data", (data) => {
      text += data.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end !== -1; end = text.indexOf("\r\n\r\n")) {
        const next = end + 4 + BODY_BYTES;
        if (text.length < next) break;
        if (
          !text.startsWith("HTTP/1.1 200 OK\r\n") ||
          text.slice(end + 4, next) !== "a".repeat(BODY_BYTES)
        ) {
          reject(new Error(`response ${bodies} is not what its program sent`));
        }
        bodies++;
        text = text.slice(next);
      }
      if (bodies === REQUESTS) resolve();
    });
    late.resume();
    try {
      await promise;
    } finally {
      late.destroy();
    }
  },
  60_000,
);
