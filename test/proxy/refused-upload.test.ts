// Refused uploads: whoever is still sending reads the refusal, and can hold neither memory nor connections with it.
import { describe, expect, test } from "bun:test";
import net from "node:net";
import { tmpdir } from "node:os";
import { Lingering } from "../../src/proxy/edge/bun-serve/lingering.ts";
import type { LingeringLimits } from "../../src/proxy/edge/lingering-limits.ts";
import type { Placement } from "../harness/change-registry.ts";
import { FORBIDDEN_PORT, testBench } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";
import { answersIn, untilClosed } from "../harness/wire.ts";

const { proxy, place, listen } = await testBench();
const MIB = 1024 * 1024;

/** Sends all before it reads anything, as simple clients do. Resolves with the first line of the answer, or the error. */
function sendThenRead(head: string, bytes: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = net.connect(proxy.port, "127.0.0.1");
  let received = "";
  socket.pause();
  socket.on("error", (error) => resolve(`${error}`));
  socket.on("data", (data) => {
    received += data.toString("latin1");
    if (received.includes("\r\n")) resolve(received.split("\r\n")[0] ?? "");
  });
  socket.on("close", () => resolve(`closed after ${JSON.stringify(received)}`));
  socket.write(head);
  const part = Buffer.alloc(64 * 1024);
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const size = Math.min(left, part.length);
      left -= size;
      if (!socket.write(part.subarray(0, size))) {
        socket.once("drain", more);
        return;
      }
    }
    socket.resume();
  };
  more();
  return promise.finally(() => socket.destroy());
}

const DENIED: Placement = { own: { default: "deny" } };
const LOCKED: Placement = {
  own: {
    groups: { g: { type: "password", username: "ada", password: "pass:word", salt: "s" } },
    permissions: { g: { terminal: true } },
  },
};

async function hostOf(placement: Placement | null, service = "terminal-1"): Promise<string> {
  return placement === null ? "nowhere.test" : (await place(placement)).host(service);
}

const REFUSED: [string, number, Placement | null, string, string][] = [
  ["without a credential", 401, LOCKED, "terminal-1", "/"],
  ["denied", 403, DENIED, "terminal-1", "/"],
  ["to no host", 404, null, "", "/"],
  [
    "to a port that is never dialled",
    503,
    { programs: { terminal: FORBIDDEN_PORT } },
    "terminal-1",
    "/",
  ],
  ["to curl, as a call", 413, {}, "curl-1", "/proxy"],
];

describe("a client that sends its whole upload before it reads gets to read", () => {
  test.each(
    REFUSED.flatMap(([name, status, ...at]) =>
      [1, 8, 64].map((mib) => [status, name, mib, at] as const),
    ),
  )("%i %s (%i MiB)", async (status, _name, mib, [placement, service, path]) => {
    const host = await hostOf(placement, service);
    const lines = [`POST ${path} HTTP/1.1`, `Host: ${host}`, "Content-Type: application/json"];
    const head = [...lines, `Content-Length: ${mib * MIB}`, "", ""].join("\r\n");
    expect(await sendThenRead(head, mib * MIB)).toStartWith(`HTTP/1.1 ${status} `);
  });
});

const script = new URL("fixtures/upload.mjs", import.meta.url).pathname;

/** A port that passes on to the gate what comes, with this Host: fetch does not let its caller set it. */
async function withHost(host: string): Promise<number> {
  return listen((socket) => {
    const gate = net.connect(proxy.port, "127.0.0.1");
    gate.on("error", () => socket.resetAndDestroy());
    socket.once("data", (first) => {
      gate.write(first.toString("latin1").replace(/Host: [^\r]*/i, `Host: ${host}`), "latin1");
      socket.pipe(gate);
    });
    gate.pipe(socket);
  });
}

const curl = (expectation: string, host: string, file: string) => [
  ...["curl", "-sS", "-H", `Expect: ${expectation}`, "-H", `Host: ${host}`],
  ...["--data-binary", `@${file}`, `http://127.0.0.1:${proxy.port}/`],
];

