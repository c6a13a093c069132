// Upstreams that neither accept nor refuse: what connecting to them may take, and how many attempts may be under way.
import { afterAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { until } from "../../../../test/harness/until.ts";
import { ConnectAttempts } from "../../../guard/connect-attempts.ts";
import { Method } from "../../../http1/method.ts";
import { H2cPool } from "../h2c/h2c-pool.ts";
import { RawPool } from "./raw-pool.ts";
import type { RawReceiver } from "./raw-receiver.ts";
import { RawRequest } from "./raw-request.ts";

const LISTENER = `
const server = require("node:net").createServer(() => {});
server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port));
`;

/** A process that listens and is stopped; its queue of connections is full, so that the kernel answers no more of them. */
async function silentListener() {
  const child = Bun.spawn([process.execPath, "-e", LISTENER], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  const port = Number(Buffer.from((await reader.read()).value ?? []).toString());
  child.kill("SIGSTOP");
  const fillers: net.Socket[] = [];
  for (let isFull = false; !isFull; ) {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", () => {});
    fillers.push(socket);
    isFull = await Promise.race([
      new Promise<boolean>((resolve) => socket.once("connect", () => resolve(false))),
      Bun.sleep(1_000).then(() => true),
    ]);
  }
  return {
    port,
    /** Nothing listens there any more: attempts that are under way are refused. */
    async gone() {
      child.kill("SIGKILL");
      await child.exited;
      for (const socket of fillers) socket.destroy();
    },
  };
}

/** Resolves with the failure. */
function asked(pool: RawPool, port: number, responseHeaderMs = 60_000): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const head = Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const receiver: RawReceiver = {
    writeHead: () => ({ written: head, length: head.length }),
    onDrain: () => {},
    onInterim: () => {},
    onHead: () => {},
    onBody: () => {},
    onFlush: () => {},
    onEnd: () => resolve("end"),
    onFailed: (failure) => resolve(failure),
  };
  const raw = new RawRequest(pool, receiver);
  raw.method = Method.GET;
  raw.isWhole = true;
  raw.responseHeaderMs = responseHeaderMs;
  raw.send("127.0.0.1", port);
  return promise;
}

describe("an upstream that does not answer a connection", async () => {
  const listener = await silentListener();
  const attempts = new ConnectAttempts({ perAddressMax: 2 });
  const pool = new RawPool({ tickMs: 5, connectMs: 60 }, attempts);
  afterAll(async () => {
    await listener.gone();
    pool.stop();
  });

  test("is a timeout after the time for connecting, or for the response where that is less", async () => {
    expect(await asked(pool, listener.port)).toBe("timeout");
    const patient = new RawPool({ tickMs: 5, connectMs: 60_000 });
    expect(await asked(patient, listener.port, 60)).toBe("timeout");
    expect([pool.size, patient.size]).toEqual([0, 0]);
    patient.stop();
  });

  test("is unreachable at once while too many attempts are under way, and asked again when they are over", async () => {
    expect(await asked(pool, listener.port)).toBe("timeout");
    expect(await asked(pool, listener.port)).toBe("unreachable");
    // The same for HTTP/2, which shares the bound.
    const h2c = new H2cPool({ tickMs: 5, connectMs: 60 }, attempts);
    expect([h2c.session("127.0.0.1", listener.port, false), h2c.size]).toEqual([null, 0]);
    expect(attempts.dropped).toBe(2);
    await listener.gone();
    // The system sends its attempts again after a second, and learns that nothing listens.
    let failure = "";
    const listening = net.createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    });
    for (let attempts = 0; attempts < 100 && failure !== "end"; attempts++) {
      if (!listening.listening) listening.listen(listener.port, "127.0.0.1");
      failure = await asked(pool, listener.port);
      await Bun.sleep(100);
    }
    expect(failure).toBe("end");
    await until(() => attempts.dropped === 0, "the system is done with those that were given up");
    listening.close();
  });
});