const CLIENTS: [string, number[], (host: string, file: string) => Promise<string[]>][] = [
  [
    "fetch of Node",
    [1, 10],
    async (host, file) => ["node", script, `http://127.0.0.1:${await withHost(host)}/`, file],
  ],
  ["curl", [1, 100], async (host, file) => curl("", host, file)],
  ["curl that expects 100", [1, 100], async (host, file) => curl("100-continue", host, file)],
];

describe("a client of the field reads its refusal", () => {
  test.each(CLIENTS.flatMap(([name, sizes, argv]) => sizes.map((mb) => [name, mb, argv] as const)))(
    "%s (%i MB)",
    async (name, mb, argv) => {
      const file = `${tmpdir()}/realmgate-upload-${process.pid}-${name.length}-${mb}`;
      await Bun.write(file, new Uint8Array(mb * 1e6));
      const child = Bun.spawn(await argv(await hostOf(DENIED), file), { stderr: "pipe" });
      const texts = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
      const [said, wrong] = await Promise.all(texts);
      await Bun.file(file).delete();
      expect([said, wrong]).toEqual([expect.stringContaining('"code":"denied"'), ""]);
    },
  );
});

describe("a refused upload is read no longer than its limits allow", () => {
  const limits: LingeringLimits = {
    connectionsMax: 2,
    perNetworkMax: 2,
    bytesMax: 1_000_000,
    silentMs: 60_000,
    allMs: 60_000,
  };

  /** An upload that never ends, a part at a time; `over` resolves when it is read no more. */
  function endless(lingering: Lingering, part: number | null, peer = "192.0.2.1") {
    const seen = { read: 0, cancelled: false };
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (part !== null) {
            seen.read += part;
            controller.enqueue(new Uint8Array(part));
          }
          return part === null ? new Promise<void>(() => {}) : undefined;
        },
        cancel() {
          seen.cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    const over = new Response(lingering.bodyOf("refused", { body, peer })).text();
    return { over, seen };
  }

  test("in bytes", async () => {
    const { over, seen } = endless(new Lingering(limits), 65_536);
    expect(await over).toBe("refused");
    expect(seen.read).toBeGreaterThan(1_000_000);
    expect(seen.read).toBeLessThan(1_200_000);
  });

  test("in silence", async () => {
    const { over, seen } = endless(new Lingering({ ...limits, silentMs: 0 }), null);
    expect(await over).toBe("refused");
    expect(seen.cancelled).toBe(true);
  });

  test("in time", async () => {
    const lingering = new Lingering({ ...limits, allMs: 0, bytesMax: Number.MAX_SAFE_INTEGER });
    const { over, seen } = endless(lingering, null);
    expect(await over).toBe("refused");
    expect([seen.cancelled, lingering.count]).toEqual([true, 0]);
  });

  test("and above the caps not at all", async () => {
    const lingering = new Lingering({ ...limits, perNetworkMax: 1 });
    void endless(lingering, null).over;
    await until(() => lingering.count === 1, "the first is read out");
    expect(await endless(lingering, 65_536).over).toBe("refused");
    void endless(lingering, null, "198.51.100.1").over;
    await until(() => lingering.count === 2, "the second is read out");
    expect(await endless(lingering, null, "203.0.113.1").over).toBe("refused");
  });
});

test("a client that sends half and then waits gets its whole answer, and its connection ends", async () => {
  const host = await hostOf(DENIED);
  const text = await untilClosed(
    proxy.port,
    `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n\r\nhalf`,
  );
  expect(answersIn(text)).toMatchObject([{ status: 403 }]);
});

test("what follows a refused upload on its connection is no request", async () => {
  const host = await hostOf(DENIED);
  const next = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const text = await untilClosed(
    proxy.port,
    `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\nbody${next}`,
  );
  expect(answersIn(text).map(({ status }) => status)).toEqual([403]);
});
